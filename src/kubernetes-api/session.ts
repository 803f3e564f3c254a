/** One cluster as one command sees it: opened when first used, with one mirror for each kind and namespace however many look. */
import type { ClusterAccess } from '../model/index.ts'
import type { ProgramAccess } from './eks-access.ts'
import {
  type ApiClient,
  asTrunklineError,
  type ClusterConnection,
  type ConnectionSurroundings,
  findConnection,
  isNotFound,
  type Kind,
  type KubernetesObject,
  listAll,
  type Mirror,
  openClient,
  openMirror,
  openResources,
  type Resource,
  type Resources,
  type Selection,
} from './index.ts'
import { type SharedAnswers, shareAnswers } from './shared-answers.ts'

export type ClusterSession = SharedAnswers & {
  readonly name: string
  /** As others reach it: programs that are started. */
  readonly access: ClusterAccess
  /** Where programs could not log in by themselves: a kubeconfig for one of them, for a while. */
  readonly programAccess: ((signal: AbortSignal) => Promise<ProgramAccess>) | null
  readonly client: ApiClient
  readonly resources: Resources
  /** Ready when answered. Ends with `close`. */
  mirror(kind: Kind, namespace: string | undefined, signal: AbortSignal): Promise<Mirror>
  /** All objects of a selection, as they are now. */
  list(resource: Resource, selection: Selection, signal: AbortSignal): Promise<{ items: KubernetesObject[] }>
  /** A single object; null where it is not there. */
  read(kind: Kind, name: string, namespace: string | undefined, signal: AbortSignal): Promise<KubernetesObject | null>
  close(): Promise<void>
}

export type OpenSession = {
  (signal: AbortSignal): Promise<ClusterSession>
  /** Of what was opened; it may be opened again. */
  close(): Promise<void>
}

/** Contacts nothing until it is called, and opens once. */
export function sessionOpener(access: ClusterAccess, surroundings: ConnectionSurroundings): OpenSession {
  let opened: Promise<ClusterSession> | null = null
  const open = () => {
    opened ??= openSession(access, surroundings).catch((error) => {
      opened = null
      throw error
    })
    return opened
  }
  const close = async () => {
    const session = await opened?.catch(() => null)
    opened = null
    await session?.close()
  }
  return Object.assign(open, { close })
}

async function openSession(access: ClusterAccess, surroundings: ConnectionSurroundings): Promise<ClusterSession> {
  const connection = await findConnection(access, surroundings)
  const client = openClient(connection, surroundings.variables)
  const resources = openResources(client)
  const closing = new AbortController()
  const mirrors = new Map<string, Mirror>()
  return {
    ...shareAnswers(closing.signal),
    name: client.name,
    access,
    programAccess: programAccessOf(connection, surroundings),
    client,
    resources,
    async mirror(kind, namespace, signal) {
      const key = `${kind.apiVersion}/${kind.kind}/${namespace ?? ''}`
      let known = mirrors.get(key)
      if (known === undefined || known.fault !== null) {
        const resource = await resources.find(kind, signal)
        known = mirrors.get(key)
        if (known === undefined || known.fault !== null) {
          known = openMirror(client, resource, namespace === undefined ? {} : { namespace }, closing.signal)
          mirrors.set(key, known)
        }
      }
      await known.ready
      return known
    },
    list: (resource, selection, signal) => listAll(client, resource, selection, signal),
    async read({ apiVersion, kind }, name, namespace, signal) {
      const metadata = namespace === undefined ? { name } : { name, namespace }
      const path = await resources.pathOf({ apiVersion, kind, metadata }, signal)
      return await readObject(client, path, signal)
    },
    async close() {
      closing.abort()
      await client.close()
    },
  }
}

function programAccessOf(
  connection: ClusterConnection,
  { variables }: ConnectionSurroundings,
): ClusterSession['programAccess'] {
  const { user } = connection
  if (user.kind !== 'eks') return null
  return async (signal) => {
    const { kubeconfigForPrograms } = await import('./eks-access.ts')
    return await kubeconfigForPrograms(connection, user, variables, signal)
  }
}

async function readObject(client: ApiClient, path: string, signal: AbortSignal): Promise<KubernetesObject | null> {
  try {
    return (await client.request({ method: 'GET', path, signal })) as KubernetesObject // What the API serves at the path of an object.
  } catch (error) {
    if (isNotFound(error)) return null
    throw error
  }
}

/** Faults as people are told of them. */
export async function told<Result>(session: ClusterSession, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (error) {
    throw asTrunklineError(error, session.name)
  }
}
