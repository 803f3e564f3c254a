/** All services of this host: told one by one, remembered on disk, brought back after a restart. */
import { isDeepStrictEqual } from 'node:util'
import { erroredError } from '../../../model/index.ts'
import type { ServiceSpec, ServiceStatus } from './protocol.ts'
import { portsFor } from './public-port.ts'
import { PublishedService } from './published-service.ts'
import type { ServiceLog } from './service.ts'
import { type RouterState, stateFileIn } from './state-file.ts'

const maxServices = 2000

export type Router = {
  statuses(): ServiceStatus[]
  status(key: string): ServiceStatus | null
  /** Resolves with the status once its revision is another one, or the signal aborts. null: no such service. */
  statusAfter(key: string, revision: number, signal: AbortSignal): Promise<ServiceStatus | null>
  /** Makes a service so. Errored `PORT_TAKEN`, `CANNOT_LISTEN`, `NO_FREE_PORT`, `TOO_MANY_SERVICES`, `STATE_NOT_WRITTEN`: then nothing changed. */
  put(key: string, spec: ServiceSpec): Promise<ServiceStatus>
  /** Closes a service; goes on draining after it has answered. null: no such service. */
  delete(key: string): Promise<ServiceStatus | null>
  /** Ends all services, each within its drain time; the state stays, for the next router. */
  close(): Promise<void>
}

/** Brings back what the folder's state says, listening again wherever it did, before it resolves. */
export async function openRouter(directory: string, log: ServiceLog): Promise<Router> {
  const file = stateFileIn(directory)
  let { state, putAside } = await file.read()
  if (putAside !== null) log({ putAside }, 'the state could not be read: starting with none')

  const services = new Map<string, PublishedService>()
  /** Deleted services that still end what they have, by key. */
  const ending = new Map<string, PublishedService>()
  let isClosing = false
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
      const published = new PublishedService(key, spec, port, log)
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
    const published = new PublishedService(key, spec, 0, log)
    try {
      const port = await publish(published, spec)
      await save(stateWith(key, spec, port))
    } catch (cause) {
      void published.close()
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
    if (isThere && isDeepStrictEqual(before, spec)) return published.status()
    const portBefore = published.port
    const effective = await publish(published, spec)
    try {
      await save(stateWith(key, spec, effective))
    } catch (cause) {
      await published.listenAt(before.listen.host, portBefore).catch(() => {})
      throw cause
    }
    published.apply(spec)
    return published.status()
  }

  const end = async (published: PublishedService): Promise<void> => {
    const { key } = published
    ending.set(key, published)
    await published.close()
    if (ending.get(key) === published) ending.delete(key)
    log({ service: key }, 'no longer serving')
  }

  const status = (key: string) => (services.get(key) ?? ending.get(key))?.status() ?? null

  return {
    statuses: () => [...ending.values(), ...services.values()].map((published) => published.status()),
    status,
    async statusAfter(key, revision, signal) {
      const published = services.get(key) ?? ending.get(key)
      await published?.service.changedSince(revision, signal)
      return status(key)
    },
    put: (key, spec) =>
      inTurn(async () => {
        if (isClosing) throw erroredError('ROUTER_CLOSING', 'the router is ending')
        const published = services.get(key)
        return published ? change(published, spec) : create(key, spec)
      }),
    delete: (key) =>
      inTurn(async () => {
        const published = services.get(key)
        if (!published) return ending.get(key)?.status() ?? null
        const others = new Map(state.services)
        others.delete(key)
        await save({ ports: state.ports, services: others })
        services.delete(key)
        void end(published)
        return published.status()
      }),
    close: () => {
      isClosing = true
      return inTurn(async () => {
        await Promise.all([...services.values(), ...ending.values()].map((published) => published.close()))
      })
    },
  }
}

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
