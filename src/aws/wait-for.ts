/** Waiting for what AWS does in its own time. */
import { erroredError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'
import { withPatience } from './patience.ts'

export type WaitOptions<Found> = {
  /** What is waited for: `change set shop-1 to be ready`. */
  what: string
  /** null: not yet. A verdict is thrown. */
  look(): Promise<Found | null>
  timeoutMs: number
  signal: AbortSignal
  /** Pause after the first look; default 1 s. It grows to eight times that, and a quarter of it is chance. */
  intervalMs?: number
  /** Progress of what is watched. With it AWS may go without an answer for a while, which it is told; else that is the end. */
  log?(line: string): void
}

const defaultIntervalMs = 1000
const growth = 1.4
const maxGrowth = 8

/** What `look` finds. Errored `AWS_WAIT_TIMED_OUT` where it finds nothing in time. */
export async function waitFor<Found>(
  options: WaitOptions<Found>,
  { clock, fraction }: { clock: Clock; fraction(): number },
): Promise<Found> {
  const { what, timeoutMs, signal, intervalMs = defaultIntervalMs, log } = options
  const { look, blindness } = log === undefined ? impatient(options) : withPatience(options.look, { what, clock, log })
  const end = clock.monotonicMs() + timeoutMs
  let pauseMs = intervalMs
  for (;;) {
    const found = await look()
    if (found !== null) return found
    const left = end - clock.monotonicMs()
    if (left <= 0) throw blindness() ?? timedOut(what, timeoutMs)
    await clock.sleep(Math.min(left, pauseMs * (0.75 + 0.25 * fraction())), signal)
    pauseMs = Math.min(intervalMs * maxGrowth, pauseMs * growth)
  }
}

const impatient = <Found>({ look }: WaitOptions<Found>) => ({ look, blindness: () => null })

const timedOut = (what: string, timeoutMs: number) =>
  erroredError('AWS_WAIT_TIMED_OUT', `waited ${Math.round(timeoutMs / 1000)} s in vain for ${what}`)
