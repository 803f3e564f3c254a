/** All services of this host: told one by one, remembered on disk, brought back after a restart. */
import { isDeepStrictEqual } from 'node:util'
import { erroredError } from '../../../model/index.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import { type Predecessors, withPredecessors } from './predecessors.ts'
import type { ServiceSpec, ServiceStatus } from './protocol.ts'
import { portsFor } from './public-port.ts'
import { PublishedService } from './published-service.ts'
import type { ServiceLog } from './service.ts'
import { type RouterState, stateFileIn } from './state-file.ts'

const maxServices = 2000

/** What a control socket may be connected to. */
export type ControlledRouter = {
  statuses(): ServiceStatus[]
  status(key: string): ServiceStatus | null
  /** Resolves with the status once its revision is another one, or the signal aborts. null: no such service. */
  statusAfter(key: string, revision: number, signal: AbortSignal): Promise<ServiceStatus | null>
  /** Makes a service so. Errored `PORT_TAKEN`, `CANNOT_LISTEN`, `NO_FREE_PORT`, `TOO_MANY_SERVICES`, `STATE_NOT_WRITTEN`: then nothing changed. */
  put(key: string, spec: ServiceSpec): Promise<ServiceStatus>
  /** Closes a service; goes on draining after it has answered. null: no such service. */
  delete(key: string): Promise<ServiceStatus | null>
}

export type Router = ControlledRouter & {
  /** Changes nothing from now on (errored `ROUTER_CLOSING`); resolves when what is under way is done and on disk. */
  freeze(): Promise<void>
  thaw(): void
  /** Another router serves on the same sockets; resolves when nothing is under way here any more. */
  retire(): Promise<void>
  /** For the router that has taken over: what it is told is done here too, without listening or writing it down. */
  readonly follower: ControlledRouter
  /** Ends all services, each within its drain time; the state stays, for the next router. */
  close(): Promise<void>
}

export type RouterParts = { sockets: ListeningSockets; predecessors: Predecessors; log: ServiceLog }

