/** The connections to one backend: kept while idle, opened where all are busy, up to a bound; then exchanges wait. */
import { maxBackendConnections } from '../limits.ts'
import { type Attempt, Connection, type ConnectionOwner, type UpstreamExchange } from './connection.ts'

/** How often it is looked for idle connections to close and for answers that are late. */
const sweepMs = 500

export class BackendConnections implements ConnectionOwner {
  private readonly address: { host: string; port: number }
  private readonly max: number
  private readonly all = new Set<Connection>()
  /** The one used last is at the end, and is used first. */
  private readonly idle: Connection[] = []
  private readonly waiting: WaitingAttempt[] = []
  private sweeper: NodeJS.Timeout | undefined

  constructor(address: { host: string; port: number }, max = maxBackendConnections) {
    this.address = address
    this.max = max
  }

  /** Sends the request as soon as there is a connection. */
  dispatch(exchange: UpstreamExchange): void {
    const idle = this.takeIdle()
    if (idle !== undefined) idle.send(exchange)
    else this.dispatchFresh(exchange)
  }

  /** Sends it on a connection that was not used before, where there is room for one. */
  dispatchFresh(exchange: UpstreamExchange): void {
    if (this.all.size < this.max) this.open(exchange)
    else this.waiting.push(new WaitingAttempt(exchange, this.waiting))
  }

  onIdle(connection: Connection): void {
    const next = this.waiting.shift()
    if (next === undefined) this.idle.push(connection)
    else connection.send(next.exchange)
  }

  onGone(connection: Connection): void {
    this.all.delete(connection)
    const at = this.idle.lastIndexOf(connection)
    if (at >= 0) this.idle.splice(at, 1)
    const next = this.waiting.shift()
    if (next !== undefined) this.open(next.exchange)
    if (this.all.size > 0) return
    clearInterval(this.sweeper)
    this.sweeper = undefined
  }

  /** Closes all. What is under way is told nothing. */
  destroy(): void {
    this.waiting.length = 0
    for (const connection of [...this.all]) connection.abort()
  }

  private open(exchange: UpstreamExchange): void {
    this.all.add(new Connection(this, this.address, exchange))
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs)
  }

  private takeIdle(): Connection | undefined {
    const last = this.idle.pop()
    if (last === undefined || last.keptUntil > performance.now()) return last
    last.abort()
    return this.takeIdle()
  }

  private sweep(): void {
    const now = performance.now()
    for (const connection of this.idle.filter(({ keptUntil }) => keptUntil <= now)) connection.abort()
    for (const connection of [...this.all]) connection.endIfLate(now)
  }
}

/** An exchange for which all connections are busy. */
class WaitingAttempt implements Attempt {
  readonly exchange: UpstreamExchange
  private readonly line: WaitingAttempt[]

  constructor(exchange: UpstreamExchange, line: WaitingAttempt[]) {
    this.exchange = exchange
    this.line = line
    exchange.attempt = this
  }

  abort(): void {
    const at = this.line.indexOf(this)
    if (at >= 0) this.line.splice(at, 1)
  }

  resume(): void {}
}
