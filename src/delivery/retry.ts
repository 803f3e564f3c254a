/** Errored is the world's fault: try again with backoff, a bound, and jitter. Verdicts and refusals are never retried. */
import { TrunklineError } from '../model/index.ts'
import type { Clock, Random } from '../ports/index.ts'

export type RetryOptions = {
  clock: Clock
  random: Random
  signal: AbortSignal
  attempts?: number
  firstDelayMs?: number
  onRetry?(attempt: number, delayMs: number, error: TrunklineError): void
}

const defaultAttempts = 4
const defaultFirstDelayMs = 300
const maxDelayMs = 10_000

/** Errors that a second try cannot change. */
const finalCodes = new Set([
  'ARTIFACT_LOST',
  'ARTIFACT_MISSING',
  'EXECUTION_NOT_STOPPED',
  'HOOK_ATTEMPTS',
  'HOOK_OUTCOME_UNKNOWN',
  'IMAGE_BUILDER_MISSING',
  'LEASE_LOST',
  'NOT_FOLLOWED',
  'PIPELINE_BUSY',
  'PULL_REQUEST_OPEN',
  'STATE_TOO_NEW',
  'STATE_UNREADABLE',
  'TOOL_MISSING',
  'TOOL_VERSION',
  'VARIABLE_MISSING',
  'WORK_CANNOT_START',
  'WORK_OUT_OF_MEMORY',
  'WORK_TIMED_OUT',
  'WRONG_PLATFORM',
])

/** The client of a registry tries again by itself, and knows what may pass: here a whole build would be run again for it. */
const isFinal = ({ code }: TrunklineError): boolean => finalCodes.has(code) || code.startsWith('REGISTRY_')

export async function retryErrored<T>(action: () => Promise<T>, options: RetryOptions): Promise<T> {
  const attempts = options.attempts ?? defaultAttempts
  for (let attempt = 1; ; attempt++) {
    try {
      return await action()
    } catch (error) {
      const mayRetry = error instanceof TrunklineError && error.kind === 'errored' && !isFinal(error)
      if (!mayRetry || attempt >= attempts || options.signal.aborted) throw error
      const ceilingMs = Math.min(maxDelayMs, (options.firstDelayMs ?? defaultFirstDelayMs) * 3 ** (attempt - 1))
      const delayMs = Math.round(ceilingMs * (0.5 + options.random.fraction() / 2))
      options.onRetry?.(attempt, delayMs, error)
      await options.clock.sleep(delayMs, options.signal)
    }
  }
}
