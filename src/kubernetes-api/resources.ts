/** Where objects of a kind are found: the API server's own list of what it has, read in two requests and kept. */
import * as z from 'zod'
import { failedError } from '../model/index.ts'
import type { ApiClient } from './client.ts'
import type { Kind, KubernetesObject } from './objects.ts'

export type Resource = {
  apiVersion: string
  kind: string
  /** `deployments`: as it stands in paths. */
  plural: string
  isNamespaced: boolean
  verbs: readonly string[]
}

export type Resources = {
  /** Unknown kinds are looked for once more (a CRD may be new), then `failed`. */
  find(kind: Kind, signal: AbortSignal): Promise<Resource>
  /** The preferred version of a kind of which only the group is known; null where there is none. */
  preferred(groupKind: string, signal: AbortSignal): Promise<Resource | null>
  pathOf(object: Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'>, signal: AbortSignal): Promise<string>
}

const discovery = z.object({
  items: z.array(
    z.object({
      metadata: z.object({ name: z.string().nullish() }).nullish(),
      versions: z.array(
        z.object({
          version: z.string(),
          resources: z
            .array(
              z.object({
                resource: z.string(),
                responseKind: z.object({ kind: z.string() }).nullish(),
                scope: z.string(),
                verbs: z.array(z.string()).nullish(),
              }),
            )
            .nullish(),
        }),
      ),
    }),
  ),
})

const accept =
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList'

export function openResources(client: ApiClient): Resources {
  let known: Promise<Map<string, Resource[]>> | null = null
  const all = (signal: AbortSignal, anew = false): Promise<Map<string, Resource[]>> => {
    if (anew) known = null
    known ??= discover(client, signal).catch((error) => {
      known = null
      throw error
    })
    return known
  }
  const lookUp = async (apiVersion: string, kind: string, signal: AbortSignal, anew: boolean) =>
    (await all(signal, anew))
      .get(groupKind(apiVersion.includes('/') ? (apiVersion.split('/')[0] ?? '') : '', kind))
      ?.find((resource) => resource.apiVersion === apiVersion)

  const find: Resources['find'] = async ({ apiVersion, kind }, signal) => {
    const found = (await lookUp(apiVersion, kind, signal, false)) ?? (await lookUp(apiVersion, kind, signal, true))
    if (found !== undefined) return found
    throw failedError('UNKNOWN_KIND', `${client.name} knows no ${kind} of ${apiVersion}`, {
      hint: 'is its CustomResourceDefinition installed there, in this version?',
    })
  }
  return {
    find,
    preferred: async (wanted, signal) => {
      const here = (await all(signal)).get(wanted) ?? (await all(signal, true)).get(wanted)
      return here?.[0] ?? null
    },
    pathOf: async ({ apiVersion, kind, metadata }, signal) =>
      `${collectionPath(await find({ apiVersion, kind }, signal), metadata.namespace)}/${encodeURIComponent(metadata.name)}`,
  }
}

/** `/apis/apps/v1/namespaces/shop/deployments`; without a namespace, those of all. */
export function collectionPath({ apiVersion, plural, isNamespaced }: Resource, namespace: string | undefined): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
  const within = isNamespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : ''
  return `${root}${within}/${plural}`
}

const groupKind = (group: string, kind: string): string => (group === '' ? kind : `${kind}.${group}`)

/** By kind and group, the preferred version first. */
async function discover(client: ApiClient, signal: AbortSignal): Promise<Map<string, Resource[]>> {
  const answers = await Promise.all(
    ['/api', '/apis'].map((path) => client.request({ method: 'GET', path, accept, signal })),
  )
  const resources = new Map<string, Resource[]>()
  for (const answer of answers) {
    for (const { metadata, versions } of discovery.parse(answer).items) {
      const group = metadata?.name ?? ''
      for (const { version, resources: listed } of versions) {
        for (const { resource, responseKind, scope, verbs } of listed ?? []) {
          if (!responseKind?.kind) continue
          const key = groupKind(group, responseKind.kind)
          const entry: Resource = {
            apiVersion: group === '' ? version : `${group}/${version}`,
            kind: responseKind.kind,
            plural: resource,
            isNamespaced: scope === 'Namespaced',
            verbs: verbs ?? [],
          }
          resources.set(key, [...(resources.get(key) ?? []), entry])
        }
      }
    }
  }
  return resources
}
