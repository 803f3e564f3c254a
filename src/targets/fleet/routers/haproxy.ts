/**
 * HAProxy as the router, by its runtime interface alone: its configuration is the team's and stays as it is. In the
 * backend of a service we use servers whose names begin with `trunkline`: slots that the team has set aside
 * (`server-template trunkline 1-10 127.0.0.1:1 disabled`), else servers that we add and delete ourselves. HAProxy counts
 * its sessions, so a drained instance is let go of exactly when its last one has ended.
 */
import { isIPv6 } from 'node:net'
import { erroredError, type RouterConfig } from '../../../model/index.ts'
import type { BackendSpec, ServiceSpec } from '../router/index.ts'
import { type HaproxyServer, orderHaproxy, serversOf, sessionsAt, tellHaproxy } from './haproxy-runtime.ts'
import { addressIn, type RouterSurroundings } from './router-surroundings.ts'
import type { RoutedBackend, RoutedService, ServiceRouter } from './service-router.ts'
import { WatchedBackends, wholeWeights } from './watched-backends.ts'

export type HaproxyConfig = Extract<RouterConfig, { kind: 'haproxy' }>

/** HAProxy's bound. */
const maxWeight = 256
/** Instances that may still have requests though nothing is told of them any more. */
const maxFormer = 100
/** Our servers' names: slots of the team's, and those we add. */
const slot = /^trunkline\d+$/
const added = /^trunkline-/

/** `former`: no longer told of, and perhaps not without requests yet. */
type Published = { name: string; spec: ServiceSpec; former: BackendSpec[] }

