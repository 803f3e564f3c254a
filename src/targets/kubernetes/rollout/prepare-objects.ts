/** Objects as they are applied: in their namespace, and marked as ours. */

import { type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { failedError } from '../../../model/index.ts'
import { applySetId, inventoryName, labels, type Place } from '../names.ts'
import { markStable } from '../staged/sets.ts'

export async function prepareObjects(
  session: ClusterSession,
  place: Place,
  service: string,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const own = {
    [labels.project]: place.project,
    [labels.environment]: place.environment,
    [labels.service]: service,
    [labels.partOf]: applySetId({ name: inventoryName(place, service), namespace: place.namespace }),
  }
  /** Kinds that come with these objects are not known to the server yet. */
  const scopes = new Map(objects.flatMap(scopeDefined))
  const prepared = await Promise.all(
    objects.map(async (object): Promise<KubernetesObject> => {
      const scope = scopes.get(`${object.apiVersion.split('/')[0]}/${object.kind}`)
      const isNamespaced =
        scope === undefined ? (await session.resources.find(object, signal)).isNamespaced : scope === 'Namespaced'
      const { namespace, ...metadata } = object.metadata
      return {
        ...markStable(object),
        metadata: {
          ...metadata,
          ...(isNamespaced ? { namespace: namespace ?? place.namespace } : {}),
          labels: { ...metadata.labels, ...own },
        },
      }
    }),
  )
  const seen = new Set<string>()
  for (const object of prepared) {
    if (seen.has(keyOf(object)))
      throw failedError('OBJECT_TWICE', `${service} is described with ${nameOf(object)} twice`)
    seen.add(keyOf(object))
  }
  return prepared
}

/** Of a CustomResourceDefinition: group and kind, and its scope. */
function scopeDefined(object: KubernetesObject): Array<[string, string]> {
  if (object.kind !== 'CustomResourceDefinition') return []
  const spec = object['spec'] as { group?: string; scope?: string; names?: { kind?: string } } | undefined // Of such a definition.
  return spec?.group && spec.scope && spec.names?.kind ? [[`${spec.group}/${spec.names.kind}`, spec.scope]] : []
}
