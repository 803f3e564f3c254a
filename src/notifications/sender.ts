/** Sends one message, again where that can help, within bounds. */
import type { Clock } from '../ports/index.ts'
import type { Message } from './channel.ts'
import type { NotificationLimits } from './limits.ts'
import { type PostResult, post } from './post.ts'

export type SendOptions = { url: URL; clock: Clock; limits: NotificationLimits; signal: AbortSignal }

/** Answers null when it was taken, else why not: a part of a sentence without any secret. Never throws. */
export async function sendMessage(
  message: Message,
  { url, clock, limits, signal }: SendOptions,
): Promise<string | null> {
  for (let attempt = 1; ; attempt += 1) {
    const result = await post(url, message.request(clock.now()), limits.requestTimeoutMs, signal)
    if (result.kind === 'accepted') return null
    const delayMs = delayBefore(attempt + 1, result, clock.now(), limits)
    if (delayMs === null || signal.aborted) return fault(result, attempt)
    try {
      await clock.sleep(delayMs, signal)
    } catch {
      return fault(result, attempt)
    }
  }
}

/** How long to wait before an attempt; null: not again. 4xx but 429 is an answer for good. */
function delayBefore(attempt: number, result: PostResult, nowMs: number, limits: NotificationLimits): number | null {
  if (attempt > limits.attempts) return null
  const backoffMs = Math.min(limits.longestRetryMs, limits.firstRetryMs * 2 ** (attempt - 2))
  if (result.kind !== 'answered') return backoffMs
  if (result.status !== 429 && result.status < 500) return null
  const askedMs = retryAfterMs(result.retryAfter, nowMs)
  if (askedMs === null) return backoffMs
  return askedMs > limits.longestRetryMs ? null : askedMs
}

/** `Retry-After` is seconds or an HTTP date (RFC 9110 section 10.2.3). */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? null : Math.max(0, date - nowMs)
}

function fault(result: Exclude<PostResult, { kind: 'accepted' }>, attempts: number): string {
  const what =
    result.kind === 'unreachable'
      ? result.why
      : `it answered ${result.status}${result.word === null ? '' : ` ${result.word}`}`
  return attempts === 1 ? what : `${what} (${attempts} attempts)`
}
