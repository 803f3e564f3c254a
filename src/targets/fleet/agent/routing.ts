/**
 * Keeps the routers as the records want them, and knows what they last said. A router is a process of its own that goes
 * on without any agent; here it is only told when something changes, and told again whatever it has lost.
 */
import { erroredError, type RouterConfig } from '../../../model/index.ts'
import type { RouterClient, ServiceSpec } from '../router/index.ts'
import { openServiceRouter, type RoutedBackend, type RoutedService, type ServiceRouter } from '../routers/index.ts'
import type { Host } from './host.ts'
import type { RouterView } from './instance.ts'
import type { Address } from './protocol.ts'

/** How a service is to be reached: where, and which instances stand behind it. */
export type Route = {
  /** null: not decided yet; a port of null is chosen by the router once and for ever. */
  listen: { host: string | null; port: number | null }
  backends: Array<{ id: string; port: number; health: string | null; weight: number; drain: boolean }>
  drainTimeoutMs: number
  /** A team's router, with its name for the service; absent: our own. */
  router?: { config: RouterConfig; name: string }
}

const healthIntervalMs = 1000
const healthTimeoutMs = 2000
const defaultListenHost = '127.0.0.1'
/** A router that does not answer is being restarted: what it said last is believed for this long. */
const believedMs = 5000
/** How long an operation waits for a router that is being restarted. */
const maxPushMs = 15_000
const retryPushMs = 200

/** What one service is to be, as it is told to its router. */
type Wish = { router: RouterConfig; name: string; spec: ServiceSpec }

export class Routing {
  private readonly host: Host
  private readonly client: RouterClient
  /** Starts our own router where none runs. */
  private readonly revive: () => Promise<void>
  /** By their configuration; our own is there always. */
  private readonly routers = new Map<string, ServiceRouter>()
  private readonly heardAtMs = new Map<string, number>()
  /** Wishes as text: two are the same where their texts are. */
  private readonly wanted = new Map<string, string>()
  private readonly pushed = new Map<string, string>()
  private readonly queues = new Map<string, Promise<void>>()
  private readonly complaints = new Map<string, string>()
  private readonly statuses = new Map<string, RoutedService>()

  constructor(host: Host, client: RouterClient, revive: () => Promise<void>) {
    this.host = host
    this.client = client
    this.revive = revive
    this.routerFor(builtIn)
  }

  /** Notes how a service is to be reached, and tells its router soon where that is new. */
  want(key: string, route: Route): void {
    const text = JSON.stringify(wishOf(route))
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
        const isOurs = this.wishFor(key)?.router.kind === 'built-in'
        // A team's router is the team's to start.
        if (this.host.clock.monotonicMs() > deadlineMs || !isUnreachable(error) || !isOurs) throw error
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
    const status = this.statuses.get(key)
    if (status === undefined) throw erroredError('ROUTER_ANSWER', `the router has forgotten ${key}`)
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
    const router = this.wishFor(key)?.router ?? builtIn
    this.wanted.delete(key)
    this.pushed.delete(key)
    await this.queues.get(key)?.catch(() => {})
    await this.routerFor(router)
      .remove(key)
      .catch((error: unknown) => {
        if (!isUnreachable(error)) throw error
      })
    this.statuses.delete(key)
  }

  /** Asks the routers how things are; starts ours where it is gone, and tells them again what they do not know. */
  async refresh(): Promise<void> {
    await Promise.all([...this.routers].map(([id, router]) => this.refreshFrom(id, router)))
  }

  /** Ends what the agent does for routers; services go on being served. */
  close(): void {
    for (const router of this.routers.values()) router.close()
  }

  private async refreshFrom(id: string, router: ServiceRouter): Promise<void> {
    let services: RoutedService[]
    try {
      services = await router.services()
    } catch (error) {
      if (id !== idOf(builtIn) || !isUnreachable(error)) this.complain(id, messageOf(error))
      // Not awaited: instances are looked after while it starts. It reports its own troubles.
      if (id === idOf(builtIn)) void this.revive()
      return
    }
    this.complaints.delete(id)
    this.heardAtMs.set(id, this.host.clock.monotonicMs())
    const known = new Map(services.map((service) => [service.key, service]))
    for (const key of this.wanted.keys()) {
      if (this.routerOf(key) !== id) continue
      const status = known.get(key)
      if (status) this.statuses.set(key, status)
      else this.statuses.delete(key)
      if (status === undefined || status.deleted) this.pushed.delete(key)
    }
    // What has gone to another router stays until that one has it.
    for (const { key, deleted } of services) {
      const isElsewhere = this.routerOf(key) !== id && (!this.wanted.has(key) || this.pushed.has(key))
      if (isElsewhere && !deleted) await this.drop(key, router)
    }
  }

  view(key: string, instance: string): RouterView {
    const heardAtMs = this.heardAtMs.get(this.routerOf(key) ?? idOf(builtIn)) ?? Number.NEGATIVE_INFINITY
    const isKnown = this.host.clock.monotonicMs() - heardAtMs < believedMs
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

  private wishFor(key: string): Wish | null {
    const text = this.wanted.get(key)
    // Written by `want` above.
    return text === undefined ? null : (JSON.parse(text) as Wish)
  }

  /** null: nobody wants it. */
  private routerOf(key: string): string | null {
    const wish = this.wishFor(key)
    return wish && idOf(wish.router)
  }

  private routerFor(config: RouterConfig): ServiceRouter {
    const id = idOf(config)
    const { paths, baseEnvironment, log } = this.host
    const surroundings = { fleet: paths.fleetId, environment: baseEnvironment, log }
    const router = this.routers.get(id) ?? openServiceRouter(config, surroundings, this.client)
    this.routers.set(id, router)
    return router
  }

  private async drop(key: string, router: ServiceRouter): Promise<void> {
    this.host.log(`a router serves ${key}, which is not wanted there: removing it`)
    await router.remove(key).catch((error: unknown) => this.complain(key, messageOf(error)))
  }

  /** One after the other for each service, so that an older wish never overtakes a newer one. */
  private push(key: string): Promise<void> {
    const turn = (this.queues.get(key) ?? Promise.resolve())
      .catch(() => {})
      .then(async () => {
        const text = this.wanted.get(key)
        if (text === undefined || this.pushed.get(key) === text) return
        const { router, spec, name } = JSON.parse(text) as Wish
        const status = await this.routerFor(router).put(key, spec, name)
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

const builtIn: RouterConfig = { kind: 'built-in' }

const idOf = (config: RouterConfig): string => (config.kind === 'built-in' ? config.kind : JSON.stringify(config))

const wishOf = ({ router, ...route }: Route): Wish => ({
  router: router?.config ?? builtIn,
  name: router?.name ?? '',
  spec: specOf(route),
})

function specOf({ listen, backends, drainTimeoutMs }: Omit<Route, 'router'>): ServiceSpec {
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

const isRouted = (backend: RoutedBackend): boolean => backend.accepting || backend.inFlight !== 0

/** One that is ending hands over to another, which answers soon. */
const isUnreachable = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ROUTER_UNREACHABLE' || error.code === 'ROUTER_CLOSING')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
