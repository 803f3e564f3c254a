/** What helm needs to know of a service, an environment and a cluster. */
import type { ProgramAccess } from '../../../kubernetes-api/eks-access.ts'
import { type ClusterAccess, fillIn, type HelmDescription } from '../../../model/index.ts'
import { clusterDescriptionOf } from '../render/render.ts'
import type { RenderRequest } from '../render/render-request.ts'

/** A cluster as helm reaches it: by itself, from the same kubeconfig. */
export type HelmCluster = {
  access: ClusterAccess
  /** Where helm could not log in by itself: a kubeconfig for one run of it. */
  programAccess?: ((signal: AbortSignal) => Promise<ProgramAccess>) | null
  /** What relative paths of the configuration start from. */
  root: string
  environmentVariables: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** An installed chart. */
export type HelmRelease = { name: string; namespace: string }

export type HelmRequest = RenderRequest & Pick<HelmCluster, 'access' | 'root'>

/** Null where something else describes the service. */
export function helmDescriptionOf({ desired }: Pick<RenderRequest, 'desired'>): HelmDescription | null {
  const { description } = clusterDescriptionOf(desired.run)
  return description.kind === 'helm' ? description : null
}

export function releaseOf(request: RenderRequest, { release }: HelmDescription): HelmRelease {
  const { project, environment, service, namespace } = request
  return { name: fillIn(release, { project, environment, service }), namespace }
}
