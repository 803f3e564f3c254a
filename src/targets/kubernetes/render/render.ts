/** What describes a service as objects of a cluster: its images by digest, its variables beside it. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import type { KubernetesRun, Run } from '../../../model/index.ts'
import { deliverVariables } from './deliver-variables.ts'
import { describedObjects } from './described-files.ts'
import { generatedObjects } from './generated.ts'
import { type Images, putImages } from './images.ts'
import { knativeObjects } from './knative.ts'
import { kustomizedObjects } from './kustomize.ts'
import type { RenderRequest } from './render-request.ts'
import { setStrategy } from './rollout-strategy.ts'

/** In no order; without a namespace where the description names none. */
export type Rendered = { objects: KubernetesObject[] }

/**
 * Throws `usage` with the place where a description is wrong, `failed` where it has no place for the images or the
 * variables. Charts are helm's to install (`helm/`).
 */
export async function render(request: RenderRequest): Promise<Rendered> {
  const { description, variables } = clusterDescriptionOf(request.desired.run)
  switch (description.kind) {
    case 'generated':
      return { objects: deliverVariables(generatedObjects(request), made(variables), request) }
    case 'knative':
      return { objects: deliverVariables(knativeObjects(request), made(variables), request) }
    case 'manifests':
      return complete(describedObjects(description.files, request), variables, request)
    case 'kustomize':
      return complete(await kustomizedObjects(description.path, request), variables, request)
    case 'helm':
      throw new Error('charts are rendered by helm')
  }
}

/** A command that nobody described for a cluster runs there in a Deployment. */
export function clusterDescriptionOf(run: Run): KubernetesRun {
  const known = run.kind === undefined || run.kind === 'container' ? run.kubernetes : undefined
  return known ?? { description: { kind: 'generated' }, images: {}, variables: { kind: 'inject' } }
}

/** Names may mean artifacts of other services. */
export function wantedImages({ service, desired, imageOf }: RenderRequest): Images {
  const { images } = clusterDescriptionOf(desired.run)
  const digests = Object.entries(desired.deploy?.images ?? {})
  return Object.fromEntries(digests.map(([name, digest]) => [name, imageOf(digest, images[name] ?? service)]))
}

/** Nothing in a description of our own refers to names. */
const made = (delivery: KubernetesRun['variables']): KubernetesRun['variables'] =>
  delivery.kind === 'named' ? { kind: 'inject' } : delivery

function complete(
  objects: readonly KubernetesObject[],
  variables: KubernetesRun['variables'],
  request: RenderRequest,
): Rendered {
  const { service, strategy } = request
  const withImages = putImages(service, objects, wantedImages(request))
  return { objects: deliverVariables(setStrategy(withImages, strategy), variables, request) }
}
