/**
 * Looks at what AWS is at. While AWS does not answer, what it is at goes on, and so do the looks: that they fail is told,
 * and after a while is an error. What is wrong with the asker (rights, credentials) is one at once.
 */
import { erroredError, TrunklineError } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'

export type PatienceOptions = {
  /** What is waited for: `the stack shop-stage to be at rest`. */
  what: string
  clock: Clock
  /** Progress: it is told when AWS stops answering, from time to time while it does not, and when it does again. */
  log(line: string): void
  /** How long AWS may not answer. */
  patienceMs?: number
}

export type PatientLook<Found> = {
  /** null: nothing was found, or nothing could be seen. Errored, as the last look was, where that has been so for too long. */
  look(): Promise<Found | null>
  /** What keeps it from seeing; null: it sees. */
  blindness(): TrunklineError | null
}

const defaultPatienceMs = 15 * 60_000
/** It is told at once, after a minute, and then after twice as long each time. */
const firstAgainMs = 60_000

const answersOfNobody: ReadonlySet<string> = new Set([
  ...['AWS_UNAVAILABLE', 'AWS_UNREACHABLE', 'AWS_TIMED_OUT', 'AWS_THROTTLED', 'AWS_UNEXPECTED_ANSWER'],
])

type Outage = { sinceMs: number; since: string; last: TrunklineError; nextTellMs: number; tellEveryMs: number }

export function withPatience<Found>(
  look: () => Promise<Found | null>,
  { what, clock, log, patienceMs = defaultPatienceMs }: PatienceOptions,
): PatientLook<Found> {
  let outage: Outage | null = null

  function suffer(error: TrunklineError, beganMs: number, began: number): void {
    const now = clock.monotonicMs()
    outage ??= {
      ...{ sinceMs: beganMs, since: timeOfDay(began), last: error },
      ...{ nextTellMs: now, tellEveryMs: firstAgainMs },
    }
    outage.last = error
    if (now - outage.sinceMs >= patienceMs) throw tooLong(outage)
    if (now < outage.nextTellMs) return
    const lasting = now - outage.sinceMs >= firstAgainMs ? ` (${minutes(now - outage.sinceMs)})` : ''
    log(`waits for ${what}, and cannot see it since ${outage.since}${lasting}: ${error.message}`)
    outage.nextTellMs = now + outage.tellEveryMs
    outage.tellEveryMs *= 2
  }

  function tooLong({ sinceMs, since, last }: Outage): TrunklineError {
    const lasted = `since ${since} (${minutes(clock.monotonicMs() - sinceMs)})`
    return erroredError(last.code, `waited for ${what}, and could not see it ${lasted}: ${last.message}`, {
      hint: 'what AWS is at goes on by itself; a retry goes on watching it',
      cause: last,
    })
  }

  return {
    async look() {
      const beganMs = clock.monotonicMs()
      const began = clock.now()
      try {
        const found = await look()
        if (outage !== null) log(`AWS answers again, after ${minutes(clock.monotonicMs() - outage.sinceMs)}`)
        outage = null
        return found
      } catch (error) {
        if (!(error instanceof TrunklineError && answersOfNobody.has(error.code))) throw error
        suffer(error, beganMs, began)
        return null
      }
    },
    blindness: () => (outage === null ? null : tooLong(outage)),
  }
}

const timeOfDay = (ms: number): string => `${new Date(ms).toISOString().slice(11, 19)} UTC`

const minutes = (ms: number): string => (ms < 90_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`)
