/** In which order kinds are applied, and removed in reverse: what others rest on comes first. */
import { groupOf, type KubernetesObject } from '../../../kubernetes-api/index.ts'

const order: ReadonlyArray<readonly string[]> = [
  ['Namespace'],
  ['CustomResourceDefinition'],
  ['PriorityClass', 'StorageClass', 'RuntimeClass', 'IngressClass', 'GatewayClass'],
  ['ServiceAccount', 'Role', 'ClusterRole', 'RoleBinding', 'ClusterRoleBinding'],
  ['LimitRange', 'ResourceQuota', 'NetworkPolicy', 'PodDisruptionBudget'],
  ['ConfigMap', 'Secret', 'PersistentVolume', 'PersistentVolumeClaim'],
  ['Service'],
  ['Deployment', 'StatefulSet', 'DaemonSet', 'ReplicaSet', 'ReplicationController', 'Pod', 'Job', 'CronJob'],
  ['HorizontalPodAutoscaler'],
  ['Ingress', 'Gateway', 'HTTPRoute', 'GRPCRoute', 'VirtualService', 'DestinationRule', 'APIService'],
  ['MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'],
]
const place = new Map(order.flatMap((kinds, wave) => kinds.map((kind) => [kind, wave] as const)))
/** Of kinds nobody here knows: beside workloads, after all they may need. */
const ofOthers = place.get('Deployment') ?? 0

/** A Knative Service is a workload, whatever its kind is called. */
const waveOf = ({ apiVersion, kind }: KubernetesObject): number =>
  groupOf(apiVersion) === 'serving.knative.dev' ? ofOthers : (place.get(kind) ?? ofOthers)

/** Objects in groups that are applied one after the other; those of one group go side by side. */
export function inWaves(objects: readonly KubernetesObject[]): KubernetesObject[][] {
  const waves = new Map<number, KubernetesObject[]>()
  for (const object of objects) {
    const wave = waveOf(object)
    waves.set(wave, [...(waves.get(wave) ?? []), object])
  }
  return [...waves].sort(([left], [right]) => left - right).map(([, members]) => members)
}
