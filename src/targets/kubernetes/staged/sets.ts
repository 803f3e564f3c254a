/**
 * The two sets of pods of a rollout in stages, told apart by a label. Every Deployment that Trunkline applies says
 * `stable` in its pods, so that a Service can be pointed at one set alone by one write, at any time.
 */
import { groupOf, type KubernetesObject } from '../../../kubernetes-api/index.ts'
import { fitting } from '../names.ts'

export type SetName = 'stable' | 'next'

/** On pods; and on objects that are there for as long as a rollout in stages takes. */
export const setLabel = 'trunkline.dev/set'

export type Labels = Readonly<Record<string, string>>

type Workload = {
  replicas?: number
  selector?: { matchLabels?: Labels }
  template?: { metadata?: { labels?: Labels } }
}

export const isDeployment = ({ apiVersion, kind }: KubernetesObject): boolean =>
  kind === 'Deployment' && groupOf(apiVersion) === 'apps'

/** What a Deployment says; all of it may be missing, since a person wrote it. */
export const workloadOf = (object: KubernetesObject): Workload => (object['spec'] ?? {}) as Workload

export const podLabelsOf = (object: KubernetesObject): Labels => workloadOf(object).template?.metadata?.labels ?? {}

/** A Deployment whose pods say which set they belong to; anything else is as it was. */
export function markStable(object: KubernetesObject): KubernetesObject {
  return isDeployment(object) ? withPodLabels(object, { [setLabel]: 'stable' }) : object
}

function withPodLabels(object: KubernetesObject, added: Labels): KubernetesObject {
  const spec = workloadOf(object)
  const metadata = spec.template?.metadata
  const template = { ...spec.template, metadata: { ...metadata, labels: { ...metadata?.labels, ...added } } }
  return { ...object, spec: { ...spec, template } }
}

/** The Deployment of the new set, beside that of the old. Its pods have the same labels, and one of their own. */
export function nextDeployment(deployment: KubernetesObject, replicas: number): KubernetesObject {
  const next = { [setLabel]: 'next' }
  const spec = workloadOf(deployment)
  const selector = { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, ...next } }
  return withPodLabels({ ...temporary(deployment, 'next'), spec: { ...spec, replicas, selector } }, next)
}

/** A copy under another name, which is known for what it is. */
export const temporary = (object: KubernetesObject, suffix: string): KubernetesObject => ({
  ...object,
  metadata: {
    ...object.metadata,
    name: fitting(`${object.metadata.name}-${suffix}`, 63),
    labels: { ...object.metadata.labels, [setLabel]: 'next' },
  },
})

export const isTemporary = ({ metadata }: KubernetesObject): boolean => metadata.labels?.[setLabel] === 'next'
