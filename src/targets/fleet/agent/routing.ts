/**
 * Keeps the router as the records want it, and knows what it last said. The router is a process of its own that goes on
 * without any agent; here it is only told when something changes, and told again whatever it has lost.
 */
import { erroredError } from '../../../model/index.ts'
import type { BackendStatus, RouterClient, ServiceSpec, ServiceStatus } from '../router/index.ts'
import type { Host } from './host.ts'
import type { RouterView } from './instance.ts'
import type { Address } from './protocol.ts'

/** How a service is to be reached: where, and which instances stand behind it. */
export type Route = {
  /** null: not decided yet; a port of null is chosen by the router once and for ever. */
  listen: { host: string | null; port: number | null }
  backends: Array<{ id: string; port: number; health: string | null; weight: number; drain: boolean }>
  drainTimeoutMs: number
}

const healthIntervalMs = 1000
const healthTimeoutMs = 2000
const defaultListenHost = '127.0.0.1'
/** A router that does not answer is being restarted: what it said last is believed for this long. */
const believedMs = 5000
/** How long an operation waits for a router that is being restarted. */
const maxPushMs = 15_000
const retryPushMs = 200

export class Routing {
  private readonly host: Host
  private readonly client: RouterClient
  /** Starts the router where none runs. */
  private readonly revive: () => Promise<void>
  private readonly wanted = new Map<string, string>()
  private readonly pushed = new Map<string, string>()
  private readonly queues = new Map<string, Promise<void>>()
  private readonly complaints = new Map<string, string>()
  private statuses = new Map<string, ServiceStatus>()
  private heardAtMs = Number.NEGATIVE_INFINITY

  constructor(host: Host, client: RouterClient, revive: () => Promise<void>) {
    this.host = host
    this.client = client
    this.revive = revive
  }

  /** Notes how a service is to be reached, and tells the router soon where that is new. */
  want(key: string, route: Route): void {
    const text = JSON.stringify(specOf(route))
    this.wanted.set(key, text)
    if (this.pushed.get(key) === text || this.queues.has(key)) return
    this.push(key).catch((error: unknown) => this.complain(key, messageOf(error)))
  }

  /** Until the router does what was wanted last. Errored where it cannot. */
  async settled(key: string): Promise<void> {
    const deadlineMs = this.host.clock.monotonicMs() + maxPushMs
    while (this.wanted.has(key) && this.pushed.get(key) !== this.wanted.get(key)) {
      try {
        await this.push(key)
      } catch (error) {
        if (this.host.clock.monotonicMs() > deadlineMs || !isUnreachable(error)) throw error
        await this.revive()
        await this.host.clock.sleep(retryPushMs, AbortSignal.timeout(maxPushMs))
      }
    }
  }

  /** Gives a service its public address. Errored `PORT_TAKEN` where a fixed port belongs to something else. */
  async reserve(key: string, route: Route): Promise<Address> {
    const before = this.wanted.get(key)
    this.want(key, route)
    try {
      await this.settled(key)
    } catch (error) {
      if (before === undefined) this.wanted.delete(key)
      else this.wanted.set(key, before)
      throw error
    }
    const status = this.statuses.get(key) ?? (await this.client.service(key))
    if (status === null) throw erroredError('ROUTER_ANSWER', `the router has forgotten ${key}`)
    return { host: status.listen.host, port: status.listen.port }
  }

  wants(key: string): boolean {
    return this.wanted.has(key)
  }

  /** Where a service answers; null where the router has not said. */
  addressOf(key: string): Address | null {
    const status = this.wanted.has(key) ? this.statuses.get(key) : undefined
    return status === undefined || status.deleted ? null : { host: status.listen.host, port: status.listen.port }
  }

  /** A router that is just being restarted is told as soon as it answers: see `refresh`. */
  async remove(key: string): Promise<void> {
    this.wanted.delete(key)
    this.pushed.delete(key)
    await this.queues.get(key)?.catch(() => {})
    await this.client.deleteService(key).catch((error: unknown) => {
      if (!isUnreachable(error)) throw error
    })
    this.statuses.delete(key)
  }

  /** Asks the router how things are; starts it where it is gone, and tells it again what it does not know. */
  async refresh(): Promise<void> {
    let services: ServiceStatus[]
    try {
      services = await this.client.services()
    } catch (error) {
      if (!isUnreachable(error)) this.host.log(`asking the router: ${messageOf(error)}`)
      // Not awaited: instances are looked after while it starts. It reports its own troubles.
      void this.revive()
      return
    }
    this.heardAtMs = this.host.clock.monotonicMs()
    this.statuses = new Map(services.map((service) => [service.key, service]))
    for (const key of this.wanted.keys()) if (!this.knows(key)) this.pushed.delete(key)
    for (const service of services) if (!this.wanted.has(service.key) && !service.deleted) await this.drop(service.key)
  }

  view(key: string, instance: string): RouterView {
    const isKnown = this.host.clock.monotonicMs() - this.heardAtMs < believedMs
    const backend = isKnown ? this.statuses.get(key)?.backends.find((each) => each.id === instance) : undefined
    if (backend === undefined) return { health: null, inFlight: null, isRouted: false }
    return { health: backend.state, inFlight: backend.inFlight, isRouted: isRouted(backend) }
  }

  /** A wish that cannot be met is tried again at every beat, and said once. */
  private complain(key: string, message: string): void {
    if (this.complaints.get(key) === message) return
    this.complaints.set(key, message)
    this.host.log(`telling the router about ${key}: ${message}`)
  }

  private knows(key: string): boolean {
    const status = this.statuses.get(key)
    return status !== undefined && !status.deleted
  }

  private async drop(key: string): Promise<void> {
    this.host.log(`the router serves ${key}, which nobody wants: removing it`)
    await this.client.deleteService(key).catch(() => {})
  }

  /** One after the other for each service, so that an older wish never overtakes a newer one. */
  private push(key: string): Promise<void> {
    const turn = (this.queues.get(key) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        const text = this.wanted.get(key)
        if (text === undefined || this.pushed.get(key) === text) return
        // Written by `specOf` above.
        const status = await this.client.putService(key, JSON.parse(text) as ServiceSpec)
        this.pushed.set(key, text)
        this.complaints.delete(key)
        this.statuses.set(key, status)
      })
      .finally(() => {
        if (this.queues.get(key) === turn) this.queues.delete(key)
      })
    this.queues.set(key, turn)
    return turn
  }
}

function specOf({ listen, backends, drainTimeoutMs }: Route): ServiceSpec {
  return {
    listen: { host: listen.host ?? defaultListenHost, port: listen.port },
    backends: backends.map(({ health, ...backend }) => ({
      ...backend,
      host: '127.0.0.1',
      health: { path: health, intervalMs: healthIntervalMs, timeoutMs: healthTimeoutMs },
    })),
    drainTimeoutMs,
  }
}

const isRouted = (backend: BackendStatus): boolean => backend.accepting || backend.inFlight > 0

/** One that is ending hands over to another, which answers soon. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ROUTER_UNREACHABLE' || error.code === 'ROUTER_CLOSING')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
