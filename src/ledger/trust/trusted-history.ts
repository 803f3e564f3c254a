/**
 * What of a ref's history counts. A builder's signature vouches for the whole tree of its commit, so that mostly one
 * signature is checked: that of the tip. What others wrote on top is taken event by event, where its own signature
 * allows it; the rest counts for nothing and is told.
 */
import type { CommitId, EnvironmentName, EnvironmentState, LedgerEvent, RefName, Yank } from '../../model/index.ts'
import { reason, refusedError, TrunklineError } from '../../model/index.ts'
import type { StateCommitEntry, StateStore } from '../../ports/index.ts'
import { parseDocument } from '../document.ts'
import { applyEvent, initialState } from '../fold.ts'
import { eventShape, stateShape, yanksShape } from '../shapes/documents.ts'
import { mergeYank, subjectKey } from '../yank-list.ts'
import { type Identified, identify } from './signed-commit.ts'
import type { Signers } from './signers.ts'
import { type Voided, voidedCommit } from './voided.ts'
import { walkBack } from './walk.ts'
import { whyNotTheirs } from './who-may.ts'

export type TrustOptions = { store: StateStore; signers: Signers; nowMs: number }

/** `base`: the newest commit that a builder vouches for; null where there is none. */
export type TrustedHistory = { base: CommitId | null; voided: readonly Voided[] }

const stateFile = 'state.json'
const eventFile = 'event.json'
const yanksFile = 'yanks.json'

/** Records: what builders signed, and nothing else. */
export async function trustedRecords(options: TrustOptions, ref: RefName, tip: CommitId): Promise<TrustedHistory> {
  const voided: Voided[] = []
  for await (const entry of walkBack(options.store, ref, tip, [])) {
    const found = await identifyBuilder(options, ref, entry)
    if (found.kind === 'signed' && found.by.builder !== null) return { base: entry.id, voided: voided.reverse() }
    const why = found.kind === 'void' ? found.why : reason('signed-by-no-builder', 'who signed it is no builder')
    voided.push(voidedCommit(ref, entry, null, why))
  }
  throw unsignedHistory(ref)
}

export async function trustedEnvironment(
  options: TrustOptions,
  ref: RefName,
  name: EnvironmentName,
  tip: CommitId,
): Promise<TrustedHistory & { state: EnvironmentState }> {
  const above: StateCommitEntry[] = []
  let base: { id: CommitId; state: EnvironmentState; atMs: number } | null = null
  for await (const entry of walkBack(options.store, ref, tip, [eventFile])) {
    const state = await vouchedState(options, ref, name, entry)
    if (state !== null) {
      base = { id: entry.id, state, atMs: Date.parse(entry.committer.at) }
      break
    }
    above.push(entry)
  }
  const voided: Voided[] = []
  let state = base?.state ?? initialState(name)
  for (const [index, entry] of above.reverse().entries()) {
    const judged = judgeEvent(entry, { ...options, ref, name, floorMs: base?.atMs ?? 0 })
    const why = judged.kind === 'void' ? judged.why : whyNotNow(state, judged.event)
    if (why === null && judged.kind === 'counts') state = applyEvent(state, judged.event)
    else if (base === null && index === 0) throw unsignedHistory(ref)
    else if (why !== null) voided.push(voidedCommit(ref, entry, judged.event?.kind ?? null, why))
  }
  return { base: base?.id ?? null, state, voided }
}

export async function trustedYanks(
  options: TrustOptions,
  ref: RefName,
  tip: CommitId,
): Promise<TrustedHistory & { yanks: Yank[] }> {
  const above: StateCommitEntry[] = []
  let base: { id: CommitId; yanks: Yank[]; atMs: number } | null = null
  for await (const entry of walkBack(options.store, ref, tip, [yanksFile])) {
    const found = await identifyBuilder(options, ref, entry)
    // Letting in again is a person's word.
    const isVouched = found.kind === 'signed' && found.by.builder !== null && !entry.subject.startsWith('unyank ')
    const yanks = isVouched ? yanksIn(entry) : null
    if (yanks !== null) {
      base = { id: entry.id, yanks, atMs: Date.parse(entry.committer.at) }
      break
    }
    above.push(entry)
  }
  const voided: Voided[] = []
  let yanks = base?.yanks ?? []
  for (const [index, entry] of above.reverse().entries()) {
    const judged = judgeYank(entry, yanks, { ...options, ref, floorMs: base?.atMs ?? 0 })
    if ('yank' in judged) yanks = mergeYank(yanks, judged.yank)
    else if (base === null && index === 0) throw unsignedHistory(ref)
    else voided.push(voidedCommit(ref, entry, 'yanked', judged.why))
  }
  return { base: base?.id ?? null, yanks, voided }
}

/** An empty history would forget holds, hooks that ran, bans and releases: nobody goes on from there by accident. */
const unsignedHistory = (ref: RefName) =>
  refusedError('HISTORY_UNSIGNED', `nothing on ${ref} is signed by a builder that trunk lists`, {
    hint: 'if it is from before signatures were switched on (or its key was taken off the list): trunkline adopt; if somebody pushed it: remove the ref',
  })

