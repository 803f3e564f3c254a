/**
 * When AWS is asked again: one place for every service. Throttled and broken calls are repeated with growing, jittered
 * pauses, so often and no more; and a service that throttles is asked slower by all who share its client, until it
 * answers again.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { RetryErrorInfo, RetryStrategyV2, RetryToken } from '@smithy/types'
import type { Clock } from '../ports/index.ts'

export const maxAttempts = 8
const throttledBaseMs = 500
const brokenBaseMs = 100
const maxPauseMs = 20_000
/** Between two calls to a service that has just throttled us; doubled each time, at most `maxSpacingMs`. */
const firstSpacingMs = 50
const maxSpacingMs = 1000
/** So many successes in a row halve the space. */
const successesToRecover = 5

/** The signal of the call under way: the SDK does not hand it to a strategy. */
export const callSignal = new AsyncLocalStorage<AbortSignal>()

export type RetryOptions = {
  clock: Clock
  /** In [0, 1): for jitter. */
  fraction(): number
}

/** Of one client, hence of one service. */
export function createRetryStrategy({ clock, fraction }: RetryOptions): RetryStrategyV2 {
  const pace = createPace(clock)
  return {
    async acquireInitialRetryToken() {
      await pace.turn()
      return token(0)
    },
    async refreshRetryTokenForRetry(before, info) {
      const count = before.getRetryCount() + 1
      if (info.errorType === 'THROTTLING') pace.throttled()
      if (count >= maxAttempts || info.errorType === 'CLIENT_ERROR') throw new Error('not to be tried again')
      await pauseMs(pauseBefore(count, info, clock.now(), fraction()), clock)
      await pace.turn()
      return token(count)
    },
    recordSuccess: () => pace.succeeded(),
  }
}

/** Full jitter: who was throttled together does not come back together. */
function pauseBefore(count: number, { errorType, retryAfterHint }: RetryErrorInfo, nowMs: number, fraction: number) {
  const base = errorType === 'THROTTLING' ? throttledBaseMs : brokenBaseMs
  const jittered = fraction * Math.min(maxPauseMs, base * 2 ** (count - 1))
  const asked = retryAfterHint === undefined ? 0 : retryAfterHint.getTime() - nowMs
  return Math.min(maxPauseMs, Math.max(jittered, asked))
}

function createPace(clock: Clock) {
  let spacingMs = 0
  let successes = 0
  let nextAtMs = 0
  return {
    async turn(): Promise<void> {
      if (spacingMs === 0) return
      const now = clock.monotonicMs()
      const at = Math.max(now, nextAtMs)
      nextAtMs = at + spacingMs
      await pauseMs(at - now, clock)
    },
    throttled(): void {
      successes = 0
      spacingMs = Math.min(maxSpacingMs, Math.max(firstSpacingMs, spacingMs * 2))
    },
    succeeded(): void {
      if (spacingMs === 0 || ++successes < successesToRecover) return
      successes = 0
      spacingMs = spacingMs > firstSpacingMs ? spacingMs / 2 : 0
    },
  }
}

const pauseMs = (ms: number, clock: Clock): Promise<void> =>
  ms <= 0 ? Promise.resolve() : clock.sleep(ms, callSignal.getStore() ?? new AbortController().signal)

const token = (count: number): RetryToken => ({ getRetryCount: () => count, getRetryDelay: () => 0 })
