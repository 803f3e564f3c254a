/**
 * The ledger: environments' histories, leases and yanks through `StateStore`. Every write is a compare-and-swap on what
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
  Yank,
} from '../model/index.ts'
import { erroredError } from '../model/index.ts'
import type { Clock, StateCommit, StateStore, StateUpdate } from '../ports/index.ts'
import { assertStandsFor, formatDocument, parseDocument } from './document.ts'
import { eventMessage, signatureOf } from './event-message.ts'
import { applyEvent, initialState } from './fold.ts'
import { type Lease, leaseCommit, leaseFile } from './lease.ts'
import { type StateRefs, stateRefs } from './refs.ts'
import { eventShape, leaseShape, stateShape, yanksShape } from './shapes/documents.ts'

export type LedgerOptions = { store: StateStore; prefix: string; clock: Clock; actor: Actor }

/** Tips of all state refs at one moment. */
export type Snapshot = ReadonlyMap<string, CommitId>

export type EnvironmentPosition = { tip: CommitId | null; state: EnvironmentState }
export type LeasePosition = { tip: CommitId | null; lease: Lease | null }

/** A lease written together with events, all or nothing. */
export type LeaseWrite = { expected: CommitId | null; lease: Lease }

export type NewEvent = EventDetail & { reasons?: Reason[]; actor?: Actor }

export type AppendResult =
  | { kind: 'appended'; position: EnvironmentPosition; leaseTip: CommitId | null; events: LedgerEvent[] }
  | { kind: 'lost-race' }

export type HistoryEntry = { oid: CommitId; event: LedgerEvent }

const stateFile = 'state.json'
const eventFile = 'event.json'
const yanksFile = 'yanks.json'

export type Ledger = ReturnType<typeof createLedger>

export function createLedger({ store, prefix, clock, actor }: LedgerOptions) {
  const refs: StateRefs = stateRefs(prefix)
  const at = () => new Date(clock.now()).toISOString()

  /** All tips in one round trip. */
  const refresh = (signal: AbortSignal): Promise<Snapshot> => store.refresh([refs.all], signal)

  async function environment(snapshot: Snapshot, name: EnvironmentName): Promise<EnvironmentPosition> {
    const ref = refs.environment(name)
    const tip = snapshot.get(ref) ?? null
    if (tip === null) return { tip, state: initialState(name) }
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
    const folded = foldAll(position.state, events)
    const updates: StateUpdate[] = []
    if (folded.commits.length > 0) {
      updates.push({
        ref: refs.environment(name),
        expected: position.tip,
        change: { kind: 'append', commits: folded.commits },
      })
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
      position: { tip: result.tips.get(refs.environment(name)) ?? position.tip, state: folded.state },
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

  /** Newest first. */
  async function history(snapshot: Snapshot, name: EnvironmentName, limit: number): Promise<HistoryEntry[]> {
    const tip = snapshot.get(refs.environment(name))
    if (tip === undefined) return []
    const entries = await store.history(tip, { limit, files: [eventFile] })
    return entries.flatMap((entry): HistoryEntry[] => {
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
    for (const { event } of await history(snapshot, name, limit)) {
      if (event.kind === 'failed' && event.candidate.view === view) return false
      if (event.kind === 'verified' && event.candidate.view === view) return true
    }
    return false
  }

  async function yanks(snapshot: Snapshot): Promise<Yank[]> {
    const tip = snapshot.get(refs.yanks)
    if (tip === undefined) return []
    const text = (await store.readFiles(tip, [yanksFile])).get(yanksFile)
    return text === undefined
      ? []
      : parseDocument<{ version: 1; yanks: Yank[] }>(text, `${refs.yanks} ${yanksFile}`, yanksShape).yanks
  }

  /** Bans or lets in again; losers of a race merge by subject. Bounded tries. */
  async function writeYank(yank: Yank, signal: AbortSignal): Promise<void> {
    for (let attempt = 0; attempt < 10; attempt++) {
      const snapshot = await refresh(signal)
      const merged = mergeYank(await yanks(snapshot), yank)
      const verb = yank.yanked ? 'yank' : 'unyank'
      const result = await store.push(
        [
          {
            ref: refs.yanks,
            expected: snapshot.get(refs.yanks) ?? null,
            change: {
              kind: 'append',
              commits: [
                {
                  subject: `${verb} ${yank.label ?? subjectKey(yank).slice(0, 20)}: ${yank.reason}`,
                  body: '',
                  trailers: [
                    ['Yank', subjectKey(yank)],
                    ['Actor', signatureOf(yank.actor)],
                  ],
                  author: yank.actor,
                  at: yank.at,
                  put: { [yanksFile]: formatDocument({ version: 1, yanks: merged }) },
                  remove: [],
                },
              ],
            },
          },
        ],
        signal,
      )
      if (result.kind === 'pushed') return
    }
    throw erroredError('LEDGER_BUSY', 'the yanks moved ten times in a row', { hint: 'run it again' })
  }

  return { refs, store, refresh, environment, lease, append, history, wasVerified, yanks, writeYank, at }
}

const subjectKey = (yank: Yank): string =>
  yank.subject.kind === 'release' ? yank.subject.release : yank.subject.artifact

/** One entry a subject: the newest word counts, failed views add up, an unyank is counted. */
export function mergeYank(known: readonly Yank[], next: Yank): Yank[] {
  const previous = known.find((yank) => subjectKey(yank) === subjectKey(next))
  const others = known.filter((yank) => yank !== previous)
  if (previous === undefined) return [...others, next]
  const unyanks = previous.unyanks + (previous.yanked && !next.yanked ? 1 : 0)
  const subject =
    next.subject.kind === 'release' && previous.subject.kind === 'release'
      ? {
          ...next.subject,
          views: next.yanked
            ? [
                ...previous.subject.views,
                ...next.subject.views.filter((view) =>
                  (previous.subject.kind === 'release' ? previous.subject.views : []).every(
                    (seen) => seen.environment !== view.environment || seen.view !== view.view,
                  ),
                ),
              ]
            : [],
        }
      : next.subject
  return [...others, { ...next, subject, unyanks }]
}