/** The state that a builder vouches for; null where this commit is none of a builder's. */
async function vouchedState(
  options: TrustOptions,
  ref: RefName,
  name: EnvironmentName,
  entry: StateCommitEntry,
): Promise<EnvironmentState | null> {
  const found = await identifyBuilder(options, ref, entry)
  if (found.kind === 'void' || found.by.builder === null) return null
  const event = eventIn(entry)
  if (event === null || event.environment !== name || whyNotTheirs(event, found.by) !== null) return null
  const text = (await options.store.readFiles(entry.id, [stateFile])).get(stateFile)
  const state = text === undefined ? null : tryParse<EnvironmentState>(text, stateFile, stateShape)
  return state !== null && state.environment === name && state.seq === event.seq ? state : null
}

/** Who signed it, where that may be a builder: then nothing below it is newer than its key's end. */
async function identifyBuilder(options: TrustOptions, ref: RefName, entry: StateCommitEntry): Promise<Identified> {
  const { store, signers, nowMs } = options
  const found = identify(entry, { signers, ref, floorMs: 0 })
  if (found.kind === 'void' || found.by.builderUntilMs === null || nowMs < found.by.builderUntilMs) return found
  const [parent] = entry.parents
  if (parent === undefined) return found
  for await (const earlier of walkBack(store, ref, parent, [])) {
    if (Date.parse(earlier.committer.at) < found.by.builderUntilMs) continue
    return { kind: 'void', why: reason('key-expired', 'its key no longer counted when it was signed') }
  }
  return found
}

export type JudgeOptions = { signers: Signers; ref: RefName; floorMs: number }

export type JudgedEvent =
  | { kind: 'counts'; event: LedgerEvent; signed: Extract<Identified, { kind: 'signed' }> }
  | { kind: 'void'; event: LedgerEvent | null; why: NonNullable<ReturnType<typeof whyNotTheirs>> }

/** Whether an event is signed by who may say it, for this very environment. */
export function judgeEvent(entry: StateCommitEntry, options: JudgeOptions & { name: EnvironmentName }): JudgedEvent {
  const found = identify(entry, options)
  if (found.kind === 'void') return { kind: 'void', event: claimedEvent(entry), why: found.why }
  const event = eventIn(entry)
  if (event === null) return { kind: 'void', event, why: reason('event-unreadable', 'its event cannot be read') }
  if (event.environment !== options.name)
    return { kind: 'void', event, why: reason('event-elsewhere', `it is an event of ${event.environment}`) }
  const why = whyNotTheirs(event, found.by)
  return why === null ? { kind: 'counts', event, signed: found } : { kind: 'void', event, why }
}

/** What is signed and good may still not fit where it stands: an approval is for the plan that waits. */
export function whyNotNow(state: EnvironmentState, event: LedgerEvent) {
  if (event.seq <= state.seq) return reason('event-replayed', `it is number ${event.seq}, after number ${state.seq}`)
  if (event.kind === 'approved' && state.waiting?.plan !== event.plan)
    return reason('approval-void', 'it approves a plan that did not wait')
  return null
}

function judgeYank(entry: StateCommitEntry, before: readonly Yank[], options: JudgeOptions) {
  const found = identify(entry, options)
  if (found.kind === 'void') return { why: found.why }
  const known = new Map(before.map((yank) => [subjectKey(yank), JSON.stringify(yank)]))
  const changed = (yanksIn(entry) ?? []).filter((yank) => known.get(subjectKey(yank)) !== JSON.stringify(yank))
  const [yank] = changed
  if (yank === undefined || changed.length > 1) return { why: reason('yanks-mixed', 'it does not change one ban') }
  if (found.by.emails.includes(yank.actor.email.toLowerCase())) return { yank }
  return { why: reason('signed-by-another', `it is in the name of ${yank.actor.email}, who did not sign it`) }
}

export const eventIn = (entry: StateCommitEntry): LedgerEvent | null =>
  tryParse<LedgerEvent>(entry.files[eventFile], eventFile, eventShape)

/** What a commit that nobody vouches for says it is, for people. */
function claimedEvent(entry: StateCommitEntry): LedgerEvent | null {
  try {
    return eventIn(entry)
  } catch {
    return null
  }
}

const yanksIn = (entry: StateCommitEntry): Yank[] | null =>
  tryParse<{ version: 1; yanks: Yank[] }>(entry.files[yanksFile], yanksFile, yanksShape)?.yanks ?? null

/** null where it does not read: anybody may have written it. What a newer Trunkline wrote is told as that. */
function tryParse<T extends { version: 1 }>(
  text: string | undefined,
  place: string,
  shape: Parameters<typeof parseDocument>[2],
): T | null {
  if (text === undefined) return null
  try {
    return parseDocument<T>(text, place, shape)
  } catch (error) {
    if (error instanceof TrunklineError && error.code === 'STATE_UNREADABLE') return null
    throw error
  }
}
