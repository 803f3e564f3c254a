/** Why a description cannot be rolled out in stages, said before anything is applied. Pure. */

import { type KubernetesObject, nameOf } from '../../../kubernetes-api/index.ts'
import { type Reason, reason, type StagedStrategy } from '../../../model/index.ts'
import { isKnativeService } from './divide-knative.ts'
import { isService, routesTo, selects } from './services.ts'
import { isDeployment, podLabelsOf } from './sets.ts'

const hint = 'choose one-at-a-time, half or all-at-once for it'

/** Kinds of which there are no two at a time, and why. */
const single: Readonly<Record<string, string>> = {
  StatefulSet: 'each of its pods has a name and storage of its own, and there is no second of them',
  DaemonSet: 'each node has one of its pods, and no second set beside it',
  ReplicaSet: 'it keeps one set of pods by itself: describe a Deployment',
  ReplicationController: 'it keeps one set of pods by itself: describe a Deployment',
  Pod: 'there is one of it: describe a Deployment',
  Job: 'it runs once and takes no requests',
}

/** By replicas, more than this would take several times as many new pods as old ones, which stay in full. */
const mostByReplicas = 50

/** Empty where it can. */
export function whyUndivided(objects: readonly KubernetesObject[], strategy: StagedStrategy): Reason[] {
  const singles = objects.flatMap((object) => {
    const why = single[object.kind]
    return why === undefined ? [] : [cannot(`${nameOf(object)} cannot be rolled out as ${strategy.kind}: ${why}`)]
  })
  if (singles.length > 0) return singles
  const knative = objects.filter(isKnativeService)
  const pinned = knative.filter((object) => !isToLatest(object))
  if (pinned.length > 0) {
    return pinned.map((object) =>
      cannot(`${nameOf(object)} cannot be rolled out as ${strategy.kind}: it says itself where its traffic goes`, {
        hint: 'take `spec.traffic` out of its description',
      }),
    )
  }
  const deployments = takersOf(objects)
  if (deployments.length === 0 && knative.length === 0) {
    const message = `it cannot be rolled out as ${strategy.kind}: no Service leads to pods of a Deployment, so that there are no requests to divide`
    return [reason('cannot-be-divided', message, { hint })]
  }
  return deployments.flatMap((deployment) =>
    isRouted(objects, deployment) ? [] : tooMuchForPods(deployment, strategy),
  )
}

/** Shares that numbers of pods cannot make. */
export function tooMuchForPods(deployment: KubernetesObject, { stages }: StagedStrategy): Reason[] {
  const tooMuch = stages.filter(({ weight }) => weight > mostByReplicas && weight < 100)
  if (tooMuch.length === 0) return []
  const shares = tooMuch.map(({ weight }) => `${weight} %`).join(', ')
  return [
    cannot(
      `${nameOf(deployment)} cannot give its new pods ${shares} of requests: by numbers of pods that takes several times as many as there are, since the old ones stay until the end`,
      { hint: `choose steps up to ${mostByReplicas} %, then 100, or describe an HTTPRoute that leads to its Service` },
    ),
  ]
}

const cannot = (message: string, detail: { hint: string } = { hint }): Reason =>
  reason('cannot-be-divided', message, detail)

/** Deployments that a Service leads to. */
export const takersOf = (objects: readonly KubernetesObject[]): KubernetesObject[] =>
  objects.filter((object) => isDeployment(object) && servicesTo(objects, object).length > 0)

export const servicesTo = (objects: readonly KubernetesObject[], deployment: KubernetesObject): KubernetesObject[] =>
  objects.filter((object) => isService(object) && selects(object, podLabelsOf(deployment)))

/** Whether routes of the Gateway API lead to it: they have weights. */
export const isRouted = (objects: readonly KubernetesObject[], deployment: KubernetesObject): boolean =>
  servicesTo(objects, deployment).some((service) => routesTo(objects, service).length > 0)

function isToLatest(object: KubernetesObject): boolean {
  const { traffic } = (object['spec'] ?? {}) as {
    traffic?: Array<{ latestRevision?: boolean; revisionName?: string; percent?: number; tag?: string }>
  } // Of a Knative Service.
  if (traffic === undefined) return true
  const [only, ...others] = traffic
  return others.length === 0 && only?.revisionName === undefined && only?.tag === undefined
}
