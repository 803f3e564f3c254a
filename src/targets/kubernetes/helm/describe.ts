/** What Trunkline writes into a release's description: for `helm history`, and to know it again. */
import { digestOf } from '../../../hashing/index.ts'
import { short } from '../../../model/index.ts'
import type { RenderRequest } from '../render/render-request.ts'
import { variableObjects } from '../render/variables.ts'

/** `image 0123456789ab, generation 0123456789ab…, state 0123456789ab, by Trunkline`. The same for the same installation. */
export function describeRelease(request: RenderRequest): string {
  const { desired, service, namespace, strategy, imageOf } = request
  const { configMap, secret } = variableObjects(request)
  const state = digestOf('helm-release', {
    generation: desired.generation,
    image: imageOf(desired.artifact, service),
    variables: [configMap.metadata.name, secret.metadata.name],
    namespace,
    strategy,
  })
  return `image ${short(desired.artifact)}, generation ${desired.generation}, state ${short(state)}, by Trunkline`
}
