/** The namespace that a service goes to. */

import { ApiError, isConflict } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { type Reason, reason } from '../../../model/index.ts'
import { fieldManager } from '../names.ts'

const kind = { apiVersion: 'v1', kind: 'Namespace' }

/** Why nothing can be put into it; null where it is there. */
export async function ensureNamespace(
  session: ClusterSession,
  name: string,
  mayCreate: boolean,
  signal: AbortSignal,
): Promise<Reason | null> {
  // Who may not read namespaces may still have been given this one: applying tells.
  const known = await session.read(kind, name, undefined, signal).catch((error: unknown) => {
    if (error instanceof ApiError && error.status === 403) return 'unknown' as const
    throw error
  })
  if (known === 'unknown') return null
  if (known?.metadata.deletionTimestamp !== undefined) {
    return reason('namespace-terminating', `the namespace ${name} is being deleted`, {
      hint: 'once it is gone, the next delivery makes it anew',
    })
  }
  if (known !== null) return null
  if (!mayCreate) {
    return reason('namespace-missing', `the namespace ${name} is not there`, {
      hint: 'make it, or set `createNamespace: true` on the target',
    })
  }
  await session.client
    .request({
      method: 'POST',
      path: '/api/v1/namespaces',
      query: { fieldManager },
      body: { ...kind, metadata: { name, labels: { 'app.kubernetes.io/managed-by': 'trunkline' } } },
      signal,
    })
    .catch((error: unknown) => {
      if (!isConflict(error)) throw error
    })
  return null
}
