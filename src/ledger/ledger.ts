/**
 * The ledger: histories of environments and their leases through `StateStore`. Every write is a compare-and-swap on what
 * was read; a lost race is answered, not hidden: the caller reads again and decides again.
 */
import type {
  Actor,
  CommitId,
  EnvironmentName,
  EnvironmentState,
  EventDetail,
  LedgerEvent,
  Reason,
  ViewHash,
} from '../model/index.ts'
import type { Clock, FindSigner, StateCommit, StateStore, StateUpdate } from '../ports/index.ts'
import { assertStandsFor, formatDocument, parseDocument } from './document.ts'
import { eventMessage } from './event-message.ts'
import { applyEvent, initialState } from './fold.ts'
import { type Lease, leaseCommit, leaseFile } from './lease.ts'
import { type StateRefs, stateRefs } from './refs.ts'
import { eventShape, leaseShape, stateShape } from './shapes/documents.ts'
import { createStanding } from './standing.ts'
import { type CountedApprovals, createTrust, neededSigner, type TrustedHistory, type Voided } from './trust/index.ts'
import { createYanks } from './yanks.ts'

export type LedgerOptions = {
  store: StateStore
  prefix: string
  clock: Clock
  actor: Actor
  /** How this process finds its key, where trunk lists whose signatures count. */
  findSigner?: FindSigner
}

/** Tips of all state refs at one moment. */
export type Snapshot = ReadonlyMap<string, CommitId>

export type EnvironmentPosition = {
  tip: CommitId | null
  state: EnvironmentState
  /** What was pushed on top of what counts, and counts for nothing. */
  voided?: readonly Voided[]
  /** Whose tree the next event starts from, where that is not the tip. */
  base?: CommitId | null
}
export type LeasePosition = { tip: CommitId | null; lease: Lease | null }

/** A lease written together with events, all or nothing. */
export type LeaseWrite = { expected: CommitId | null; lease: Lease }

export type NewEvent = EventDetail & { reasons?: Reason[]; actor?: Actor }

export type AppendResult =
  | { kind: 'appended'; position: EnvironmentPosition; leaseTip: CommitId | null; events: LedgerEvent[] }
  | { kind: 'lost-race' }

export type HistoryEntry = {
  oid: CommitId
  event: LedgerEvent
  /** Why it counts for nothing. */
  voided?: Reason
}

const nobody: FindSigner = async () => null

const stateFile = 'state.json'
const eventFile = 'event.json'

/** The first commit starts from the tree that counts. */
const startingAt = (base: CommitId | null | undefined, [first, ...rest]: readonly StateCommit[]): StateCommit[] =>
  first === undefined ? [] : [base === undefined ? first : { ...first, base }, ...rest]

export type Ledger = ReturnType<typeof createLedger>

