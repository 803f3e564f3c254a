/**
 * Whether an object is what its kind calls healthy. Pure: from its status alone, as its controller wrote it. Kinds nobody
 * here knows are judged by the conventions of conditions (`Ready`, `Available`, `Stalled`, `Failed`, `observedGeneration`).
 */
import { conditionsOf, groupOf, type KubernetesObject } from '../../../kubernetes-api/index.ts'

export type Health =
  | { state: 'healthy' }
  /** `message`: what it waits for. */
  | { state: 'progressing'; message: string }
  /** Will not get better by waiting. */
  | { state: 'failed'; message: string }

export const healthy: Health = { state: 'healthy' }
const progressing = (message: string): Health => ({ state: 'progressing', message })
const failed = (message: string): Health => ({ state: 'failed', message })

export function healthOf(object: KubernetesObject): Health {
  if (object.metadata.deletionTimestamp !== undefined) return progressing('is being deleted')
  const judge = judges[`${object.kind}.${groupOf(object.apiVersion)}`]
  return judge === undefined ? byConditions(object) : judge(object)
}

/** Healthy as soon as they stand there, and ever after: nobody writes a status that says otherwise. */
const stillKinds = new Set([
  ...['ConfigMap.', 'Secret.', 'ServiceAccount.', 'LimitRange.', 'ResourceQuota.'],
  ...['Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'].map((kind) => `${kind}.rbac.authorization.k8s.io`),
  ...['NetworkPolicy.networking.k8s.io', 'Ingress.networking.k8s.io', 'PodDisruptionBudget.policy'],
  ...['HorizontalPodAutoscaler.autoscaling', 'CronJob.batch'],
])

/** Whether looking at it once says all: there is nothing to wait for. */
export const isStill = (object: KubernetesObject): boolean =>
  object.metadata.deletionTimestamp === undefined &&
  (stillKinds.has(`${object.kind}.${groupOf(object.apiVersion)}`) ||
    (object.kind === 'Service' && object.apiVersion === 'v1' && specOf(object)['type'] !== 'LoadBalancer'))

type Judge = (object: KubernetesObject) => Health

const judges: Readonly<Record<string, Judge>> = {
  'Deployment.apps': deployment,
  'StatefulSet.apps': statefulSet,
  'DaemonSet.apps': daemonSet,
  'ReplicaSet.apps': (object) => count(object, 'readyReplicas', 'ready'),
  'ReplicationController.': (object) => count(object, 'readyReplicas', 'ready'),
  'Pod.': pod,
  'Job.batch': job,
  'CronJob.batch': () => healthy,
  'Service.': service,
  'PersistentVolumeClaim.': (object) => phase(object, 'Bound', ['Lost']),
  'Namespace.': (object) => phase(object, 'Active', []),
  'Ingress.networking.k8s.io': () => healthy,
  'HorizontalPodAutoscaler.autoscaling': () => healthy,
  'PodDisruptionBudget.policy': () => healthy,
  'CustomResourceDefinition.apiextensions.k8s.io': customResourceDefinition,
  'APIService.apiregistration.k8s.io': (object) => byCondition(object, 'Available', []),
  'Service.serving.knative.dev': knative,
  'Configuration.serving.knative.dev': knative,
  'Route.serving.knative.dev': knative,
  'Revision.serving.knative.dev': (object) => byCondition(object, 'Ready', ['ContainerMissing', 'RevisionFailed']),
}

type Fields = Readonly<Record<string, unknown>>
const fieldsOf = (value: unknown): Fields => (typeof value === 'object' && value !== null ? { ...value } : {})
const specOf = (object: KubernetesObject): Fields => fieldsOf(object['spec'])
const statusOf = (object: KubernetesObject): Fields => fieldsOf(object['status'])
const numberIn = (fields: Fields, name: string, fallback: number): number =>
  typeof fields[name] === 'number' ? fields[name] : fallback

const conditionOf = (object: KubernetesObject, type: string) =>
  conditionsOf(object).find((known) => known.type === type)

/** The controller has not looked at what was applied yet: its status is about what was before. */
const isUnseen = (object: KubernetesObject): boolean =>
  numberIn(statusOf(object), 'observedGeneration', 0) < (object.metadata.generation ?? 0)

