/** What differs between what was applied and what stands there, for all services of an environment on one cluster. */

import { type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { ServiceName } from '../../../model/index.ts'
import { applyObject } from '../apply/server-side-apply.ts'
import { allObjects, readInventories } from '../inventory.ts'
import type { Place } from '../names.ts'
import { liveObjects } from '../observe.ts'
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
      : (settled === null ? [] : allObjects(settled)).map((object) => ({ service, object })),
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
    const real = apart.length === 0 ? [] : await withoutOtherSpelling(session, object, apart, signal)
    if (real.length > 0) found.push({ service, object: nameOf(object), differences: real })
  }
  return found
}

/**
 * What the server would make of it if it were applied again says which differences are only another way of writing: it
 * fills in, drops what says nothing, and puts lists together.
 */
async function withoutOtherSpelling(
  session: ClusterSession,
  applied: KubernetesObject,
  apart: readonly Difference[],
  signal: AbortSignal,
): Promise<Difference[]> {
  const answer = await applyObject(session, applied, { force: true, dryRun: true, signal })
  if (!answer.ok) return [...apart]
  const spelling = new Set(differences(applied, answer.object).map(({ path }) => path))
  return apart.filter(({ path }) => !spelling.has(path))
}
