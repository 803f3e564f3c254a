/** A ledger of 100,000 events and 10,000 build records: what looks only at its end must not feel its length. */
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { EnvironmentState } from '../src/model/index.ts'
import { longLedger, manyRecords } from './measuring/long-ledger.ts'
import { commandRow, measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { fastImport, git, scratchFolder } from './measuring/scratch.ts'
import { endFleet, makeShop } from './measuring/shop.ts'

const events = 100_000
const records = 10_000
using scratch = scratchFolder()
const { environment } = scratch
const skipped: Report['skipped'] = []
const shop = makeShop(scratch, 5)
const programs = present(trunklinePrograms(), skipped)
const at = { cwd: shop.clone, environment }
const home = environment['TRUNKLINE_HOME'] ?? ''
try {
  const [first] = programs
  if (first === undefined) throw new Error('there is no Trunkline to measure')
  await runCommand([...first.argv, 'deliver', '--json'], { ...at, expect: /"outcome": "succeeded"/ })
  const clone = keepShort()

  const state = JSON.parse(git(scratch, shop.remote, 'show', 'refs/trunkline/env/stage:state.json')) as EnvironmentState
  await fastImport(scratch, shop.remote, longLedger(state, events))
  await fastImport(scratch, shop.remote, manyRecords(records))
  // As a host does now and then.
  git(scratch, shop.remote, 'repack', '-adq')
  const notes: string[] = []
  for (const { name, argv } of programs) {
    rmSync(`${home}/state`, { recursive: true, force: true })
    const startedAt = performance.now()
    await runCommand([...argv, 'status', '--json'], at)
    notes.push(
      `${name}: ${Math.round(performance.now() - startedAt)} ms for the first status ever, with all of the history fetched`,
    )
  }
  const startedAt = performance.now()
  await runCommand([...(programs.at(-1) ?? first).argv, 'verify-ledger', '--json'], { ...at, expect: /"ok": true/ })
  notes.push(`verify-ledger of all of it, from its first event on: ${Math.round(performance.now() - startedAt)} ms`)
  printReport({
    bench: 'ledger',
    about: `${events} events, ${records} build records; beside them the same project with a ledger of one delivery`,
    rows: await measureInTurns([...rowsOf('a short ledger', clone), ...rowsOf('a long ledger', shop.clone)], 5),
    skipped,
    notes,
  })
} finally {
  await endFleet(scratch)
}

/** The project as it is now, of the same name and on the same fleet, with a remote of its own. */
function keepShort(): string {
  const [clone, remote] = [join(scratch.path, 'short'), join(scratch.path, 'short.git')]
  cpSync(shop.clone, clone, { recursive: true })
  cpSync(shop.remote, remote, { recursive: true })
  git(scratch, clone, 'remote', 'set-url', 'origin', remote)
  return clone
}

function rowsOf(what: string, cwd: string): Row[] {
  const there = { cwd, environment }
  return [
    commandRow(`node -e 0 (${what})`, [process.execPath, '-e', '0'], there),
    ...programs.flatMap(({ name, argv }) => [
      commandRow(`${name}: status, ${what}`, [...argv, 'status', '--json'], there),
      commandRow(`${name}: deliver, ${what}`, [...argv, 'deliver', '--json'], {
        ...there,
        expect: /"outcome": "nothing"/,
      }),
    ]),
  ]
}
