/** The random key that fingerprints of variables are made with: kept in the cluster, beside the secrets (invariant 13). */
import { createHmac, randomBytes } from 'node:crypto'
import { canonicalJson } from '../../hashing/index.ts'
import { ApiError, isConflict, isNotFound } from '../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../kubernetes-api/session.ts'
import { erroredError, type Fingerprint } from '../../model/index.ts'
import { fieldManager, fitting, labels, type Place } from './names.ts'

const secretKind = { apiVersion: 'v1', kind: 'Secret' }
const keyBytes = 32

const nameOfKey = ({ project, environment }: Place): string => fitting(`trunkline.${project}.${environment}`, 253)

/** So long one look at it serves all services. */
const believedMs = 10_000

/** Made when first asked for; null where the namespace is not there yet, and so nothing runs that could be compared. */
export function fingerprintKey(session: ClusterSession, place: Place, signal: AbortSignal): Promise<Buffer | null> {
  return session.shared(`fingerprint key ${place.namespace} ${nameOfKey(place)}`, signal, {
    forMs: believedMs,
    keeps: (key) => key !== null,
    ask: (limit) => keyNow(session, place, limit),
  })
}

async function keyNow(session: ClusterSession, place: Place, signal: AbortSignal): Promise<Buffer | null> {
  const name = nameOfKey(place)
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const known = await session.read(secretKind, name, place.namespace, signal)
    const data = (known?.['data'] as { key?: string } | undefined)?.key // Of a Secret.
    if (data !== undefined) return Buffer.from(data, 'base64')
    if (known !== null) break
    try {
      await session.client.request({
        method: 'POST',
        path: `/api/v1/namespaces/${place.namespace}/secrets`,
        query: { fieldManager },
        body: {
          ...secretKind,
          immutable: true,
          metadata: {
            name,
            labels: {
              [labels.managedBy]: 'trunkline',
              [labels.project]: place.project,
              [labels.environment]: place.environment,
            },
          },
          data: { key: randomBytes(keyBytes).toString('base64') },
        },
        signal,
      })
    } catch (error) {
      if (isNotFound(error) || (error instanceof ApiError && /being terminated/.test(error.message))) return null
      if (!isConflict(error)) throw error
    }
  }
  throw erroredError('FINGERPRINT_KEY', `the Secret ${place.namespace}/${name} holds no key`, {
    hint: 'it was changed by hand: delete it, and every service is deployed anew once',
  })
}

export const fingerprintWith = (key: Buffer, variables: Readonly<Record<string, string>>): Fingerprint =>
  createHmac('sha256', key).update(canonicalJson(variables)).digest('hex') as Fingerprint // The brand is given where the key lies.
