/** Requests for which there is no backend at this moment, in order of arrival; bounded in length and time. */
import type { Exchange } from './backend.ts'
import { maxWaitForBackendMs, maxWaitingRequests } from './limits.ts'

export class WaitingLine {
  private readonly waiting = new Map<Exchange, /** Monotonic, ms. */ number>()
  private timer: NodeJS.Timeout | undefined

  get length(): number {
    return this.waiting.size
  }

  /** Its `giveUp` is called when its time is over, or at once where too many wait. */
  join(exchange: Exchange): void {
    if (this.waiting.size >= maxWaitingRequests) {
      exchange.giveUp()
      return
    }
    this.waiting.set(exchange, performance.now() + maxWaitForBackendMs)
    this.timer ??= setTimeout(() => this.expire(), maxWaitForBackendMs)
  }

  leave(exchange: Exchange): void {
    this.waiting.delete(exchange)
  }

  /** Takes all who wait, first come first. */
  takeAll(): Exchange[] {
    const exchanges = [...this.waiting.keys()]
    this.waiting.clear()
    clearTimeout(this.timer)
    this.timer = undefined
    return exchanges
  }

  private expire(): void {
    const now = performance.now()
    this.timer = undefined
    for (const [exchange, deadline] of this.waiting) {
      if (deadline > now) {
        this.timer = setTimeout(() => this.expire(), deadline - now)
        return
      }
      this.waiting.delete(exchange)
      exchange.giveUp()
    }
  }
}
