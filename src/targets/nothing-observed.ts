/** Of a service that a target knows nothing of. */
import type { ObservedService } from '../ports/index.ts'

export const nothingObserved: ObservedService = {
  ...{ generation: null, artifact: null, fingerprint: null, url: null },
  instances: { ready: 0, desired: 0 },
}