export function createLedger({ store, prefix, clock, actor, findSigner = nobody }: LedgerOptions) {
  const refs: StateRefs = stateRefs(prefix)
  const trust = createTrust({ store, clock, actor, findSigner })
  const at = () => new Date(clock.now()).toISOString()

  /** All tips in one round trip. */
  const refresh = (signal: AbortSignal): Promise<Snapshot> => store.refresh([refs.all], signal)

  async function environment(snapshot: Snapshot, name: EnvironmentName): Promise<EnvironmentPosition> {
    const ref = refs.environment(name)
    const tip = snapshot.get(ref) ?? null
    if (tip === null) return { tip, state: initialState(name) }
    const trusted = await trust.environment(ref, name, tip)
    if (trusted === null) return await asItStands(name, tip)
    const { state, voided, base } = trusted
    return { tip, state, voided, ...(voided.length === 0 ? {} : { base }) }
  }

  /** As the tip says it, whoever wrote it. */
  async function asItStands(name: EnvironmentName, tip: CommitId): Promise<EnvironmentPosition> {
    const ref = refs.environment(name)
    const text = (await store.readFiles(tip, [stateFile])).get(stateFile)
    if (text === undefined) return { tip, state: initialState(name) }
    const place = `${ref} ${stateFile}`
    const state = parseDocument<EnvironmentState>(text, place, stateShape)
    // Events are appended to the environment that the state names: it must be the one that was asked for.
    assertStandsFor(place, state.environment, name, 'environment')
    return { tip, state }
  }

  async function lease(snapshot: Snapshot, name: EnvironmentName): Promise<LeasePosition> {
    const ref = refs.lease(name)
    const tip = snapshot.get(ref) ?? null
    if (tip === null) return { tip, lease: null }
    const text = (await store.readFiles(tip, [leaseFile])).get(leaseFile)
    if (text === undefined) return { tip, lease: null }
    const place = `${ref} ${leaseFile}`
    const found = parseDocument<Lease>(text, place, leaseShape)
    assertStandsFor(place, found.environment, name, 'environment')
    return { tip, lease: found }
  }

  /** Appends events to an environment, and writes its lease in the same push where one is given. */
  async function append(
    position: EnvironmentPosition,
    events: readonly NewEvent[],
    leaseWrite: LeaseWrite | null,
    signal: AbortSignal,
  ): Promise<AppendResult> {
    const name = position.state.environment
    const ref = refs.environment(name)
    const folded = foldAll(position.state, events)
    const updates: StateUpdate[] = []
    if (folded.commits.length > 0) {
      const signed = await trust.sign(ref, startingAt(position.base, folded.commits), folded.events.map(neededSigner))
      updates.push({ ref, expected: position.tip, change: { kind: 'append', commits: signed } })
    }
    if (leaseWrite !== null) {
      updates.push({
        ref: refs.lease(name),
        expected: leaseWrite.expected,
        change: { kind: 'replace', commit: leaseCommit(leaseWrite.lease, actor) },
      })
    }
    const result = await store.push(updates, signal)
    if (result.kind === 'lost-race') return result
    return {
      kind: 'appended',
      position: { tip: result.tips.get(ref) ?? position.tip, state: folded.state },
      leaseTip: result.tips.get(refs.lease(name)) ?? null,
      events: folded.events,
    }
  }

  function foldAll(before: EnvironmentState, news: readonly NewEvent[]) {
    let state = before
    const commits: StateCommit[] = []
    const events: LedgerEvent[] = []
    for (const { reasons = [], actor: by = actor, ...detail } of news) {
      const event: LedgerEvent = {
        version: 1,
        seq: state.seq + 1,
        at: at(),
        actor: by,
        environment: state.environment,
        reasons,
        ...detail,
      }
      state = applyEvent(state, event)
      events.push(event)
      commits.push({
        ...eventMessage(event),
        author: by,
        at: event.at,
        put: { [stateFile]: formatDocument(state), [eventFile]: formatDocument(event) },
        remove: [],
      })
    }
    return { state, commits, events }
  }

  /** Newest first. What counts for nothing is marked, and left out where it cannot even be read. */
  async function history(snapshot: Snapshot, name: EnvironmentName, limit: number): Promise<HistoryEntry[]> {
    const tip = snapshot.get(refs.environment(name))
    if (tip === undefined) return []
    const entries = await store.history(tip, { limit, files: [eventFile] })
    const judge = trust.judge(refs.environment(name), name)
    return entries.flatMap((entry): HistoryEntry[] => {
      const voided = judge(entry)
      if (voided !== null)
        return voided.event === null ? [] : [{ oid: entry.id, event: voided.event, voided: voided.why }]
      const text = entry.files[eventFile]
      return text === undefined
        ? []
        : [{ oid: entry.id, event: parseDocument<LedgerEvent>(text, `${entry.id} ${eventFile}`, eventShape) }]
    })
  }

  /** Looks further back than the state's bounded list: was this view ever verified here, and not failed since? */
  async function wasVerified(
    snapshot: Snapshot,
    name: EnvironmentName,
    view: ViewHash,
    limit: number,
  ): Promise<boolean> {
    for (const { event, voided } of await history(snapshot, name, limit)) {
      if (voided !== undefined) continue
      if (event.kind === 'failed' && event.candidate.view === view) return false
      if (event.kind === 'verified' && event.stage === undefined && event.candidate.view === view) return true
    }
    return false
  }

  /** The tip whose records count, and what was pushed on top of it and does not. */
  async function records(snapshot: Snapshot): Promise<TrustedHistory> {
    const tip = snapshot.get(refs.builds)
    return tip === undefined ? { base: null, voided: [] } : await trust.records(refs.builds, tip)
  }

  const { yanks, writeYank } = createYanks({ store, refs, trust, refresh })
  const { standing, adopt } = createStanding({
    ...{ store, refs, trust, actor, at },
    ...{ environment, asItStands, append, yanks },
  })

  const approvals = ({ tip, state }: EnvironmentPosition): Promise<CountedApprovals> =>
    trust.approvals(refs.environment(state.environment), tip, state)

  return {
    refs,
    store,
    trust,
    refresh,
    environment,
    lease,
    append,
    history,
    wasVerified,
    yanks,
    writeYank,
    records,
    approvals,
    standing,
    adopt,
    at,
  }
}
