/**
 * Planning over a whole history, commit by commit, in one process: 100 services, 5,000 files. `history 1000 10000` has so
 * many services, a hundred files each, and so many commits.
 */
import { join } from 'node:path'
import { largeRepository, type Size } from './measuring/large-repository.ts'
import type { LookedThroughAll } from './measuring/look-through-all.ts'
import { commandRow, measureInTurns, runCommand } from './measuring/measure.ts'
import { printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'

const rounds = 3
const [services = 0, commits = 3000] = process.argv
  .slice(2)
  .flatMap((word) => (/^\d+$/.test(word) ? [Number(word)] : []))
const size: Size =
  services === 0
    ? { services: 100, packages: 20, filesEach: 41, history: commits }
    : { services, packages: Math.ceil(services / 5), filesEach: 83, history: commits }
using scratch = scratchFolder()
const { environment } = scratch
const { clone } = await largeRepository(scratch, 'shop', size)

const program = [
  process.execPath,
  '--disable-warning=ExperimentalWarning',
  join(import.meta.dirname, 'measuring/look-through-all.ts'),
]
const looks: LookedThroughAll[] = []
const rows = await measureInTurns(
  [
    {
      name: 'all commits, with every input hash',
      async run() {
        const argv = [...program, clone, join(scratch.path, 'home')]
        const output = await runCommand(argv, { cwd: clone, environment, timeoutMs: 300_000 })
        const took = JSON.parse(output) as LookedThroughAll // the program above printed it
        looks.push(took)
        return took.ms
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
const [last] = looks.toReversed()
if (all === undefined || last === undefined) throw new Error('nothing was measured')
const cpuMs = Math.min(...looks.map((look) => look.cpuMs))
const perSecond = (ms: number) => Math.round(last.commits / (ms / 1000))
const peakMb = Math.max(...looks.map((look) => look.peakMb))
const files = (size.services + size.packages) * size.filesEach
printReport({
  bench: 'history',
  about: `${size.services} services, ${files} files, ${last.commits} commits, one in 20 adds a file`,
  rows,
  skipped: [],
  notes: [
    `${perSecond(all.minMs)} commits a second at best, ${perSecond(all.medianMs)} in the middle; ${last.changed} services changed`,
    `${perSecond(cpuMs)} commits a second of its own CPU time (${(cpuMs / last.commits).toFixed(2)} ms each, git's processes aside)`,
    `${peakMb} MB resident at the most, ${last.startedMb} MB before the first commit`,
  ],
  figures: { perSecond: perSecond(all.minMs), perCpuSecond: perSecond(cpuMs), peakMb },
})
