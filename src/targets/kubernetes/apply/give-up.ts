/** An object changes hands: what its former manager wanted of it, and nobody else does, goes. */
import { isConflict, isNotFound, type KubernetesObject, type ManagedFields } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'

const attempts = 5

/**
 * As the manager itself would give it up: by applying nothing but the object's name. A manager of the old way (`Update`)
 * is made one of the new way first.
 */
export async function giveUp(
  session: ClusterSession,
  object: KubernetesObject,
  manager: string,
  signal: AbortSignal,
): Promise<void> {
  const path = await session.resources.pathOf(object, signal)
  const { apiVersion, kind, metadata } = object
  for (let attempt = 1; ; attempt += 1) {
    const live = await session.read(object, metadata.name, metadata.namespace, signal)
    const entries = live?.metadata.managedFields ?? []
    if (!entries.some((entry) => entry.manager === manager)) return
    const { resourceVersion } = live?.metadata ?? {}
    try {
      const applied = entries.map((entry) => asApplied(entry, manager))
      if (applied.some((entry, index) => entry !== entries[index])) {
        const body = { metadata: { managedFields: applied, resourceVersion } }
        await session.client.request({
          method: 'PATCH',
          path,
          body,
          contentType: 'application/merge-patch+json',
          signal,
        })
      }
      const query = { fieldManager: manager, force: true }
      const { name, namespace } = metadata
      const body = { apiVersion, kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) } }
      await session.client.request({
        method: 'PATCH',
        path,
        query,
        body,
        contentType: 'application/apply-patch+yaml',
        signal,
      })
      return
    } catch (error) {
      if (isNotFound(error)) return
      if (!isConflict(error) || attempt === attempts) throw error
    }
  }
}

const asApplied = (entry: ManagedFields, manager: string): ManagedFields =>
  entry.manager === manager && entry.operation === 'Update' && entry.subresource === undefined
    ? { ...entry, operation: 'Apply' }
    : entry
