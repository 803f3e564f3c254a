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
  RefName,
  ViewHash,
  Yank,
} from '../model/index.ts'
import { erroredError, reason, short, TrunklineError } from '../model/index.ts'
import type { Clock, FindSigner, StateCommit, StateStore, StateUpdate } from '../ports/index.ts'
import { assertStandsFor, formatDocument, parseDocument } from './document.ts'
import { eventMessage, signatureOf } from './event-message.ts'
import { applyEvent, initialState } from './fold.ts'
import { type Lease, leaseCommit, leaseFile } from './lease.ts'
import { environmentOf, type StateRefs, stateRefs } from './refs.ts'
import { eventShape, leaseShape, stateShape, yanksShape } from './shapes/documents.ts'
import { type CountedApprovals, createTrust, neededSigner, type TrustedHistory, type Voided } from './trust/index.ts'
import { mergeYank, subjectKey } from './yank-list.ts'

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

/** A ref of the state, and how it stands to the list of signers. */
export type Standing = {
  ref: RefName
  tip: CommitId
  /** null for records and yanks. */
  environment: EnvironmentName | null
  /** Nothing on it is signed by a builder. */
  isUnsigned: boolean
  voided: readonly Voided[]
}

export type HistoryEntry = {
  oid: CommitId
  event: LedgerEvent
  /** Why it counts for nothing. */
  voided?: Reason
}

const nobody: FindSigner = async () => null

const stateFile = 'state.json'
const eventFile = 'event.json'
const yanksFile = 'yanks.json'

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

  async function yanks(snapshot: Snapshot): Promise<Yank[]> {
    const tip = snapshot.get(refs.yanks)
    if (tip === undefined) return []
    const trusted = await trust.yanks(refs.yanks, tip)
    if (trusted !== null) return trusted.yanks
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
      const commit: StateCommit = {
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
      }
      const commits = await trust.sign(refs.yanks, [commit], [yank.yanked ? 'either' : 'person'])
      const expected = snapshot.get(refs.yanks) ?? null
      const result = await store.push([{ ref: refs.yanks, expected, change: { kind: 'append', commits } }], signal)
      if (result.kind === 'pushed') return
    }
    throw erroredError('LEDGER_BUSY', 'the yanks moved ten times in a row', { hint: 'run it again' })
  }

  /** The tip whose records count, and what was pushed on top of it and does not. */
  async function records(snapshot: Snapshot): Promise<TrustedHistory> {
    const tip = snapshot.get(refs.builds)
    return tip === undefined ? { base: null, voided: [] } : await trust.records(refs.builds, tip)
  }

  /** What stands on a ref, and whether it counts; an unsigned history is one that nobody vouches for. */
  async function standing(snapshot: Snapshot): Promise<Standing[]> {
    const found: Standing[] = []
    for (const [ref, tip] of [...snapshot].sort(([left], [right]) => (left < right ? -1 : 1))) {
      const name = environmentOf(refs, ref)
      if (name === null && ref !== refs.builds && ref !== refs.yanks) continue
      const look = async (): Promise<TrustedHistory | null> =>
        name !== null
          ? await trust.environment(ref, name, tip)
          : ref === refs.yanks
            ? await trust.yanks(ref, tip)
            : await trust.records(ref, tip)
      const counts = await look().catch((error: unknown) => {
        if (error instanceof TrunklineError && error.code === 'HISTORY_UNSIGNED') return 'unsigned' as const
        throw error
      })
      const isUnsigned = counts === 'unsigned'
      const voided = counts === null || counts === 'unsigned' ? [] : counts.voided
      found.push({ ref, tip, environment: name, isUnsigned, voided })
    }
    return found
  }

  /** A builder vouches for a history, as it stands where nothing of it counts yet, else for what counts of it. */
  async function adopt(what: Standing, signal: AbortSignal): Promise<'adopted' | 'lost-race'> {
    const { ref, tip, environment: name, isUnsigned } = what
    const why = reason('adopted', `${actor.name} vouches for the history up to ${short(tip)}`)
    if (name !== null) {
      const snapshot: Snapshot = new Map([[ref, tip]])
      const position = isUnsigned ? await asItStands(name, tip) : await environment(snapshot, name)
      const result = await append(position, [{ kind: 'adopted', tip, reasons: [why] }], null, signal)
      return result.kind === 'appended' ? 'adopted' : 'lost-race'
    }
    const base = isUnsigned || ref === refs.yanks ? undefined : (await trust.records(ref, tip)).base
    const list = ref === refs.yanks && !isUnsigned ? await yanks(new Map([[ref, tip]])) : null
    const commit: StateCommit = {
      subject: `adopt ${ref.slice(refs.all.length)} up to ${short(tip)}`,
      body: '',
      trailers: [
        ['Adopts', tip],
        ['Actor', signatureOf(actor)],
      ],
      author: actor,
      at: at(),
      put: list === null ? {} : { [yanksFile]: formatDocument({ version: 1, yanks: list }) },
      remove: [],
      ...(base === undefined || base === tip ? {} : { base }),
    }
    const commits = await trust.sign(ref, [commit], ['builder'])
    const result = await store.push([{ ref, expected: tip, change: { kind: 'append', commits } }], signal)
    return result.kind === 'pushed' ? 'adopted' : 'lost-race'
  }

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
