/**
 * A process of the simulated world: a CI job, a person's command, a scheduled `advance`. All it asks of the world goes
 * through `call`, which takes time, gets lost, arrives twice, or never; and it may die or sleep at any moment.
 */
import { cancelledError, type TrunklineError } from '../../src/model/index.ts'
import type { Clock, Random } from '../../src/ports/index.ts'
import { type Chance, createChance } from './chance.ts'
import type { Scheduler } from './scheduler.ts'

/** How the world treats calls; all 0 once faults have stopped. */
export type FaultRates = {
  /** Never arrives; the caller sees an error. */
  lostCall: number
  /** Has its effect; the caller sees an error. */
  lostAnswer: number
  /** Has its effect twice, the second time later. */
  duplicate: number
  /** Takes seconds. */
  slow: number
  /** Has its effect, but late: after the caller has seen an error and gone on. */
  late: number
}

export type Call<Result> = {
  latencyMs: readonly [least: number, most: number]
  /** At the other side, at once and whole; may throw. */
  effect: () => Result
  /** What a caller sees of a call that got lost. */
  lost: () => TrunklineError
  signal?: AbortSignal | undefined
  /** Whether the network may repeat it. */
  mayRepeat?: boolean
  /** Whether it may arrive after its caller has given it up. */
  mayBeLate?: boolean
  /** Calls over one connection arrive in the order in which they were sent. */
  connection?: { lastMs: number }
  /** Local work: no network that could lose it. */
  isLocal?: boolean
}

export type SimulatedProcess = {
  readonly id: number
  readonly name: string
  readonly chance: Chance
  readonly clock: Clock
  readonly random: Random
  isAlive(): boolean
  isAsleep(): boolean
  call<Result>(call: Call<Result>): Promise<Result>
  /** SIGKILL. What it has sent already still arrives. */
  die(): void
  /** Does nothing for a time; what comes meanwhile, it sees when it wakes. `suspends`: its monotonic clock sleeps, too. */
  sleep(forMs: number, suspends: boolean): void
  wake(): void
}

export type ProcessOptions = {
  id: number
  name: string
  seed: number
  scheduler: Scheduler
  rates: () => FaultRates
  wallMs: () => number
}

/** How long it takes to notice that no answer comes. */
const giveUpMs = [500, 9000] as const
const slowMs = [1000, 15_000] as const
/** Answers that take longer than this can be given up by an abort in the middle. */
const quickMs = 1000

const never = new Promise<never>(() => {})

