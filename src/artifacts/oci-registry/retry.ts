/** Trying again what the network or a busy registry spoilt: with growing, random pauses, and an end. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { TrunklineError } from '../../model/index.ts'
import { abortReason } from '../artifact-errors.ts'

export type RetryPolicy = {
  attempts: number
  /** Longest pause after the first failure; doubles with each. */
  baseMs: number
  /** No pause is longer, whatever a registry asks for. */
  maxMs: number
}

export const defaultRetryPolicy: RetryPolicy = { attempts: 6, baseMs: 500, maxMs: 60_000 }

/** A failure that may pass by itself. `error` is what users see once the attempts are used up. */
export class TransientFault extends Error {
  readonly error: TrunklineError
  /** What the registry asked for. */
  readonly retryAfterMs: number | null

  constructor(error: TrunklineError, retryAfterMs: number | null = null) {
    super(error.message, { cause: error })
    this.error = error
    this.retryAfterMs = retryAfterMs
  }
}

/** Runs `work` until it does not end with a `TransientFault`, at most `policy.attempts` times. */
export async function retrying<T>(
  policy: RetryPolicy,
  signal: AbortSignal,
  work: (attempt: number) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work(attempt)
    } catch (fault) {
      if (!(fault instanceof TransientFault)) throw fault
      if (attempt >= policy.attempts) throw fault.error
      await pause(delayMs(policy, attempt, fault.retryAfterMs), signal)
    }
  }
}

function delayMs(policy: RetryPolicy, attempt: number, retryAfterMs: number | null): number {
  const backoffMs = Math.random() * policy.baseMs * 2 ** (attempt - 1)
  // On top of what was asked for: everyone who was turned away would come back in the same moment.
  const wantedMs = retryAfterMs === null ? backoffMs : retryAfterMs + Math.min(backoffMs, 1000)
  return Math.min(wantedMs, policy.maxMs)
}

export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal })
  } catch {
    throw abortReason(signal)
  }
}

/** `Retry-After` in milliseconds: seconds or a date. */
export function parseRetryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null
  if (/^\d+$/.test(header.trim())) return Number(header) * 1000
  const at = Date.parse(header)
  return Number.isNaN(at) ? null : Math.max(0, at - now)
}