/** Brings back what the folder's state says, listening again wherever it did, before it resolves. */
export async function openRouter(directory: string, parts: RouterParts): Promise<Router> {
  const { predecessors, log } = parts
  const file = stateFileIn(directory)
  let { state, putAside } = await file.read()
  if (putAside !== null) log({ putAside }, 'the state could not be read: starting with none')

  const services = new Map<string, PublishedService>()
  /** Deleted services that still end what they have, by key. */
  const ending = new Map<string, PublishedService>()
  let isFrozen = false
  /** Changes happen one after the other. */
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = <T>(change: () => Promise<T>): Promise<T> => {
    const result = turn.then(change)
    turn = result.catch(() => {})
    return result
  }

  const portOf = (key: string, spec: ServiceSpec) => spec.listen.port ?? state.ports.get(key)
  await Promise.all(
    [...state.services].map(async ([key, spec]) => {
      const port = portOf(key, spec)
      if (port === undefined) return
      const published = new PublishedService(key, spec, port, parts)
      services.set(key, published)
      await published.listenAt(spec.listen.host, port).catch(() => void published.listenWhenFree(log))
    }),
  )

  const save = async (next: RouterState): Promise<void> => {
    try {
      await file.write(next)
    } catch (cause) {
      const sentence = `the router cannot write its state: ${cause instanceof Error ? cause.message : cause}`
      throw erroredError('STATE_NOT_WRITTEN', sentence, { cause })
    }
    state = next
  }

  const stateWith = (key: string, spec: ServiceSpec, port: number): RouterState => ({
    ports: spec.listen.port === null ? new Map(state.ports).set(key, port) : state.ports,
    services: new Map(state.services).set(key, spec),
  })

  const keyListeningAt = (port: number, exceptKey: string): string | null => {
    for (const [key, { port: taken }] of services) if (key !== exceptKey && taken === port) return key
    return null
  }

  /** Listens where the spec says; answers the port. */
  const publish = async (published: PublishedService, { listen }: ServiceSpec): Promise<number> => {
    const { key } = published
    const wanted = listen.port ?? state.ports.get(key)
    if (wanted !== undefined) {
      await published.listenAt(listen.host, wanted).catch((cause) => {
        throw listenError(cause, listen.host, wanted, keyListeningAt(wanted, key))
      })
      return wanted
    }
    const reserved = new Set(state.ports.values())
    for (const port of portsFor(key, (candidate) => reserved.has(candidate))) {
      const cause = await published.listenAt(listen.host, port).then(
        () => null,
        (error: NodeJS.ErrnoException) => error,
      )
      if (cause === null) return port
      if (cause.code !== 'EADDRINUSE') throw listenError(cause, listen.host, port, null)
    }
    throw erroredError('NO_FREE_PORT', `no free port found for ${key}`, { hint: 'give the service a port of its own' })
  }

  const create = async (key: string, spec: ServiceSpec): Promise<ServiceStatus> => {
    if (services.size >= maxServices)
      throw erroredError('TOO_MANY_SERVICES', `the router serves ${maxServices} already`)
    const published = new PublishedService(key, spec, 0, parts)
    try {
      const port = await publish(published, spec)
      await save(stateWith(key, spec, port))
    } catch (cause) {
      await published.close().free
      throw cause
    }
    services.set(key, published)
    log({ service: key, port: published.port, backends: spec.backends.length }, 'serving')
    return published.status()
  }

  const change = async (published: PublishedService, spec: ServiceSpec): Promise<ServiceStatus> => {
    const { key, spec: before } = published
    const port = portOf(key, spec)
    const isThere = port !== undefined && published.isListeningAt(spec.listen.host, port)
    if (isThere && isDeepStrictEqual(before, spec)) return statusOf(published)
    const portBefore = published.port
    const effective = await publish(published, spec)
    try {
      await save(stateWith(key, spec, effective))
    } catch (cause) {
      await published.listenAt(before.listen.host, portBefore).catch(() => {})
      throw cause
    }
    published.apply(spec)
    await predecessors.put(key, spec)
    return statusOf(published)
  }

  /** Resolves when its address is free; what is under way goes on. */
  const end = async (published: PublishedService): Promise<void> => {
    const { key } = published
    ending.set(key, published)
    const { free, ended } = published.close()
    void ended.then(() => {
      if (ending.get(key) === published) ending.delete(key)
      log({ service: key }, 'no longer serving')
    })
    await free
  }

  const statusOf = (published: PublishedService): ServiceStatus =>
    withPredecessors(published.status(), predecessors.of(published.key))
  const status = (key: string): ServiceStatus | null => {
    const published = services.get(key) ?? ending.get(key)
    if (published) return statusOf(published)
    const others = predecessors.of(key)
    const rest = others.find(({ backends }) => backends.some(({ inFlight }) => inFlight > 0))
    return rest ? { ...withPredecessors({ ...rest, backends: [] }, others), deleted: true } : null
  }
  const statuses = (): ServiceStatus[] => {
    const own = new Set([...ending.keys(), ...services.keys()])
    return [...own, ...predecessors.keys().filter((key) => !own.has(key))].flatMap((key) => status(key) ?? [])
  }
  predecessors.onChange((key) => services.get(key)?.service.touch())

  const reading = {
    statuses,
    status,
    async statusAfter(key: string, revision: number, signal: AbortSignal) {
      const published = services.get(key) ?? ending.get(key)
      await published?.service.changedSince(revision, signal)
      return status(key)
    },
  }
  const refuseIfFrozen = () => {
    if (isFrozen) throw erroredError('ROUTER_CLOSING', 'the router is ending')
  }

  return {
    ...reading,
    put: (key, spec) =>
      inTurn(async () => {
        refuseIfFrozen()
        const published = services.get(key)
        return published ? change(published, spec) : create(key, spec)
      }),
    delete: (key) =>
      inTurn(async () => {
        refuseIfFrozen()
        const published = services.get(key)
        if (!published) return status(key)
        const others = new Map(state.services)
        others.delete(key)
        await save({ ports: state.ports, services: others })
        services.delete(key)
        await end(published)
        await predecessors.delete(key)
        return statusOf(published)
      }),
    freeze: () => {
      isFrozen = true
      return inTurn(async () => {})
    },
    thaw: () => {
      isFrozen = false
    },
    retire: () =>
      inTurn(async () => [...services.values(), ...ending.values()]).then(async (all) => {
        await Promise.all(all.map((published) => published.retire()))
      }),
    follower: {
      ...reading,
      put: async (key, spec) => {
        services.get(key)?.apply(spec)
        return status(key) ?? unknownService(key, spec)
      },
      delete: async (key) => {
        const published = services.get(key)
        services.delete(key)
        if (published) await end(published)
        return status(key)
      },
    },
    close: () => {
      isFrozen = true
      return inTurn(async () => {
        await Promise.all([...services.values(), ...ending.values()].map((published) => published.close().ended))
      })
    },
  }
}

/** A service that began after this router had handed over: it has nothing of it. */
const unknownService = (key: string, { listen }: ServiceSpec): ServiceStatus => ({
  key,
  revision: 0,
  listen: { host: listen.host, port: listen.port ?? 0, error: null },
  deleted: false,
  waiting: 0,
  totals: { requests: 0, failures: 0 },
  backends: [],
})

function listenError(cause: NodeJS.ErrnoException, host: string, port: number, key: string | null) {
  if (cause.code === 'EADDRINUSE') {
    const holder = key === null ? 'another process' : `the service ${key}`
    return erroredError('PORT_TAKEN', `port ${port} on ${host} is taken by ${holder}`, {
      hint: 'choose another port, or leave the choice to Trunkline',
      cause,
    })
  }
  return erroredError('CANNOT_LISTEN', `cannot listen on ${host} port ${port}: ${cause.message}`, { cause })
}
