/** Objects of the Kubernetes API as far as everyone needs them. Shapes of single kinds stand where they are read. */

export type KubernetesObject = {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
  [field: string]: unknown
}

export type ObjectMeta = {
  name: string
  namespace?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  ownerReferences?: Array<{ apiVersion: string; kind: string; name: string; uid: string; controller?: boolean }>
  finalizers?: string[]
  managedFields?: ManagedFields[]
  [field: string]: unknown
}

export type ManagedFields = {
  manager?: string
  operation?: 'Apply' | 'Update'
  apiVersion?: string
  time?: string
  fieldsType?: string
  fieldsV1?: Record<string, unknown>
  subresource?: string
}

/** Group and version in one, as objects write it; the core group has none. */
export type Kind = { apiVersion: string; kind: string }

export const groupOf = (apiVersion: string): string => {
  const slash = apiVersion.indexOf('/')
  return slash < 0 ? '' : apiVersion.slice(0, slash)
}

/** `Deployment.apps`, `Service`: as ApplySets and people write it. */
export const groupKindOf = ({ apiVersion, kind }: Kind): string => {
  const group = groupOf(apiVersion)
  return group === '' ? kind : `${kind}.${group}`
}

/** For people: `Deployment shop/carts`. */
export const nameOf = ({ kind, metadata }: Pick<KubernetesObject, 'kind' | 'metadata'>): string =>
  `${kind} ${metadata.namespace === undefined ? '' : `${metadata.namespace}/`}${metadata.name}`

/** What one object is told apart by, whatever its version. */
export const keyOf = ({
  apiVersion,
  kind,
  metadata,
}: Pick<KubernetesObject, 'apiVersion' | 'kind' | 'metadata'>): string =>
  `${groupKindOf({ apiVersion, kind })}/${metadata.namespace ?? ''}/${metadata.name}`
