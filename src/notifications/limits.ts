/** Bounds on telling people: a delivery never waits for a chat. */

export type NotificationLimits = {
  /** One request, from connecting to the end of the answer. */
  requestTimeoutMs: number
  attempts: number
  /** Before the second attempt; doubles with each further one. */
  firstRetryMs: number
  /** Longest pause, also where the receiver asks for more (`Retry-After`): it is given up then. */
  longestRetryMs: number
  /** Messages waiting in one channel; the oldest makes room. */
  queueLength: number
  /** What `flush` waits for at most. */
  flushMs: number
}

export const defaultLimits: NotificationLimits = {
  requestTimeoutMs: 5000,
  attempts: 3,
  firstRetryMs: 500,
  longestRetryMs: 10_000,
  queueLength: 100,
  flushMs: 15_000,
}
