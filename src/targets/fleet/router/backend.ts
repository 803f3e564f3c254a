/** One instance behind a service: its connections, its health, and what of it is under way. */
import type { Balanced } from './balance.ts'
import { type ProbeLoop, type ProbeResult, startProbing } from './health-check.ts'
import { maxProbeFailures } from './limits.ts'
import type { BackendSpec, BackendStatus } from './protocol.ts'
import { BackendConnections } from './upstream/index.ts'

/** A request or a tunnel on its way through the router. */
export type Exchange = {
  readonly isTunnel: boolean
  /** A backend has been found for it. */
  proceed(backend: Backend): void
  /** None was found in time, or too many wait already. */
  giveUp(): void
  /** Its backend has drained for too long: end it. */
  cut(): void
}

type BackendEvents = {
  /** Something in its status changed that is no counter. */
  changed(): void
  log(fields: object, message: string): void
}

export class Backend implements Balanced {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly connections: BackendConnections
  weight = 0
  drain = false
  state: BackendStatus['state'] = 'starting'
  /** Not in the spec any more. */
  removed = false
  /** A connection failed, and the probe that shall tell has not ended yet. */
  suspect = false
  /** One of the service's candidates. */
  accepting = false
  /** Removed, but it took requests until then, and goes on until one of those that replace it is well. */
  handsOver = false
  credit = 0
  inFlight = 0
  private tunnels = 0
  private readonly totals = { requests: 0, failures: 0, cut: 0 }
  private lastError: string | null = null
  private probeFailures = 0
  private health: BackendSpec['health']
  private readonly underWay = new Set<Exchange>()
  private readonly probes: ProbeLoop
  private readonly events: BackendEvents
  private cutTimer: NodeJS.Timeout | undefined

  constructor(spec: BackendSpec, events: BackendEvents) {
    this.id = spec.id
    this.host = spec.host
    this.port = spec.port
    this.health = spec.health
    this.events = events
    this.update(spec)
    this.connections = new BackendConnections(spec)
    this.probes = startProbing({
      host: spec.host,
      port: spec.port,
      check: () => this.health,
      state: () => this.state,
      report: (result) => this.takeProbe(result),
    })
  }

  isAt(spec: BackendSpec): boolean {
    return this.id === spec.id && this.host === spec.host && this.port === spec.port
  }

  /** Takes over what may change of a backend that stays the same. */
  update({ weight, drain, health }: BackendSpec): void {
    this.weight = weight
    this.drain = drain
    this.removed = false
    this.handsOver = false
    this.health = health
  }

  /** The spec no longer names it. */
  leave(): void {
    if (this.removed) return
    this.removed = true
    this.handsOver = this.accepting
  }

  /** It is a candidate of a new set. */
  accept(): void {
    this.accepting = true
    this.credit = 0
  }

  /** It gets nothing new and shall end what it has. */
  get isDraining(): boolean {
    return (this.drain || this.removed) && !this.accepting && !this.handsOver
  }

  get isWell(): boolean {
    return this.state === 'healthy' && !this.suspect
  }

  begin(exchange: Exchange): void {
    this.inFlight += 1
    this.totals.requests += 1
    if (exchange.isTunnel) this.tunnels += 1
    this.underWay.add(exchange)
  }

  end(exchange: Exchange): void {
    if (!this.underWay.delete(exchange)) return
    this.inFlight -= 1
    if (exchange.isTunnel) this.tunnels -= 1
    if (this.inFlight === 0 && !this.accepting) this.events.changed()
  }

  /** Connecting failed: no new requests until a probe, made at once, has succeeded. */
  noteConnectFailure(error: Error): void {
    this.totals.failures += 1
    this.lastError = error.message
    this.suspect = true
    this.probes.now()
    this.events.changed()
  }

  /** It broke a connection off: perhaps one bad request, perhaps it is dead. A probe tells. */
  noteBrokenExchange(error: Error): void {
    this.totals.failures += 1
    this.lastError = error.message
    this.probes.now()
  }

  /** Cuts what is under way after that long, unless `stayOpen` is called first. */
  cutAfter(timeoutMs: number): void {
    this.cutTimer ??= setTimeout(() => this.cutAll(), timeoutMs)
  }

  stayOpen(): void {
    clearTimeout(this.cutTimer)
    this.cutTimer = undefined
  }

  cutAll(): void {
    if (this.underWay.size === 0) return
    const cut = this.underWay.size
    this.totals.cut += cut
    this.events.log({ backend: this.id, cut }, 'cut what was still under way at the end of draining')
    for (const exchange of [...this.underWay]) exchange.cut()
  }

  status(): BackendStatus {
    const { id, host, port, weight, drain, removed, state, inFlight, tunnels, lastError } = this
    const totals = { ...this.totals }
    const accepting = this.accepting || this.handsOver
    return { id, host, port, weight, drain, removed, state, accepting, inFlight, tunnels, totals, lastError }
  }

  dispose(): void {
    this.stayOpen()
    this.probes.stop()
    // Not within a callback of one of these connections.
    setImmediate(() => this.connections.destroy())
  }

  private takeProbe(result: ProbeResult): void {
    const before = { state: this.state, suspect: this.suspect, lastError: this.lastError }
    if (result.ok) {
      this.probeFailures = 0
      this.state = 'healthy'
      this.lastError = null
    } else {
      this.probeFailures += 1
      this.lastError = result.error
      const isProven = result.refused || this.suspect || this.probeFailures >= maxProbeFailures
      if (this.state === 'healthy' && isProven) this.state = 'unhealthy'
    }
    this.suspect = false
    if (before.state !== this.state) {
      const fields = { backend: this.id, address: `${this.host}:${this.port}`, error: this.lastError ?? undefined }
      this.events.log(fields, `backend is ${this.state}`)
    }
    if (before.state !== this.state || before.suspect !== this.suspect || before.lastError !== this.lastError) {
      this.events.changed()
    }
  }
}
