/** What runs of services on one cluster: two kinds of requests, however many services there are. */

import { groupKindOf, type KubernetesObject, keyOf } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import type { ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { healthOf, podsOf } from './health/health.ts'
import { allObjects, type Inventory, readInventories } from './inventory.ts'
import { labels, type Place } from './names.ts'

export async function observeServices(
  session: ClusterSession,
  place: Place,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const inventories = await readInventories(session, place, signal)
  const standing = services.flatMap((service) => {
    const settled = inventories.get(service)?.settled ?? null
    return settled === null ? [] : allObjects(settled).filter(hasPods)
  })
  const live = await liveObjects(session, place, standing, signal)
  return Object.fromEntries(services.map((service) => [service, observed(inventories.get(service), live)]))
}

/** Kinds whose status says how many pods there are. */
const hasPods = (object: KubernetesObject): boolean => podsOf(object) !== null

export async function liveObjects(
  session: ClusterSession,
  { project, environment }: Place,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<Map<string, KubernetesObject>> {
  const lists = new Map(objects.map((object) => [`${groupKindOf(object)} ${object.metadata.namespace ?? ''}`, object]))
  const labelSelector = `${labels.project}=${project},${labels.environment}=${environment}`
  const found = await Promise.all(
    [...lists.values()].map(async (object) => {
      const resource = await session.resources.find(object, signal)
      const { namespace } = object.metadata
      return (
        await session.list(resource, { ...(namespace === undefined ? {} : { namespace }), labelSelector }, signal)
      ).items
    }),
  )
  const live = new Map(found.flat().map((object) => [keyOf(object), object]))
  // What others brought has no labels of ours.
  const unmarked = objects.filter((object) => object.metadata.labels?.[labels.project] === undefined)
  await Promise.all(
    unmarked.map(async (object) => {
      const { name, namespace } = object.metadata
      const standing = live.has(keyOf(object)) ? null : await session.read(object, name, namespace, signal)
      if (standing !== null) live.set(keyOf(object), standing)
    }),
  )
  return live
}

function observed(inventory: Inventory | undefined, live: ReadonlyMap<string, KubernetesObject>): ObservedService {
  const { settled = null, pending = null } = inventory ?? {}
  const shown = pending ?? settled
  if (shown === null) return nothingObserved
  const workloads = allObjects(shown).filter(hasPods)
  const instances = { ready: 0, desired: 0 }
  const details: string[] = []
  for (const workload of workloads) {
    const object = live.get(keyOf(workload))
    const pods = podsOf(object ?? workload)
    instances.desired += pods?.desired ?? 0
    instances.ready += object === undefined ? 0 : (pods?.ready ?? 0)
    const health = object === undefined ? { state: 'failed' as const, message: 'it is gone' } : healthOf(object)
    if (health.state !== 'healthy') details.push(`${workload.kind} ${workload.metadata.name}: ${health.message}`)
  }
  // A description without pods runs as soon as it is applied.
  if (workloads.length === 0) Object.assign(instances, { ready: 1, desired: 1 })
  return {
    // On its way, by a controller that may be dead: a mixture runs.
    generation: pending === null ? (settled?.generation ?? null) : null,
    artifact: pending === null ? (settled?.artifact ?? null) : null,
    fingerprint: pending === null ? (settled?.fingerprint ?? null) : null,
    instances,
    url: null,
    ...(pending?.staged === undefined ? {} : { newSet: { weight: pending.staged.weight } }),
    ...(details.length > 0 ? { detail: details.join('; ') } : {}),
  }
}
