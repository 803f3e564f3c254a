/** A ledger of 100,000 events and 10,000 build records: what looks only at its end must not feel its length. */
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { formatDocument } from '../src/ledger/document.ts'
import { eventMessage } from '../src/ledger/event-message.ts'
import { applyEvent } from '../src/ledger/fold.ts'
import type { EnvironmentState, LedgerEvent } from '../src/model/index.ts'
import { commandRow, measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { trunklinePrograms } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { fastImport, git, put, scratchFolder } from './measuring/scratch.ts'
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
  const short = await measureInTurns(rowsOf('a short ledger'), 5)

  const state = JSON.parse(git(scratch, shop.remote, 'show', 'refs/trunkline/env/stage:state.json')) as EnvironmentState
  await fastImport(scratch, shop.remote, longLedger(state))
  await fastImport(scratch, shop.remote, manyRecords())
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
  const long = await measureInTurns(rowsOf('a long ledger'), 5)
  printReport({
    bench: 'ledger',
    about: `${events} events, ${records} build records; beside them the same project with a ledger of one delivery`,
    rows: [...short, ...long],
    skipped,
    notes,
  })
} finally {
  await endFleet(scratch)
}

function rowsOf(what: string): Row[] {
  return [
    commandRow(`node -e 0 (${what})`, [process.execPath, '-e', '0'], at),
    ...programs.flatMap(({ name, argv }) => [
      commandRow(`${name}: status, ${what}`, [...argv, 'status', '--json'], at),
      commandRow(`${name}: deliver, ${what}`, [...argv, 'deliver', '--json'], {
        ...at,
        expect: /"outcome": "nothing"/,
      }),
    ]),
  ]
}

/** Held and resumed, over and over: the state on top is that of the real delivery. */
function* longLedger(start: EnvironmentState): Generator<string> {
  let state = start
  const ref = 'refs/trunkline/env/stage'
  const actor = { name: 'Ada', email: 'ada@example.com' }
  const began = Date.now() - events * 1000
  for (let index = 0; index < events; index += 1) {
    const event = {
      version: 1,
      seq: state.seq + 1,
      at: new Date(began + index * 1000).toISOString(),
      actor,
      environment: 'stage',
      reasons: [],
      kind: index % 2 === 0 ? 'held' : 'resumed',
    } as LedgerEvent // one of the two
    state = applyEvent(state, event)
    const { subject, body, trailers } = eventMessage(event)
    const message = `${[subject, body, trailers.map(([name, value]) => `${name}: ${value}`).join('\n')].filter(Boolean).join('\n\n')}\n`
    yield `commit ${ref}\ncommitter Ada <ada@example.com> ${Math.floor((began + index * 1000) / 1000)} +0000\ndata ${Buffer.byteLength(message)}\n${message}\n`
    if (index === 0) yield `from ${ref}^0\n`
    yield put('event.json', formatDocument(event))
    yield put('state.json', formatDocument(state))
  }
}

function* manyRecords(): Generator<string> {
  const ref = 'refs/trunkline/builds'
  const each = 100
  for (let batch = 0; batch < records / each; batch += 1) {
    yield `commit ${ref}\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 8\nrecords\n\n`
    if (batch === 0) yield `from ${ref}^0\n`
    for (let index = 0; index < each; index += 1) {
      const hash = createHash('sha256').update(`${batch}/${index}`).digest('hex')
      const record = {
        version: 1,
        inputHash: hash,
        artifact: `sha256:${hash}`,
        service: `s${index % 5}`,
        commit: hash.slice(0, 40),
        at: '2024-01-01T00:00:00.000Z',
      }
      yield put(`builds/${hash.slice(0, 2)}/${hash}.json`, formatDocument(record))
    }
  }
}
