/** The namespace that a service goes to. */

import { ApiError, isConflict } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import { erroredError, type Reason, reason } from '../../../model/index.ts'
import { fieldManager } from '../names.ts'

const kind = { apiVersion: 'v1', kind: 'Namespace' }

/** So long one look at it serves all services that go there: one that vanishes meanwhile is told by applying. */
const believedMs = 10_000

/** Why nothing can be put into it; null where it is there. */
export function ensureNamespace(
  session: ClusterSession,
  name: string,
  mayCreate: boolean,
  signal: AbortSignal,
): Promise<Reason | null> {
  return session.shared(`namespace ${name} ${mayCreate}`, signal, {
    forMs: believedMs,
    keeps: (missing) => missing === null,
    ask: (limit) => ensureNow(session, name, mayCreate, limit),
  })
}

/** Nobody's verdict: it is gone in a while, and then there is a place again. */
export const namespaceTerminating = (name: string) =>
  erroredError('NAMESPACE_TERMINATING', `the namespace ${name} is being deleted`, {
    hint: 'once it is gone, the next attempt makes it anew',
  })

async function ensureNow(
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
    throw namespaceTerminating(name)
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