function deployment(object: KubernetesObject): Health {
  if (isUnseen(object)) return progressing('its controller has not looked at it yet')
  const stuck = conditionOf(object, 'Progressing')
  if (stuck?.reason === 'ProgressDeadlineExceeded')
    return failed(stuck.message ?? 'it made no progress within its deadline')
  const status = statusOf(object)
  const wanted = numberIn(specOf(object), 'replicas', 1)
  const [updated, replicas, available] = [
    numberIn(status, 'updatedReplicas', 0),
    numberIn(status, 'replicas', 0),
    numberIn(status, 'availableReplicas', 0),
  ]
  if (updated < wanted) return progressing(`${updated} of ${wanted} new pods exist`)
  if (replicas > updated) return progressing(`${replicas - updated} old pods still run`)
  if (available < wanted) return progressing(`${available} of ${wanted} pods are available`)
  return healthy
}

function statefulSet(object: KubernetesObject): Health {
  if (isUnseen(object)) return progressing('its controller has not looked at it yet')
  const [spec, status] = [specOf(object), statusOf(object)]
  const wanted = numberIn(spec, 'replicas', 1)
  const ready = numberIn(status, 'readyReplicas', 0)
  if (ready < wanted) return progressing(`${ready} of ${wanted} pods are ready`)
  const strategy = fieldsOf(spec['updateStrategy'])
  if (strategy['type'] === 'OnDelete') return healthy
  const partition = numberIn(fieldsOf(strategy['rollingUpdate']), 'partition', 0)
  const updated = numberIn(status, 'updatedReplicas', 0)
  if (updated < wanted - partition)
    return progressing(`${updated} of ${wanted - partition} pods are of the new revision`)
  const isDone =
    partition > 0 || status['updateRevision'] === undefined || status['currentRevision'] === status['updateRevision']
  return isDone ? healthy : progressing('the last pods are replaced')
}

function daemonSet(object: KubernetesObject): Health {
  if (isUnseen(object)) return progressing('its controller has not looked at it yet')
  const status = statusOf(object)
  const wanted = numberIn(status, 'desiredNumberScheduled', 0)
  if (fieldsOf(specOf(object)['updateStrategy'])['type'] !== 'OnDelete') {
    const updated = numberIn(status, 'updatedNumberScheduled', 0)
    if (updated < wanted) return progressing(`${updated} of ${wanted} pods are of the new revision`)
  }
  const available = numberIn(status, 'numberAvailable', 0)
  return available < wanted ? progressing(`${available} of ${wanted} pods are available`) : healthy
}

function count(object: KubernetesObject, field: string, what: string): Health {
  if (isUnseen(object)) return progressing('its controller has not looked at it yet')
  const wanted = numberIn(specOf(object), 'replicas', 1)
  const now = numberIn(statusOf(object), field, 0)
  return now < wanted ? progressing(`${now} of ${wanted} pods are ${what}`) : healthy
}

function pod(object: KubernetesObject): Health {
  const { phase: now, message } = statusOf(object)
  if (now === 'Succeeded') return healthy
  if (now === 'Failed') return failed(typeof message === 'string' ? message : 'it ended')
  if (now !== 'Running') return progressing(`it is ${typeof now === 'string' ? now.toLowerCase() : 'not seen yet'}`)
  return conditionOf(object, 'Ready')?.status === 'True' ? healthy : progressing('it is not ready')
}

function job(object: KubernetesObject): Health {
  const end = conditionsOf(object).find(
    ({ type, status }) => (type === 'Failed' || type === 'Complete') && status === 'True',
  )
  if (end?.type === 'Complete') return healthy
  if (end !== undefined) return failed(end.message ?? end.reason ?? 'it failed')
  if (specOf(object)['suspend'] === true) return healthy
  return progressing('it runs')
}

function service(object: KubernetesObject): Health {
  const spec = specOf(object)
  if (spec['type'] !== 'LoadBalancer') return healthy
  const ingress = fieldsOf(statusOf(object)['loadBalancer'])['ingress']
  return Array.isArray(ingress) && ingress.length > 0 ? healthy : progressing('its load balancer has no address yet')
}

