/**
 * The right to act on one environment, and its place in the ledger. Holds the lease while it is open: every event is
 * pushed together with a renewal, so that who lost the lease cannot write, and learns of it at once.
 */
import { canonicalJson } from '../hashing/index.ts'
import type { CountedApprovals, EnvironmentPosition, Lease, Ledger, NewEvent } from '../ledger/index.ts'
import { nextLease, released, renewed } from '../ledger/index.ts'
import type { EnvironmentName, EnvironmentState, Reason } from '../model/index.ts'
import { cancelledError, erroredError, TrunklineError } from '../model/index.ts'
import type { World } from '../ports/index.ts'
import { followSignal } from './follow-signal.ts'
import { withTimeout } from './timeout.ts'

export type Session = {
  readonly environment: EnvironmentName
  /** As of the last event written or seen. */
  state(): EnvironmentState
  /** The approvals in it that count, and those that were pushed and do not. */
  approvals(): Promise<CountedApprovals>
  readonly epoch: number
  /** Aborted when the caller cancels, the lease is lost, or someone aborted the deployment in the ledger. */
  readonly signal: AbortSignal
  /** Appends events, in order, in one push. */
  append(...events: NewEvent[]): Promise<void>
  /** As above, decided on the state they are written on; decided again where others wrote meanwhile. */
  appendOn(decide: (state: EnvironmentState) => NewEvent[]): Promise<void>
  /** Appends the last events and gives the lease back in the same push. Idempotent. */
  close(...events: NewEvent[]): Promise<void>
}

export type OpenedSession =
  | {
      kind: 'open'
      session: Session
      /** What was pushed to its history and counts for nothing. */
      voided: readonly Reason[]
    }
  /** Somebody else is at work and alive. */
  | { kind: 'busy'; holder: string }

export type SessionOptions = {
  world: World
  ledger: Ledger
  environment: EnvironmentName
  leaseTtlMs: number
  signal: AbortSignal
  /** Called once, before watching a lease that someone holds. */
  onBusy?(holder: string): Promise<void>
}

/** Tries for one write, against others who append to the same history (approvals, holds). */
const maxAppendAttempts = 20
/** A write, and above all a goodbye, must not hang on a dead remote. */
const writeTimeoutMs = 30_000
/** Tries again after the remote did not answer, each after a longer pause. */
const maxFaults = 3
const faultPauseMs = 500

/** The world's fault while looking: the next try tells. */
function tolerateFault(error: unknown): false {
  if (error instanceof TrunklineError && error.kind === 'errored' && error.code !== 'LEASE_LOST') return false
  throw error
}

/**
 * So soon a controller hears `trunkline cancel`, however long its step is: one `ls-remote` of one ref, and only where
 * the session itself has not spoken to the remote meanwhile.
 */
const listenEveryMs = 2000

type DecideEvents = (state: EnvironmentState) => readonly NewEvent[]
type AdvanceLease = (lease: Lease, at: string) => Lease

/** Takes the lease, or answers who has it. Waits at most the lease's TTL, to tell the dead from the living. */
export async function openSession(options: SessionOptions): Promise<OpenedSession> {
  const { world, ledger, environment, leaseTtlMs, signal } = options
  let watched: { tip: string; sinceMs: number } | null = null
  for (;;) {
    const snapshot = await ledger.refresh(signal)
    const current = await ledger.lease(snapshot, environment)
    const holder = current.lease?.holder ?? null
    const nowMs = world.clock.monotonicMs()
    const isDead = holder !== null && world.isHolderDead(holder)
    const isSilent = watched !== null && watched.tip === current.tip && nowMs - watched.sinceMs >= leaseTtlMs
    if (current.lease === null || holder === null || isDead || isSilent) {
      const position = await ledger.environment(snapshot, environment)
      const lease = nextLease(current.lease, position.state, world.holder, ledger.at())
      const result = await ledger.append(position, [], { expected: current.tip, lease }, signal)
      if (result.kind === 'lost-race') continue
      const session = createSession(options, position, { tip: result.leaseTip, lease })
      return { kind: 'open', session, voided: (position.voided ?? []).map((known) => known.reason) }
    }
    if (watched === null) {
      await options.onBusy?.(holder.label)
      watched = { tip: current.tip ?? '', sinceMs: nowMs }
    } else if (watched.tip !== current.tip) {
      return { kind: 'busy', holder: holder.label }
    }
    await world.clock.sleep(Math.max(50, leaseTtlMs / 10), signal)
  }
}

