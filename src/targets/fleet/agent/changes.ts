/** Lets long polls wait until something on this host has changed. */
export class Changes {
  private readonly waiting = new Set<() => void>()

  announce(): void {
    for (const resolve of [...this.waiting]) resolve()
  }

  /** Until the next change, `ms` at most; rejects with the signal's reason when aborted. */
  next(ms: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.waiting.delete(done)
        settle()
      }
      const done = finish(resolve)
      const abort = finish(() => reject(signal.reason))
      const timer = setTimeout(done, ms)
      signal.addEventListener('abort', abort, { once: true })
      this.waiting.add(done)
    })
  }
}
