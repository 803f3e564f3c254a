/** What Trunkline calls its own things in a cluster. */
import { createHash } from 'node:crypto'

export const fieldManager = 'trunkline'

export type Place = { project: string; environment: string; namespace: string }

export const labels = {
  managedBy: 'app.kubernetes.io/managed-by',
  project: 'trunkline.dev/project',
  environment: 'trunkline.dev/environment',
  service: 'trunkline.dev/service',
  /** Of an ApplySet's parent, and of what belongs to it (KEP 3659). */
  applySetId: 'applyset.kubernetes.io/id',
  partOf: 'applyset.kubernetes.io/part-of',
} as const

export const annotations = {
  generation: 'trunkline.dev/generation',
  artifact: 'trunkline.dev/artifact',
  fingerprint: 'trunkline.dev/fingerprint',
  /** `settled`, or `rolling` while a rollout is on its way. */
  state: 'trunkline.dev/state',
  /** Of the lease under which it was last written. */
  epoch: 'trunkline.dev/epoch',
  tooling: 'applyset.kubernetes.io/tooling',
  groupKinds: 'applyset.kubernetes.io/contains-group-kinds',
  additionalNamespaces: 'applyset.kubernetes.io/additional-namespaces',
} as const

export const toolingName = 'trunkline/v1'

/** Of the Secret that says what a service is made of, and is the parent of its ApplySet. */
export const inventoryName = ({ project, environment }: Place, service: string): string =>
  fitting(`trunkline.${project}.${environment}.${service}`, 253)

/** As KEP 3659 has it: `applyset-` and a digest over name, namespace, kind and group of the parent. */
export function applySetId(parent: { name: string; namespace: string }): string {
  const digest = createHash('sha256').update(`${parent.name}.${parent.namespace}.Secret.`).digest('base64url')
  return `applyset-${digest}-v1`
}

/** Names have a longest length; a cut one ends in a digest of the whole. */
export function fitting(name: string, length: number): string {
  if (name.length <= length) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 8)
  return `${name.slice(0, length - 9).replace(/[^a-z0-9]+$/, '')}-${digest}`
}
