/** A long ledger as `git fast-import` streams: written with the product's own fold, so that every check of it holds. */
import { createHash } from 'node:crypto'
import { formatDocument } from '../../src/ledger/document.ts'
import { documentFormatter } from '../../src/ledger/document-formatter.ts'
import { eventMessage } from '../../src/ledger/event-message.ts'
import { applyEvent } from '../../src/ledger/fold.ts'
import type { BuildRecord, CommitId, Digest, EnvironmentState, InputHash, LedgerEvent } from '../../src/model/index.ts'
import { put } from './scratch.ts'

/** Commits written together: git finds a small delta only against the blob before, so states stand beside states. */
const batchSize = 1000

/** Held and resumed, over and over: the state on top is that of the real delivery. */
export function* longLedger(start: EnvironmentState, events: number): Generator<string> {
  let state = start
  const format = documentFormatter()
  const ref = 'refs/trunkline/env/stage'
  const began = Date.now() - events * 1000
  for (let index = 0; index < events; index += batchSize) {
    const [states, documents, commits]: string[][] = [[], [], []]
    for (let at = index; at < Math.min(events, index + batchSize); at += 1) {
      const event = eventOf(at, state.seq + 1, began)
      state = applyEvent(state, event)
      const [stateMark, eventMark] = [2 * at + 1, 2 * at + 2]
      states?.push(blob(stateMark, Buffer.concat(format(state)).toString('utf8')))
      documents?.push(blob(eventMark, formatDocument(event)))
      const { subject, body, trailers } = eventMessage(event)
      const message = `${[subject, body, trailers.map(([name, value]) => `${name}: ${value}`).join('\n')].filter(Boolean).join('\n\n')}\n`
      commits?.push(
        `commit ${ref}\ncommitter Ada <ada@example.com> ${Math.floor(began / 1000) + at} +0000\ndata ${Buffer.byteLength(message)}\n${message}\n`,
        at === 0 ? `from ${ref}^0\n` : '',
        `M 100644 :${eventMark} event.json\nM 100644 :${stateMark} state.json\n`,
      )
    }
    yield [states, documents, commits].map((parts) => parts?.join('')).join('')
  }
}

function eventOf(index: number, seq: number, began: number): LedgerEvent {
  return {
    version: 1,
    seq,
    at: new Date(began + index * 1000).toISOString(),
    actor: { name: 'Ada', email: 'ada@example.com' },
    environment: 'stage',
    reasons: [],
    kind: index % 2 === 0 ? 'held' : 'resumed',
  } as unknown as LedgerEvent // one of the two
}

const blob = (mark: number, text: string): string => `blob\nmark :${mark}\ndata ${Buffer.byteLength(text)}\n${text}\n`

export function* manyRecords(records: number): Generator<string> {
  const ref = 'refs/trunkline/builds'
  const each = 100
  for (let batch = 0; batch < records / each; batch += 1) {
    yield `commit ${ref}\ncommitter Ada <ada@example.com> 1700000000 +0000\ndata 8\nrecords\n\n`
    if (batch === 0) yield `from ${ref}^0\n`
    for (let index = 0; index < each; index += 1) {
      const hash = createHash('sha256').update(`${batch}/${index}`).digest('hex')
      const record: BuildRecord = {
        version: 1,
        inputHash: hash as InputHash,
        service: `s${index % 5}`,
        artifact: `sha256:${hash}` as Digest,
        commit: hash.slice(0, 40) as CommitId,
        builder: 'ada@laptop',
        at: '2024-01-01T00:00:00.000Z',
        durationMs: 1000,
        provenance: null,
      }
      yield put(`builds/${hash.slice(0, 2)}/${hash}.json`, formatDocument(record))
    }
  }
}
