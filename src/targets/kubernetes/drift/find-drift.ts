/** What differs between what was applied and what stands there, for all services of an environment on one cluster. */
import { canonicalJson } from '../../../hashing/index.ts'
import type { ServiceName } from '../../../model/index.ts'
import { type KubernetesObject, keyOf, nameOf } from '../api/index.ts'
import { applyObject } from '../apply/server-side-apply.ts'
import { readInventories } from '../inventory.ts'
import type { Place } from '../names.ts'
import { liveObjects } from '../observe.ts'
import type { ClusterSession } from '../session.ts'
import { type Difference, differences } from './compare.ts'

export type ObjectDrift = {
  service: ServiceName
  /** `Deployment shop/carts`. */
  object: string
  /** Empty: it is gone. */
  differences: Difference[]
}

export async function findDrift(
  session: ClusterSession,
  place: Place,
  services: readonly ServiceName[] | null,
  signal: AbortSignal,
): Promise<ObjectDrift[]> {
  const inventories = await readInventories(session, place, signal)
  const applied = [...inventories].flatMap(([service, { settled, pending }]) =>
    (services !== null && !services.includes(service)) || pending !== null
      ? [] // What is on its way has not been left alone yet.
      : (settled?.objects ?? []).map((object) => ({ service, object })),
  )
  const live = await liveObjects(
    session,
    place,
    applied.map(({ object }) => object),
    signal,
  )
  const found: ObjectDrift[] = []
  for (const { service, object } of applied) {
    // A label of ours may have been taken away, too.
    const standing =
      live.get(keyOf(object)) ?? (await session.read(object, object.metadata.name, object.metadata.namespace, signal))
    if (standing === null) {
      found.push({ service, object: nameOf(object), differences: [] })
      continue
    }
    const apart = differences(object, standing)
    if (apart.length > 0 && (await isApart(session, object, standing, signal))) {
      found.push({ service, object: nameOf(object), differences: apart })
    }
  }
  return found
}

/** What the server would make of it if it were applied again: it knows which ways of writing are the same. */
async function isApart(
  session: ClusterSession,
  applied: KubernetesObject,
  standing: KubernetesObject,
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await applyObject(session, applied, { force: true, dryRun: true, signal })
  if (!answer.ok) return true
  return canonicalJson(asWritten(standing)) !== canonicalJson(asWritten(answer.object))
}

/** Without what changes by itself. */
function asWritten({ metadata, status: _status, ...object }: KubernetesObject) {
  const { managedFields: _managed, resourceVersion: _version, generation: _generation, ...rest } = metadata
  return { ...object, metadata: rest }
}
