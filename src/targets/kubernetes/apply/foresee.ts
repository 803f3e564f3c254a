/**
 * What applying would come to, known before anything is changed: which objects stand as they are wanted, and which fields
 * belong to others. A server asked beforehand costs a request an object, so only those are asked about of which one look
 * at all of them does not tell.
 */
import { type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { Reason } from '../../../model/index.ts'
import { differences, isWrittenByOthers } from '../drift/compare.ts'
import type { Place } from '../names.ts'
import { applyObject } from './server-side-apply.ts'
import { standingOf } from './standing.ts'

export type Foreseen = {
  /** Fields that others manage. */
  conflicts: Reason[]
  /** By key: what stands as it is wanted, to the last field that was applied. */
  unchanged: ReadonlyMap<string, KubernetesObject>
}

export async function foresee(
  session: ClusterSession,
  place: Place,
  service: string,
  {
    wanted,
    settled,
    force,
  }: { wanted: readonly KubernetesObject[]; settled: readonly KubernetesObject[]; force: boolean },
  signal: AbortSignal,
): Promise<Foreseen> {
  const standing = await standingOf(session, place, service, settled, signal)
  const before = new Map(settled.map((object) => [keyOf(object), JSON.stringify(object)]))
  const unchanged = new Map<string, KubernetesObject>()
  const unknown: KubernetesObject[] = []
  for (const object of wanted) {
    const live = standing.get(keyOf(object))
    if (live !== undefined && before.get(keyOf(object)) === JSON.stringify(object) && isAsApplied(object, live)) {
      unchanged.set(keyOf(object), { ...object, ...live })
    } else if (live === undefined || isWrittenByOthers(object, live)) unknown.push(object)
  }
  const conflicts = force ? [] : await conflictsOf(session, unknown, wanted, signal)
  return { conflicts, unchanged }
}

const isAsApplied = (object: KubernetesObject, live: KubernetesObject): boolean =>
  live.metadata.deletionTimestamp === undefined &&
  object['stringData'] === undefined &&
  differences(object, live).length === 0

/** Anything else that the server has against it is told when it is applied, in its turn. */
async function conflictsOf(
  session: ClusterSession,
  objects: readonly KubernetesObject[],
  all: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<Reason[]> {
  // What a definition beside it makes known cannot stand there yet.
  if (all.some(({ kind }) => kind === 'CustomResourceDefinition')) return []
  const answers = await Promise.all(
    objects.map((object) => applyObject(session, object, { force: false, dryRun: true, signal })),
  )
  return answers.flatMap((answer) =>
    answer.ok ? [] : answer.reasons.filter(({ code }) => code === 'managed-by-another'),
  )
}
