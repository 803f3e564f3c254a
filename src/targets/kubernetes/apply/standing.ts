/** What stands in a cluster of the objects of a service: one list a kind, for all services that ask at the same time. */
import { groupKindOf, type Kind, type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { labels, type Place } from '../names.ts'
import { servicesSelector } from '../service-selector.ts'

/** By key. Absent is what does not stand there, or not under the service's label: nothing is known of it. */
export async function standingOf(
  session: ClusterSession,
  place: Place,
  service: string,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<Map<string, KubernetesObject>> {
  const lists = new Map(objects.map((object) => [`${groupKindOf(object)} ${object.metadata.namespace ?? ''}`, object]))
  const found = await Promise.all(
    [...lists].map(([key, object]) =>
      session.together(`standing ${place.project} ${place.environment} ${key}`, service, signal, (services, limit) =>
        listByService(session, place, object, object.metadata.namespace, services, limit),
      ),
    ),
  )
  return new Map(found.flatMap((list) => (list ?? []).map((object) => [keyOf(object), object] as const)))
}

async function listByService(
  session: ClusterSession,
  place: Place,
  kind: Kind,
  namespace: string | undefined,
  services: readonly string[],
  signal: AbortSignal,
): Promise<Map<string, KubernetesObject[]>> {
  const resource = await session.resources.find(kind, signal)
  const labelSelector = servicesSelector(place, services)
  const where = namespace === undefined ? {} : { namespace }
  const { items } = await session.list(resource, { ...where, labelSelector }, signal)
  return Map.groupBy(items, ({ metadata }) => metadata.labels?.[labels.service] ?? '')
}
