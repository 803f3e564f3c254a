/** Time and chance, as arguments. A simulated world brings its own. */
export type Clock = {
  /** Wall clock, ms since the epoch: for people and for windows, never for ordering. */
  now(): number
  /** Monotonic, ms: for time-outs and lease observation. */
  monotonicMs(): number
  /** Resolves early, by rejecting with the signal's reason, when aborted. */
  sleep(ms: number, signal: AbortSignal): Promise<void>
}

export type Random = {
  /** `bytes` random bytes as lower-case hex. */
  hex(bytes: number): string
  /** In [0, 1): for jitter. */
  fraction(): number
}