function phase(object: KubernetesObject, good: string, bad: readonly string[]): Health {
  const { phase: now } = statusOf(object)
  if (now === good) return healthy
  if (typeof now === 'string' && bad.includes(now)) return failed(`it is ${now}`)
  // A claim that is bound when its first pod comes: that pod waits for nothing else.
  return now === 'Pending' && good === 'Bound' ? healthy : progressing(`it is ${now ?? 'not seen yet'}`)
}

function customResourceDefinition(object: KubernetesObject): Health {
  const refused = conditionOf(object, 'NamesAccepted')
  if (refused?.status === 'False' && refused.reason !== 'Installing')
    return failed(refused.message ?? 'its names are taken')
  return conditionOf(object, 'Established')?.status === 'True' ? healthy : progressing('it is not established yet')
}

/** `Ready` is False while nothing came of it yet, too: what tells them apart is the reason of its parts. */
function knative(object: KubernetesObject): Health {
  if (isUnseen(object)) return progressing('its controller has not looked at it yet')
  const ready = conditionOf(object, 'Ready')
  if (ready?.status === 'True') return healthy
  if (ready?.status === 'False') return failed(`${ready.reason ?? 'not ready'}: ${ready.message ?? ''}`)
  return progressing(ready?.message ?? 'it is not ready yet')
}

function byCondition(object: KubernetesObject, type: string, bad: readonly string[]): Health {
  const condition = conditionOf(object, type)
  if (condition?.status === 'True') return healthy
  if (condition?.status === 'False' && bad.includes(condition.reason ?? ''))
    return failed(condition.message ?? condition.reason ?? '')
  return progressing(condition?.message ?? `it is not ${type.toLowerCase()} yet`)
}

const good = ['Ready', 'Available', 'Healthy', 'Established', 'Programmed', 'Accepted', 'Succeeded', 'Complete']
const bad = ['Stalled', 'Failed', 'Degraded', 'ReconcileError', 'Error']

/** What has no conditions has nothing to wait for (a ConfigMap, a Role). */
function byConditions(object: KubernetesObject): Health {
  const conditions = conditionsOf(object)
  const status = statusOf(object)
  if (typeof status['observedGeneration'] === 'number' && isUnseen(object)) {
    return progressing('its controller has not looked at it yet')
  }
  const wrong = conditions.find(({ type, status: is }) => bad.includes(type) && is === 'True')
  if (wrong !== undefined) return failed(`${wrong.type}: ${wrong.message ?? wrong.reason ?? ''}`)
  for (const type of good) {
    const condition = conditions.find((known) => known.type === type)
    if (condition === undefined) continue
    return condition.status === 'True'
      ? healthy
      : progressing(condition.message ?? `it is not ${type.toLowerCase()} yet`)
  }
  return healthy
}

/** Pods as people count them; null for kinds that have none. */
export function podsOf(object: KubernetesObject): { ready: number; desired: number; old: number } | null {
  const [spec, status] = [specOf(object), statusOf(object)]
  const group = groupOf(object.apiVersion)
  if (group === 'apps' && object.kind === 'DaemonSet') {
    const desired = numberIn(status, 'desiredNumberScheduled', 0)
    const updated = numberIn(status, 'updatedNumberScheduled', 0)
    return { desired, ready: numberIn(status, 'numberReady', 0), old: Math.max(0, desired - updated) }
  }
  if (group === 'apps' && ['Deployment', 'StatefulSet', 'ReplicaSet'].includes(object.kind)) {
    const updated = numberIn(status, 'updatedReplicas', numberIn(status, 'replicas', 0))
    return {
      desired: numberIn(spec, 'replicas', 1),
      ready: numberIn(status, 'readyReplicas', 0),
      old: Math.max(0, numberIn(status, 'replicas', 0) - updated),
    }
  }
  if (group === 'serving.knative.dev' && object.kind === 'Service') {
    // It scales to nothing by itself: what counts is whether it takes requests.
    const isReady = conditionOf(object, 'Ready')?.status === 'True' && !isUnseen(object)
    return { desired: 1, ready: isReady ? 1 : 0, old: 0 }
  }
  return null
}
