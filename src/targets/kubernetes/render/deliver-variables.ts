/** How a service's variables get to the containers of its description. */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { type Digest, failedError, type VariableDelivery } from '../../../model/index.ts'
import { type Container, editContainers, editItems, editMember, editPodSpecs, type PodSpec } from './pod-specs.ts'
import { isMapping } from './read-manifests.ts'
import type { RenderRequest } from './render-request.ts'
import { type VariableObjects, variableObjects } from './variables.ts'

/** The objects, and what holds the variables that they use. Failed where the description has no place for them. */
export function deliverVariables(
  objects: readonly KubernetesObject[],
  delivery: VariableDelivery,
  request: RenderRequest,
): KubernetesObject[] {
  if (delivery.kind === 'none') return [...objects]
  const made = variableObjects(request)
  const { service, desired } = request
  if (delivery.kind === 'inject') return [...notEmpty(made), ...inject(objects, made, desired.artifact)]
  const { edited, counts } = renameReferences(objects, delivery, made)
  if (made.hasPlain && counts.configMap === 0) throw notReferred(service, 'ConfigMap', delivery.configMap)
  if (made.hasSecret && counts.secret === 0) throw notReferred(service, 'Secret', delivery.secret)
  return [...(counts.configMap > 0 ? [made.configMap] : []), ...(counts.secret > 0 ? [made.secret] : []), ...edited]
}

export const notEmpty = ({ configMap, secret, hasPlain, hasSecret }: VariableObjects): KubernetesObject[] => [
  ...(hasPlain ? [configMap] : []),
  ...(hasSecret ? [secret] : []),
]

/** Into containers of the service's own image, before sources of their own: what the description says itself wins. */
export function inject(
  objects: readonly KubernetesObject[],
  { configMap, secret, hasPlain, hasSecret }: VariableObjects,
  artifact: Digest,
): KubernetesObject[] {
  const sources = [
    ...(hasPlain ? [{ configMapRef: { name: configMap.metadata.name } }] : []),
    ...(hasSecret ? [{ secretRef: { name: secret.metadata.name } }] : []),
  ]
  if (sources.length === 0) return [...objects]
  const add = (container: Container): Container => {
    const { image, envFrom } = container
    if (typeof image !== 'string' || !image.endsWith(`@${artifact}`)) return container
    return { ...container, envFrom: [...sources, ...(Array.isArray(envFrom) ? envFrom : [])] }
  }
  return objects.map((object) => editPodSpecs(object, (spec) => editContainers(spec, add)))
}

/** From the names that a description uses to those that say what is in them, with how often each is used. */
export function renameReferences(
  objects: readonly KubernetesObject[],
  names: { configMap: string; secret: string },
  made: VariableObjects,
) {
  const configMap = renaming(names.configMap, made.configMap.metadata.name)
  const secret = renaming(names.secret, made.secret.metadata.name)
  const edited = objects.map((object) => editPodSpecs(object, (spec) => renameInPodSpec(spec, { configMap, secret })))
  return { edited, counts: { configMap: configMap.count(), secret: secret.count() } }
}

const notReferred = (service: string, kind: string, name: string) =>
  failedError(
    'VARIABLES_NOT_USED',
    `what describes ${service} refers to no ${kind} ${name}, which holds its variables`,
    {
      hint: `add it to a container (\`envFrom: [{ ${kind === 'Secret' ? 'secretRef' : 'configMapRef'}: { name: ${name} } }]\`), or set \`variables: inject\``,
    },
  )

type Renaming = { rename(name: unknown): unknown; count(): number }

function renaming(from: string, to: string): Renaming {
  let count = 0
  return {
    rename(name) {
      if (name !== from) return name
      count += 1
      return to
    },
    count: () => count,
  }
}

type Renamings = { configMap: Renaming; secret: Renaming }

/** Every field of a pod spec that names a ConfigMap or a Secret, as the API has them. */
function renameInPodSpec(spec: PodSpec, renamings: Renamings): PodSpec {
  const inContainer = (container: Container): Container =>
    editMember(
      editMember(container, 'env', eachOf(under('valueFrom', keyReferences(renamings)))),
      'envFrom',
      eachOf(environmentReferences(renamings)),
    )
  const volume = (value: unknown): unknown =>
    within(value, { ...volumeReferences(renamings), projected: (projected) => projectedSources(projected, renamings) })
  return editMember(editContainers(spec, inContainer), 'volumes', eachOf(volume))
}

const named = ({ rename }: Renaming) => under('name', rename)

const keyReferences =
  ({ configMap, secret }: Renamings) =>
  (value: unknown) =>
    within(value, { configMapKeyRef: named(configMap), secretKeyRef: named(secret) })

const environmentReferences =
  ({ configMap, secret }: Renamings) =>
  (value: unknown) =>
    within(value, { configMapRef: named(configMap), secretRef: named(secret) })

const volumeReferences = ({ configMap, secret }: Renamings): Members => ({
  configMap: named(configMap),
  secret: under('secretName', secret.rename),
})

const projectedSources = (projected: unknown, { configMap, secret }: Renamings): unknown =>
  within(projected, {
    sources: eachOf((source) => within(source, { configMap: named(configMap), secret: named(secret) })),
  })

type Edit = (value: unknown) => unknown
type Members = Readonly<Record<string, Edit>>

const within = (value: unknown, members: Members): unknown =>
  isMapping(value)
    ? Object.entries(members).reduce((edited, [key, edit]) => editMember(edited, key, edit), value)
    : value

const under =
  (key: string, edit: Edit): Edit =>
  (value) =>
    within(value, { [key]: edit })

const eachOf =
  (edit: Edit): Edit =>
  (value) =>
    Array.isArray(value) ? editItems(value, edit) : value
