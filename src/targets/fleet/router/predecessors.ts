/**
 * Routers that have handed over and still end what they have. The one that serves tells them every change, so that what
 * they have goes where it should, and counts theirs as its own: an instance is let go of when nobody has anything of it.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcessAlive } from '../../../process/index.ts'
import { createRouterClient, type RouterClient } from './client.ts'
import {
  type BackendStatus,
  type RouterHealth,
  retiredSocketsFolder,
  type ServiceSpec,
  type ServiceStatus,
} from './protocol.ts'

const lookEveryMs = 100
/** One that does not answer in time is left as it was last heard: its requests count until its process is gone. */
const answerTimeoutMs = 2000

type Predecessor = {
  path: string
  identity: { pid: number; startedAt: string | null }
  client: RouterClient
  services: Map<string, ServiceStatus>
}

export type Predecessors = {
  /** Resolves when all have been told. */
  put(key: string, spec: ServiceSpec): Promise<void>
  delete(key: string): Promise<void>
  /** What they still have of a service, by router. */
  of(key: string): ServiceStatus[]
  keys(): string[]
  /** Called with the key of a service of which something has changed there. */
  onChange(listener: (key: string) => void): void
}

/** Where a router that hands over listens for its successor: its process stands in the name. */
export const retiredSocketPath = (directory: string, { pid, startedAt }: RouterHealth): string =>
  join(retiredSocketsFolder(directory), `${pid}.${startedAt ?? ''}`)

/** Those of a folder, until the last has ended. Resolves when each has said what it has. */
export async function openPredecessors(
  directory: string,
  log: (fields: object, message: string) => void,
): Promise<Predecessors> {
  mkdirSync(retiredSocketsFolder(directory), { recursive: true, mode: 0o700 })
  const known = new Set(find(directory))
  const listeners = new Set<(key: string) => void>()
  const announce = (keys: Iterable<string>) => {
    for (const key of keys) for (const listener of listeners) listener(key)
  }

  const forget = (one: Predecessor) => {
    known.delete(one)
    one.client.close()
    rmSync(one.path, { force: true })
    announce(one.services.keys())
  }
  const look = async (one: Predecessor): Promise<void> => {
    if (!isSameProcessAlive(one.identity.pid, one.identity.startedAt)) return forget(one)
    const services = await one.client.services(AbortSignal.timeout(answerTimeoutMs)).catch(() => null)
    if (services === null) return
    const before = one.services
    one.services = new Map(services.map((service) => [service.key, service]))
    announce(
      services.filter(({ key }) => summary(one.services.get(key)) !== summary(before.get(key))).map((s) => s.key),
    )
  }
  const lookOn = async (): Promise<void> => {
    await Promise.all([...known].map(look))
    if (known.size > 0) setTimeout(() => void lookOn(), lookEveryMs)
  }
  await lookOn()

  const tell = async (key: string, change: (client: RouterClient) => Promise<ServiceStatus | null>): Promise<void> => {
    await Promise.all(
      [...known].map(async (one) => {
        try {
          const status = await change(one.client)
          if (status !== null) one.services.set(key, status)
        } catch (err) {
          if (isSameProcessAlive(one.identity.pid, one.identity.startedAt)) {
            log({ err, pid: one.identity.pid, service: key }, 'a router that has handed over was not told of a change')
          }
        }
      }),
    )
  }

  return {
    put: (key, spec) => tell(key, (client) => client.putService(key, spec, AbortSignal.timeout(answerTimeoutMs))),
    delete: (key) =>
      tell(key, async (client) => {
        await client.deleteService(key, AbortSignal.timeout(answerTimeoutMs))
        return client.service(key, undefined, AbortSignal.timeout(answerTimeoutMs))
      }),
    of: (key) => [...known].flatMap((one) => one.services.get(key) ?? []),
    keys: () => [...new Set([...known].flatMap((one) => [...one.services.keys()]))],
    onChange: (listener) => void listeners.add(listener),
  }
}

function find(directory: string): Predecessor[] {
  return retiredRouters(directory)
    .filter(({ pid }) => pid !== process.pid)
    .map(({ path, ...identity }) => ({ path, identity, client: createRouterClient(path), services: new Map() }))
}

/** Those that have handed over in a folder, and have not ended, unless they were killed. */
export function retiredRouters(directory: string): Array<{ path: string; pid: number; startedAt: string | null }> {
  const folder = retiredSocketsFolder(directory)
  if (!existsSync(folder)) return []
  return readdirSync(folder).map((name) => {
    const [pid, startedAt] = name.split('.')
    return { path: join(folder, name), pid: Number(pid), startedAt: startedAt || null }
  })
}

const summary = (status: ServiceStatus | undefined): string =>
  JSON.stringify(status?.backends.map(({ id, inFlight, accepting }) => [id, inFlight > 0, accepting]))

/** A service's own backends, with what predecessors have of them added, and those that only predecessors still know. */
export function withPredecessors(own: ServiceStatus, others: readonly ServiceStatus[]): ServiceStatus {
  const theirs = others.flatMap(({ backends }) => backends)
  if (theirs.length === 0) return own
  const isSame = (left: BackendStatus, right: BackendStatus) =>
    left.id === right.id && left.host === right.host && left.port === right.port
  const backends = own.backends.map((backend) => {
    const same = theirs.filter((other) => isSame(other, backend))
    return {
      ...backend,
      inFlight: same.reduce((sum, { inFlight }) => sum + inFlight, backend.inFlight),
      tunnels: same.reduce((sum, { tunnels }) => sum + tunnels, backend.tunnels),
    }
  })
  const onlyTheirs = theirs
    .filter((other) => other.inFlight > 0 && !own.backends.some((backend) => isSame(other, backend)))
    .map((other) => ({ ...other, removed: true, accepting: false }))
  return { ...own, backends: [...backends, ...onlyTheirs] }
}
