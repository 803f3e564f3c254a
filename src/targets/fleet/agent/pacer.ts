/** The beat of the agent's one loop: regular, sooner when something happened, over when it is told so. */
export class Pacer {
  private isWoken = false
  private isEnded = false
  private isPaused = false
  private resume: (() => void) | null = null

  constructor(signal: AbortSignal) {
    if (signal.aborted) this.isEnded = true
    signal.addEventListener('abort', () => this.end(), { once: true })
  }

  /** Something happened: the next beat comes at once. */
  wake(): void {
    this.isWoken = true
    if (!this.isPaused) this.resume?.()
  }

  /** No more beats, only the end. */
  pause(): void {
    this.isPaused = true
  }

  end(): void {
    this.isEnded = true
    this.resume?.()
  }

  /** Waits for the next beat; false when there is none any more. */
  async next(everyMs: number): Promise<boolean> {
    do {
      if (!this.isEnded && (this.isPaused || !this.isWoken)) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, everyMs)
          this.resume = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      this.resume = null
    } while (this.isPaused && !this.isEnded)
    this.isWoken = false
    return !this.isEnded
  }
}