export function haproxyRouter({ socket }: HaproxyConfig, { log }: RouterSurroundings): ServiceRouter {
  const services = new Map<string, Published>()
  /** Backends whose service is gone, and whose servers end what they have. */
  const leaving = new Map<string, Published>()
  const watched = new WatchedBackends((key) => {
    void inTurn(() => applyAgain(key)).catch((error: Error) => log(`telling HAProxy about ${key}: ${error.message}`))
  })
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = turn.then(change)
    turn = result.catch(() => {})
    return result
  }

  const applyAgain = async (key: string): Promise<void> => {
    const published = services.get(key)
    if (published) await apply(key, published)
  }

  /** Observe, then do what is missing: new ones first, so that there is always someone. */
  const apply = async (key: string, { name, spec }: Published): Promise<void> => {
    const servers = (await serversOf(socket, name)).filter(isOurs)
    const chosen = watched.chosenOf(key, spec)
    const weights = wholeWeights(chosen, maxWeight)
    const used = new Set<string>()
    for (const backend of chosen) {
      const server = servers.find((each) => isAt(each, backend) && each.admin !== 'maintenance')
      const weight = weights.get(backend.id) ?? 1
      used.add(server ? server.name : await admit(name, backend, weight, servers))
      if (server && (server.admin !== 'ready' || server.weight !== weight))
        await setReady(`${name}/${server.name}`, weight)
    }
    for (const server of servers) {
      if (used.has(server.name) || server.admin !== 'ready') continue
      await orderHaproxy(socket, `set server ${name}/${server.name} state drain`)
    }
    await letGo(
      name,
      servers.filter((server) => !used.has(server.name)),
    )
  }

  /** A free slot, or a new server; answers its name. */
  const admit = async (
    name: string,
    { id, host, port }: BackendSpec,
    weight: number,
    servers: HaproxyServer[],
  ): Promise<string> => {
    const slots = servers.filter((server) => slot.test(server.name))
    const free = slots.find(({ admin }) => admin === 'maintenance')
    if (free) {
      free.admin = 'ready'
      const at = `${name}/${free.name}`
      await orderHaproxy(socket, `set server ${at} addr ${host} port ${port}`, /changed|no need to change/i)
      await setReady(at, weight)
      return free.name
    }
    if (slots.length > 0) {
      throw erroredError('HAPROXY_SLOTS', `all ${slots.length} slots of HAProxy's backend ${name} are taken`, {
        hint: 'A rollout needs as many slots as there are instances before and after together.',
      })
    }
    const server = `trunkline-${id.replace(/[^\w.-]/g, '-')}`
    const at = `${name}/${server}`
    // One of that name that was deleted in vain, at an address of before.
    if (servers.some((each) => each.name === server)) await orderHaproxy(socket, `del server ${at}`, /deleted/i)
    const address = `${isIPv6(host) ? `[${host}]` : host}:${port}`
    await orderHaproxy(socket, `add server ${at} ${address} weight ${weight}`, /registered/i)
    await orderHaproxy(socket, `set server ${at} state ready`)
    return server
  }

  const setReady = async (at: string, weight: number): Promise<void> => {
    await orderHaproxy(socket, `set server ${at} weight ${weight}`)
    await orderHaproxy(socket, `set server ${at} state ready`)
  }

  /** Those without a session: slots are free again, added ones are deleted, sooner or later. */
  const letGo = async (name: string, servers: readonly HaproxyServer[]): Promise<void> => {
    if (servers.length === 0) return
    const sessions = await sessionsAt(socket)
    for (const server of servers) {
      const at = `${name}/${server.name}`
      if ((sessions.get(at) ?? 0) > 0) continue
      if (slot.test(server.name) && server.admin === 'maintenance') continue
      await orderHaproxy(socket, `set server ${at} state maint`)
      // Refused while connections to it are kept open for later: then the next look does it.
      if (added.test(server.name)) await tellHaproxy(socket, `del server ${at}`)
    }
  }

  const statusOf = async (
    key: string,
    { name, spec, former }: Published,
    sessions: ReadonlyMap<string, number>,
  ): Promise<RoutedService> => {
    const servers = (await serversOf(socket, name)).filter(isOurs)
    const of = (backend: BackendSpec): RoutedBackend => {
      const server = servers.find((each) => isAt(each, backend) && each.admin !== 'maintenance')
      const state = watched.stateOf(key, backend.id)
      if (server === undefined) return { id: backend.id, state, accepting: false, inFlight: 0 }
      const inFlight = sessions.get(`${name}/${server.name}`) ?? 0
      return { id: backend.id, state, accepting: server.admin === 'ready' && server.weight > 0, inFlight }
    }
    return {
      key,
      listen: addressIn(spec, name),
      deleted: false,
      backends: [...spec.backends.map(of), ...former.map(of).filter(({ inFlight }) => inFlight !== 0)],
    }
  }

  /** HAProxy reloaded by the team has forgotten what it was told; drained servers may have nothing left. */
  const heal = async (): Promise<void> => {
    for (const [key, published] of services) await apply(key, published)
    for (const [key, { name, spec }] of leaving) {
      const servers = (await serversOf(socket, name).catch(() => [])).filter(isOurs)
      await letGo(
        name,
        servers.filter((server) => spec.backends.some((backend) => isAt(server, backend))),
      )
      const left = (await serversOf(socket, name).catch(() => [])).filter(isOurs)
      if (!left.some(({ admin }) => admin !== 'maintenance')) leaving.delete(key)
    }
  }

  return {
    services: () =>
      inTurn(async () => {
        if (services.size + leaving.size === 0) return []
        await heal()
        const sessions = await sessionsAt(socket)
        return Promise.all([...services].map(([key, published]) => statusOf(key, published, sessions)))
      }),
    put: (key, spec, name) =>
      inTurn(async () => {
        addressIn(spec, name)
        const known = services.get(key)
        const isHere = (backend: BackendSpec) => spec.backends.some(({ id }) => id === backend.id)
        const former = known ? [...known.spec.backends, ...known.former].filter((backend) => !isHere(backend)) : []
        const published: Published = { name, spec, former: former.slice(0, maxFormer) }
        watched.watch(key, spec.backends)
        try {
          await apply(key, published)
        } catch (cause) {
          if (known) watched.watch(key, known.spec.backends)
          else watched.forget(key)
          throw cause
        }
        services.set(key, published)
        leaving.delete(key)
        return statusOf(key, published, await sessionsAt(socket))
      }),
    remove: (key) =>
      inTurn(async () => {
        const published = services.get(key)
        if (published === undefined) return
        services.delete(key)
        watched.forget(key)
        leaving.set(key, published)
        const { name, spec } = published
        const servers = (await serversOf(socket, name)).filter(isOurs)
        for (const server of servers) {
          if (server.admin !== 'ready' || !spec.backends.some((backend) => isAt(server, backend))) continue
          await orderHaproxy(socket, `set server ${name}/${server.name} state drain`)
        }
        await heal()
      }),
    close: () => watched.close(),
  }
}

const isOurs = ({ name }: HaproxyServer): boolean => slot.test(name) || added.test(name)

const isAt = (server: HaproxyServer, { host, port }: Pick<BackendSpec, 'host' | 'port'>): boolean =>
  server.address === host && server.port === port
