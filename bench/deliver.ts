/** What a delivery costs beside the service's own build and start: nothing to do, and one service changed. */
import { commandRow, measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'
import { changeService, endFleet, makeShop } from './measuring/shop.ts'

using scratch = scratchFolder()
const { environment } = scratch
const skipped: Report['skipped'] = []
const shop = makeShop(scratch, 5)
const programs = present(trunklinePrograms(), skipped)
const at = { cwd: shop.clone, environment }
const done = /"outcome": "(?:succeeded|nothing)"/
try {
  for (const { argv } of programs) await runCommand([...argv, 'deliver', '--json'], { ...at, expect: done })
  const rows: Row[] = [
    commandRow('node -e 0', [process.execPath, '-e', '0'], at),
    commandRow('git ls-remote', ['git', 'ls-remote', '--quiet', 'origin'], at),
    ...programs.flatMap(({ name, argv }) => [
      commandRow(`${name}: --help`, [...argv, '--help'], at),
      commandRow(`${name}: plan`, [...argv, 'plan', '--json'], at),
      commandRow(`${name}: status`, [...argv, 'status', '--json'], at),
      commandRow(`${name}: deliver, nothing to do`, [...argv, 'deliver', '--json'], {
        ...at,
        expect: /"outcome": "nothing"/,
      }),
    ]),
  ]
  const measured = await measureInTurns(rows, 7)
  let turn = 0
  measured.push(
    ...(await measureInTurns(
      programs.map(({ name, argv }) => ({
        name: `${name}: deliver, one service changed`,
        run: async () => {
          turn += 1
          changeService(scratch, shop, 's1', `change ${turn}`)
          const startedAt = performance.now()
          await runCommand([...argv, 'deliver', '--json'], { ...at, expect: /"outcome": "succeeded"/ })
          return performance.now() - startedAt
        },
      })),
      3,
    )),
  )
  printReport({
    bench: 'deliver',
    about: '5 services on the local fleet; a changed one builds nothing and starts in the time of a bare node',
    rows: measured,
    skipped,
    notes: [],
  })
} finally {
  await endFleet(scratch)
}
