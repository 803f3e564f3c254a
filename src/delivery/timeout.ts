/** Time limits on the world's own clock, so that a simulated world has them too. */
import { erroredError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import { followSignal } from './follow-signal.ts'

/** Nobody reads it; an error made for each call would cost more than the call. */
const isDone = new Error('done')

/** Runs `action` with a signal that aborts after `timeoutMs` (errored `TIMEOUT`), and with `outer` where there is one. */
export async function withTimeout<T>(
  clock: Clock,
  timeoutMs: number,
  action: (signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): Promise<T> {
  const over = new AbortController()
  const leave = outer === undefined ? null : followSignal(outer, over)
  const timer = new AbortController()
  clock
    .sleep(timeoutMs, timer.signal)
    .then(() => over.abort(erroredError('TIMEOUT', `no answer within ${timeoutMs} ms`)))
    .catch(() => {})
  try {
    return await action(over.signal)
  } finally {
    timer.abort(isDone)
    leave?.()
  }
}
