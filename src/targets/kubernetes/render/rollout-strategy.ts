/** How the pods of a Deployment are replaced where its description leaves that open. */

import { groupOf, type KubernetesObject } from '../../../kubernetes-api/index.ts'
import { isStaged, type RolloutStrategy } from '../../../model/index.ts'
import { editMember } from './pod-specs.ts'
import { isMapping } from './read-manifests.ts'

/** No pod goes before another is ready for its requests; how many come at once, the strategy says. */
export const rollingUpdate = (strategy: RolloutStrategy) => ({
  type: 'RollingUpdate',
  rollingUpdate: { maxUnavailable: 0, maxSurge: surgeOf(strategy) },
})

function surgeOf(strategy: RolloutStrategy): number | string {
  if (isStaged(strategy)) return '100%'
  switch (strategy) {
    case 'one-at-a-time':
      return 1
    case 'half':
      return '50%'
    case 'all-at-once':
      return '100%'
  }
}

/** Deployments that say nothing of their own. */
export const setStrategy = (objects: readonly KubernetesObject[], strategy: RolloutStrategy): KubernetesObject[] =>
  objects.map((object) =>
    object.kind === 'Deployment' && groupOf(object.apiVersion) === 'apps'
      ? editMember(object, 'spec', (spec) =>
          isMapping(spec) && (spec['strategy'] === undefined || spec['strategy'] === null)
            ? { ...spec, strategy: rollingUpdate(strategy) }
            : spec,
        )
      : object,
  )
