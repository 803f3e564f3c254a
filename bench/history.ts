/** Planning over a whole history, commit by commit, in one process: 100 services, 5,000 files. */
import { readProject } from '../src/cli/project-file.ts'
import { lookThrough } from '../src/delivery/look-through.ts'
import { describeWorkingCopy, openSourceRepository } from '../src/git/index.ts'
import type { CommitId } from '../src/model/index.ts'
import { largeRepository } from './measuring/large-repository.ts'
import { commandRow, measureInTurns, rssMbOf } from './measuring/measure.ts'
import { printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'

const history = 3000
const rounds = 3
using scratch = scratchFolder()
const { environment } = scratch
const { clone } = await largeRepository(scratch, 'shop', { services: 100, packages: 20, filesEach: 41, history })

/** Every commit's changed services and hashes; answers how many commits there were. */
async function lookThroughAll(): Promise<{ commits: number; changed: number }> {
  const cacheDirectory = `${scratch.path}/home`
  const source = await openSourceRepository({ directory: clone, cacheDirectory, remote: 'origin', environment })
  try {
    const workingCopy = await describeWorkingCopy(source.local, environment)
    const projectAt = (id: CommitId) => readProject({ source, workingCopy, cacheDirectory }, id)
    const engine = { world: { source, builder: { platform: 'linux/x64' }, environment: {}, projectAt } }
    const steps = source.firstParents({ from: null, to: await source.resolve('main') })
    let commits = 0
    let changed = 0
    for await (const step of lookThrough(engine, steps)) {
      commits += 1
      changed += step.changed.length
    }
    return { commits, changed }
  } finally {
    await source.close()
  }
}

let last = { commits: 0, changed: 0 }
const rows = await measureInTurns(
  [
    {
      name: 'all commits, with every input hash',
      async run() {
        last = await lookThroughAll()
        return undefined
      },
    },
    commandRow('git log --raw -r (first parents)', ['git', 'log', '--first-parent', '--raw', '-r', '-z', 'main'], {
      cwd: clone,
      environment,
    }),
  ],
  rounds,
)
const [all] = rows
const perSecond = (ms: number | undefined) => Math.round(last.commits / ((ms ?? Number.NaN) / 1000))
printReport({
  bench: 'history',
  about: `100 services, 5,000 files, ${last.commits} commits, one in 20 adds a file`,
  rows,
  skipped: [],
  notes: [
    `${perSecond(all?.minMs)} commits a second at best, ${perSecond(all?.medianMs)} in the middle; ${last.changed} services changed`,
    `${rssMbOf(process.pid)} MB resident at the end`,
  ],
})