export function createProcess({ id, name, seed, scheduler, rates, wallMs }: ProcessOptions): SimulatedProcess {
  const chance = createChance(seed, id, 1)
  const order = (): number => chance.next()
  let isAlive = true
  let asleepUntilMs = 0
  const suspension = createSuspension(() => scheduler.nowMs())

  /** Goes on in this process at that time; not at all if it is dead by then, later if it sleeps. */
  const goOn = (atMs: number, action: () => void): void => {
    scheduler.at(atMs, order(), () => {
      if (!isAlive) return
      if (scheduler.nowMs() < asleepUntilMs) goOn(asleepUntilMs, action)
      else action()
    })
  }

  function call<Result>({
    latencyMs,
    effect,
    lost,
    signal,
    mayRepeat,
    mayBeLate,
    isLocal,
    connection,
  }: Call<Result>): Promise<Result> {
    if (!isAlive) return never
    if (signal?.aborted) return Promise.reject(signal.reason)
    const [least, most] = latencyMs
    const faults = rates()
    let thereMs = chance.between(least, most)
    let backMs = chance.between(least, most)
    const fate = isLocal ? 1 : chance.next()
    const { lostCall, lostAnswer, duplicate, slow, late } = faults
    const isLost = fate < lostCall
    const isUnheard = !isLost && fate < lostCall + lostAnswer
    const isLate = !isLost && !isUnheard && fate < lostCall + lostAnswer + late
    const isTwice = !isLost && !isUnheard && !isLate && fate < lostCall + lostAnswer + late + duplicate
    if (isLost || isUnheard || isLate) backMs += chance.between(...giveUpMs)
    if (!isLocal && slow > 0 && chance.happens(slow)) {
      if (chance.happens(0.5)) thereMs += chance.between(...slowMs)
      else backMs += chance.between(...slowMs)
    }
    if (connection !== undefined) {
      const arrivesMs = Math.max(scheduler.nowMs() + thereMs, connection.lastMs + 0.001)
      connection.lastMs = arrivesMs
      thereMs = arrivesMs - scheduler.nowMs()
    }
    return new Promise<Result>((resolve, reject) => {
      const startedMs = scheduler.nowMs()
      const answer = (settle: () => void): void => goOn(scheduler.nowMs() + backMs, settle)
      let give: (settle: () => void) => void = (settle) =>
        answer(() => (signal?.aborted ? reject(signal.reason) : settle()))
      if (signal !== undefined && thereMs + backMs > quickMs) {
        const onAbort = () => {
          if (isAlive) reject(signal.reason)
        }
        signal.addEventListener('abort', onAbort, { once: true })
        give = (settle) =>
          answer(() => {
            signal.removeEventListener('abort', onAbort)
            if (!signal.aborted) settle()
          })
      }
      if (isLost || isLate) {
        if (isLate && mayBeLate)
          scheduler.at(startedMs + thereMs + backMs + chance.between(0, 4000), order(), () => attempt(effect))
        scheduler.at(startedMs + thereMs, order(), () => give(() => reject(lost())))
        return
      }
      scheduler.at(startedMs + thereMs, order(), () => {
        const outcome = attempt(effect)
        if (isTwice && mayRepeat)
          scheduler.at(scheduler.nowMs() + chance.between(1, 3000), order(), () => attempt(effect))
        if (isUnheard) give(() => reject(lost()))
        else if (outcome.kind === 'done') give(() => resolve(outcome.result))
        else give(() => reject(outcome.error))
      })
    })
  }

  const clock: Clock = {
    now: wallMs,
    monotonicMs: () => scheduler.nowMs() - suspension.totalMs(),
    sleep(ms, signal) {
      if (!isAlive) return never
      if (signal.aborted) return Promise.reject(reasonOf(signal))
      return new Promise((resolve, reject) => {
        const onAbort = () => {
          if (isAlive) reject(reasonOf(signal))
        }
        signal.addEventListener('abort', onAbort, { once: true })
        goOn(scheduler.nowMs() + Math.max(0, ms), () => {
          if (signal.aborted) return
          signal.removeEventListener('abort', onAbort)
          resolve()
        })
      })
    },
  }

  return {
    id,
    name,
    chance,
    clock,
    random: { hex: chance.hex, fraction: chance.next },
    isAlive: () => isAlive,
    isAsleep: () => scheduler.nowMs() < asleepUntilMs,
    call,
    die: () => {
      isAlive = false
    },
    sleep(forMs, suspends) {
      asleepUntilMs = Math.max(asleepUntilMs, scheduler.nowMs() + forMs)
      if (suspends) suspension.begin(forMs)
    },
    wake: () => {
      asleepUntilMs = 0
      suspension.end()
    },
  }
}

/** Time that a monotonic clock does not count: it stands still, and never goes back. */
function createSuspension(nowMs: () => number) {
  let endedMs = 0
  let current: { fromMs: number; untilMs: number } | null = null
  const totalMs = (): number => {
    if (current === null) return endedMs
    const now = nowMs()
    if (now < current.untilMs) return endedMs + now - current.fromMs
    endedMs += current.untilMs - current.fromMs
    current = null
    return endedMs
  }
  return {
    totalMs,
    begin(forMs: number): void {
      totalMs()
      const untilMs = nowMs() + forMs
      current = { fromMs: current?.fromMs ?? nowMs(), untilMs: Math.max(untilMs, current?.untilMs ?? 0) }
    },
    end(): void {
      totalMs()
      if (current !== null) current = { ...current, untilMs: nowMs() }
    },
  }
}

const reasonOf = (signal: AbortSignal): Error => (signal.reason instanceof Error ? signal.reason : cancelledError())

type Attempted<Result> = { kind: 'done'; result: Result } | { kind: 'threw'; error: unknown }

function attempt<Result>(effect: () => Result): Attempted<Result> {
  try {
    return { kind: 'done', result: effect() }
  } catch (error) {
    return { kind: 'threw', error }
  }
}