function createSession(
  { world, ledger, environment, leaseTtlMs, signal: callerSignal }: SessionOptions,
  opened: EnvironmentPosition,
  taken: { tip: EnvironmentPosition['tip']; lease: Lease },
): Session {
  const ended = new AbortController()
  const either = new AbortController()
  const leaves = [callerSignal, ended.signal].map((one) => followSignal(one, either))
  const { signal } = either
  let position = opened
  let lease = taken
  let renewedAtMs = world.clock.monotonicMs()
  let isClosed = false
  /** Why the last write did not get through: what the lease is lost over, if it is. */
  let lastFault: string | null = null
  let queue: Promise<unknown> = Promise.resolve()

  /** One write at a time: parallel steps share one place in history. */
  const inTurn = <T>(action: () => Promise<T>): Promise<T> => {
    const result = queue.then(action)
    queue = result.catch(() => {})
    return result
  }

  const lose = (why: string): TrunklineError => {
    const error = erroredError('LEASE_LOST', `the lease on ${environment} was lost: ${why}`, {
      hint: 'another controller goes on from the ledger; nothing is lost',
    })
    ended.abort(error)
    return error
  }

  /**
   * Appends events with the lease as `advance` makes it, in one push. Lost races are decided again; an answer that got
   * lost on the way is looked up, so that nothing is written twice. Bounded in tries, and in time by the signal.
   */
  async function write(decide: DecideEvents, advance: AdvanceLease, writeSignal: AbortSignal): Promise<void> {
    let faults = 0
    for (let attempt = 0; attempt < maxAppendAttempts; attempt++) {
      const events = decide(position.state)
      const next = advance(lease.lease, ledger.at())
      try {
        const result = await ledger.append(position, events, { expected: lease.tip, lease: next }, writeSignal)
        if (result.kind === 'appended') {
          arrived(result.position, { tip: result.leaseTip, lease: next })
          return
        }
        if (await catchUp(events, next, writeSignal)) return
      } catch (error) {
        const isWorld = error instanceof TrunklineError && error.kind === 'errored' && error.code !== 'LEASE_LOST'
        if (isWorld) lastFault = error.message
        if (!isWorld || writeSignal.aborted || ++faults > maxFaults) throw error
        await world.clock.sleep(faultPauseMs * faults, writeSignal)
        if (await catchUp(events, next, writeSignal).catch(tolerateFault)) return
      }
    }
    throw erroredError('LEDGER_BUSY', `the ledger of ${environment} moved ${maxAppendAttempts} times in a row`)
  }

  function arrived(written: EnvironmentPosition, held: { tip: EnvironmentPosition['tip']; lease: Lease }): void {
    position = written
    lease = held
    renewedAtMs = world.clock.monotonicMs()
    lastFault = null
  }

  /** Reads where history stands now. True if our own write had arrived though its answer had not. */
  async function catchUp(events: readonly NewEvent[], next: Lease, readSignal: AbortSignal): Promise<boolean> {
    const snapshot = await ledger.refresh(readSignal)
    const current = await ledger.lease(snapshot, environment)
    const held = current.lease
    const standing = await ledger.environment(snapshot, environment)
    const isWritten =
      held !== null &&
      canonicalJson(held) === canonicalJson(next) &&
      standing.state.seq >= position.state.seq + events.length
    // An earlier renewal of ours whose answer was lost moves the lease, too.
    const isOurs = held !== null && held.epoch === lease.lease.epoch && held.holder?.id === world.holder.id
    if (current.tip !== lease.tip && !isWritten && !isOurs) {
      throw lose(`it was taken over by ${held?.holder?.label ?? 'someone who has let it go since'}`)
    }
    if (held !== null && current.tip !== lease.tip) arrived(standing, { tip: current.tip, lease: held })
    else position = standing
    if (isWritten) return true
    noticeAbort()
    if (ended.signal.aborted && events.length > 0) throw ended.signal.reason
    return false
  }

  /** `trunkline cancel` speaks through the ledger. */
  function noticeAbort(): void {
    if (
      position.state.deployment?.phase === 'aborted' &&
      activeId !== null &&
      position.state.deployment.id === activeId
    ) {
      ended.abort(cancelledError(`${environment}: the deployment was cancelled`))
    }
  }
  let activeId: string | null = opened.state.deployment?.phase === 'running' ? opened.state.deployment.id : null

  const renewInTurn = (): Promise<void> =>
    inTurn(() => withTimeout(world.clock, leaseTtlMs / 3, renew, signal)).catch(() => {})

  /** Renews the lease until the session ends, and notices when others wrote to the ledger. */
  async function keep(): Promise<void> {
    while (!isClosed && !signal.aborted) {
      await world.clock.sleep(leaseTtlMs / 3, signal)
      await renewInTurn()
    }
  }

  /** Hears between renewals what others wrote. It takes no turn for asking: writes of parallel steps do not wait for it. */
  async function listen(): Promise<void> {
    const ref = ledger.refs.environment(environment)
    while (!isClosed && !signal.aborted) {
      await world.clock.sleep(listenEveryMs, signal)
      if (activeId === null || world.clock.monotonicMs() - renewedAtMs < listenEveryMs / 2) continue
      const ask = async (limit: AbortSignal): Promise<boolean> =>
        ((await ledger.store.refresh([ref], limit)).get(ref) ?? null) !== position.tip
      const hasMoved = await withTimeout(world.clock, leaseTtlMs / 3, ask, signal).catch(() => false)
      // An own write may have been on its way: a renewal reads again, in its turn.
      if (hasMoved) await renewInTurn()
    }
  }

  async function renew(limit: AbortSignal): Promise<void> {
    if (isClosed || signal.aborted) return
    const snapshot = await ledger.refresh(limit)
    if ((snapshot.get(ledger.refs.environment(environment)) ?? null) !== position.tip) {
      position = await ledger.environment(snapshot, environment)
      noticeAbort()
    }
    await write(() => [], renewed, limit)
  }

  /** Another may take the lease after its TTL of silence: effects stop well before, whatever hangs. */
  async function watch(): Promise<void> {
    while (!isClosed && !signal.aborted) {
      await world.clock.sleep(leaseTtlMs / 12, signal)
      if (isClosed || signal.aborted) return
      if (world.clock.monotonicMs() - renewedAtMs <= (leaseTtlMs * 3) / 4) continue
      lose(`it could not be renewed in time${lastFault === null ? '' : `: ${lastFault}`}`)
    }
  }
  const keeping = Promise.all([keep(), listen(), watch()].map((loop) => loop.catch(() => {})))

  const isLost = () =>
    ended.signal.aborted && ended.signal.reason instanceof TrunklineError && ended.signal.reason.code === 'LEASE_LOST'
  const bounded = <T>(action: (writeSignal: AbortSignal) => Promise<T>): Promise<T> =>
    withTimeout(world.clock, writeTimeoutMs, action)

  const appendOn = (decide: DecideEvents): Promise<void> =>
    inTurn(async () => {
      if (ended.signal.aborted) throw ended.signal.reason
      // Not the caller's signal: what has happened is written down, also when someone pressed Ctrl-C meanwhile.
      await bounded((writeSignal) => write(decide, renewed, writeSignal))
      activeId = position.state.deployment?.phase === 'running' ? position.state.deployment.id : null
    })

  return {
    environment,
    state: () => position.state,
    approvals: () => ledger.approvals(position),
    epoch: taken.lease.epoch,
    signal,
    append: (...events) => appendOn(() => events),
    appendOn,
    close: async (...events) => {
      try {
        await inTurn(async () => {
          if (isClosed) return
          isClosed = true
          if (isLost()) return
          await bounded((writeSignal) =>
            write(() => events, released, writeSignal).catch(async (error: unknown) => {
              // Cancelled at the last moment: the events do not count, but the lease is given back all the same.
              if (ended.signal.aborted && !isLost()) await write(() => [], released, writeSignal)
              throw error
            }),
          )
        })
      } finally {
        ended.abort(cancelledError('session closed'))
        for (const leave of leaves) leave()
        await keeping
      }
    },
  }
}
