/** What controllers say of an object in its status. */
import type { KubernetesObject } from './objects.ts'

export type Condition = { type: string; status: string; reason?: string; message?: string; observedGeneration?: number }

export function conditionsOf(object: KubernetesObject): Condition[] {
  const { conditions } = (object['status'] ?? {}) as { conditions?: Condition[] } // By convention, of every kind.
  return Array.isArray(conditions) ? conditions.filter((known) => typeof known?.type === 'string') : []
}
