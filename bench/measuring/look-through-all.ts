/** A process that looks through a whole clone's history, and says what that took: `look-through-all.ts CLONE CACHE`. */
import { readProject } from '../../src/cli/project-file.ts'
import { lookThrough } from '../../src/delivery/release/look-through.ts'
import { describeWorkingCopy, openSourceRepository } from '../../src/git/index.ts'
import type { CommitId } from '../../src/model/index.ts'

/** `startedMb` were resident before the first commit was asked for, `peakMb` at the most. */
export type LookedThroughAll = {
  commits: number
  changed: number
  ms: number
  cpuMs: number
  startedMb: number
  peakMb: number
}

const [clone = '', cacheDirectory = ''] = process.argv.slice(2)
const environment = process.env
const source = await openSourceRepository({ directory: clone, cacheDirectory, remote: 'origin', environment })
try {
  const workingCopy = await describeWorkingCopy(source.local, environment)
  const projectAt = (id: CommitId) => readProject({ source, workingCopy, cacheDirectory }, id)
  const engine = { world: { source, builder: { platform: 'linux/x64' }, environment: {}, projectAt } }
  const steps = source.firstParents({ from: null, to: await source.resolve('main') })
  const startedMb = megabytes(process.memoryUsage.rss())
  const startedAt = performance.now()
  const cpuAtStart = process.cpuUsage()
  let commits = 0
  let changed = 0
  for await (const step of lookThrough(engine, steps)) {
    commits += 1
    changed += step.changed.length
  }
  const { user, system } = process.cpuUsage(cpuAtStart)
  const took: LookedThroughAll = {
    commits,
    changed,
    ms: performance.now() - startedAt,
    cpuMs: (user + system) / 1000,
    startedMb,
    peakMb: megabytes(process.resourceUsage().maxRSS * 1024),
  }
  console.log(JSON.stringify(took))
} finally {
  await source.close()
}

function megabytes(bytes: number): number {
  return Math.round(bytes / 1024 / 1024)
}
