/** The history of an environment, event by event: chained, numbered, signed, and folded anew. */
import { canonicalJson } from '../../hashing/index.ts'
import type { CommitId, EnvironmentName, EnvironmentState, LedgerEvent, ObjectId } from '../../model/index.ts'
import type { HistoryStream, StreamedCommit } from '../../ports/index.ts'
import { parseDocument } from '../document.ts'
import { documentFormatter } from '../document-formatter.ts'
import { applyEvent, initialState } from '../fold.ts'
import { eventShape, stateShape } from '../shapes/documents.ts'
import type { Identified } from '../trust/signed-commit.ts'
import { whoOf, whyNotTheirs } from '../trust/who-may.ts'
import { checkLine, identifyPage, readAs, type VerifyOptions } from './line.ts'
import type { RefReport } from './problem.ts'

const stateFile = 'state.json'
const eventFile = 'event.json'

export async function verifyEnvironment(
  options: VerifyOptions,
  name: EnvironmentName,
  tip: CommitId,
): Promise<RefReport> {
  const line = checkLine(options)
  const { report } = line
  /** What counts, and what the last commit says whether it counts or not: an adoption may take the one or the other. */
  let counted: EnvironmentState = initialState(name)
  let written: EnvironmentState = counted
  const blobIdOf = stateIds(options.stream)

  for await (const page of options.stream.pages(tip, [eventFile])) {
    const identified = await identifyPage(options, page)
    for (const [index, entry] of page.entries()) {
      line.next(entry)
      const event = readEvent(entry)
      const why = whyVoid(event, identified[index] ?? null)
      const before = why === null ? counted : written
      const tell = (code: string, message: string, hint = `look at it: git show ${entry.id.slice(0, 12)}`) =>
        report[why === null ? 'wrong' : 'unsigned']({
          ...{ commit: entry.id, seq: typeof event === 'string' ? null : event.seq, code, message, hint },
        })
      if (why !== null) tell(why.code, `it counts for nothing: ${why.message}`, adoptHint)
      if (typeof event === 'string') {
        tell('event-unreadable', event)
        continue
      }
      // An adoption stands on what was written, where that is more than what counted.
      const isOnWritten = event.kind === 'adopted' && event.seq === written.seq + 1
      const wrong = whatIsWrong(event, name, isOnWritten ? written : before)
      if (wrong !== null) tell(wrong.code, wrong.message)
      if (event.environment !== name) continue

      const folded = applyEvent(before, event)
      const stated = await stateOf(options, entry, folded, blobIdOf(folded))
      const isAdoption = event.kind === 'adopted' && why === null
      // It vouches for what stood there, which may hold more than what was signed.
      const isAdopted = isAdoption && stated.kind === 'other' && isSame(stated.state, applyEvent(written, event))
      if (stated.kind === 'unreadable') tell('state-unreadable', stated.message)
      else if (stated.kind === 'other' && !isAdopted) {
        const parts = differingParts(stated.state, folded).join(', ')
        tell('state-tampered', `its state.json is not what its events add up to: ${parts}`)
      }
      written = stated.kind === 'unreadable' ? applyEvent(before, event) : stated.state
      if (why !== null) continue
      counted = written
      const found = identified[index]
      if (found?.kind === 'signed') report.signed(whoOf(found.by))
      if (isAdoption) report.adopted(entry.id)
    }
  }
  return line.end()
}

const adoptHint =
  'find out who pushed it: git log --show-signature; what counts is not touched by it. To have it behind you: trunkline adopt --all --yes'

type Why = { code: string; message: string }

/** Why an event does not count for want of a signature; null where it does, or none is asked for. */
function whyVoid(event: LedgerEvent | string, found: Identified | null): Why | null {
  if (found === null) return null
  if (found.kind === 'void') return found.why
  return typeof event === 'string' ? null : whyNotTheirs(event, found.by)
}

function whatIsWrong(event: LedgerEvent, name: EnvironmentName, before: EnvironmentState): Why | null {
  if (event.environment !== name) return { code: 'event-elsewhere', message: `it is an event of ${event.environment}` }
  if (event.seq !== before.seq + 1)
    return { code: 'sequence-broken', message: `it is number ${event.seq}, and ${before.seq + 1} is due` }
  if (event.kind === 'approved' && before.waiting?.plan !== event.plan)
    return { code: 'approval-void', message: 'it approves a plan that did not wait' }
  return null
}

function readEvent(entry: StreamedCommit): LedgerEvent | string {
  return readAs(() => parseDocument<LedgerEvent>(entry.files[eventFile] ?? '', eventFile, eventShape))
}

type Stated =
  | { kind: 'same'; state: EnvironmentState }
  | { kind: 'other'; state: EnvironmentState }
  | { kind: 'unreadable'; message: string }

/** The id that a state has as a file. States share most of their parts with the one before, and only others cost anything. */
function stateIds(stream: HistoryStream): (state: EnvironmentState) => ObjectId {
  const format = documentFormatter()
  return (state) => stream.blobId(format(state))
}

/** Mostly the id of the blob says that it is what it must be; only another one is read. */
async function stateOf(
  { stream }: VerifyOptions,
  entry: StreamedCommit,
  folded: EnvironmentState,
  foldedId: ObjectId,
): Promise<Stated> {
  const id = entry.roots[stateFile]
  if (id === undefined) return { kind: 'unreadable', message: 'it has no state.json' }
  if (id === foldedId) return { kind: 'same', state: folded }
  const text = (await stream.blobs([id])).get(id) ?? ''
  const state = readAs(() => parseDocument<EnvironmentState>(text, stateFile, stateShape))
  if (typeof state === 'string') return { kind: 'unreadable', message: state }
  return { kind: isSame(state, folded) ? 'same' : 'other', state }
}

const isSame = (left: EnvironmentState, right: EnvironmentState): boolean =>
  canonicalJson(left) === canonicalJson(right)

function differingParts(left: EnvironmentState, right: EnvironmentState): string[] {
  const parts = new Set([...Object.keys(left), ...Object.keys(right)])
  const at = (state: EnvironmentState, part: string) =>
    canonicalJson(Object.entries(state).find(([key]) => key === part) ?? [])
  return [...parts].filter((part) => at(left, part) !== at(right, part)).sort()
}
