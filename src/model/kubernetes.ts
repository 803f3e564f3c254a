/** How services are described for a cluster (recipe), and which clusters run them (policy). */
import type { Digest, ObjectId, ServiceName } from './identity.ts'

/** A value as YAML and JSON have it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/**
 * What a cluster is told about a service. Paths are relative to the repository's root; `{service}` and `{environment}`
 * in them are filled in. What they name is a deploy input: of the service, and with `{environment}` of that
 * environment alone.
 */
export type KubernetesRun = {
  description: KubernetesDescription
  /** Names that images have in the description, without tag or digest, and whose artifacts stand in for them. */
  images: Record<string, ServiceName>
  /** How the service's variables reach its containers. */
  variables: VariableDelivery
}

export type KubernetesDescription =
  /** A Deployment, and a Service where a port is named, made from how the service runs. */
  | { kind: 'generated' }
  | HelmDescription
  | { kind: 'kustomize'; path: string }
  /** Files or globs of plain manifests. */
  | { kind: 'manifests'; files: string[] }
  /** A Knative Service, made from how the service runs. */
  | { kind: 'knative' }

export type HelmDescription = {
  kind: 'helm'
  /** Folder of the chart. */
  chart: string
  /** What the installed chart is called; `{service}` and `{environment}` are filled in. */
  release: string
  /** Files of values, later ones win. */
  values: string[]
  /** Single values by their path (`image.pullPolicy`), over all files. */
  set: Record<string, Json>
  /** Where the service's image goes. */
  image: HelmImage
}

/** Paths in the values (`image.repository`). */
export type HelmImage =
  /** The whole reference, `registry.example/shop@sha256:…`. */
  | { kind: 'reference'; path: string }
  | { kind: 'digest'; repository: string; digest: string }
  /** For charts that write `repository:tag`: the tag ends in the digest, which is what counts. */
  | { kind: 'tag'; repository: string; tag: string }

export type VariableDelivery =
  /** A ConfigMap and a Secret with content-hashed names, added to the containers of the service's image. */
  | { kind: 'inject' }
  /** The same, put only where the description refers to these names. */
  | { kind: 'named'; configMap: string; secret: string }
  | { kind: 'none' }

/** Which files of a release say how a service is deployed in one environment, and which bytes its image names mean. */
export type DeployInputs = { files: Record<string, ObjectId>; images: Record<string, Digest> }

/** How a cluster is reached. */
export type ClusterAccess = {
  /** Absolute, or relative to the repository; null: `KUBECONFIG`, `~/.kube/config`, else as a pod in its own cluster. */
  kubeconfig: string | null
  /** null: the current one. */
  context: string | null
  /** Name of a cluster of EKS in the environment's account: in place of a kubeconfig. */
  eks?: string
}

export type KubernetesConfig = {
  /** Rolled out one after the other. */
  clusters: ClusterAccess[]
  /** `{service}`, `{environment}` and `{project}` are filled in. */
  namespace: string
  createNamespace: boolean
  /** Of generated descriptions. */
  replicas: number
  /** Repository the cluster pulls from, where it knows the registry by another name; null: as it was pushed. */
  pullFrom: string | null
  /** Public address of a service, for verification and people (`https://{service}.stage.example`); null: none is known. */
  url: string | null
  /** Fields that another manager owns: to fail naming it, or to take them over. */
  conflicts: 'fail' | 'force'
  /** What becomes of changes made by hand. */
  drift: 'report' | 'repair'
  /** How long a rollout may take until everything is healthy. */
  timeoutMs: number
  /** Service account that hooks and tasks run as; null: the namespace's default. */
  serviceAccount: string | null
}

export type GitOpsConfig = {
  /** URL or path of the manifest repository. */
  repository: string
  branch: string
  /** Opens a pull request instead of pushing to the branch; null: pushes. */
  pullRequest: PullRequestConfig | null
  /** Where each service's image stands; services named in `services` have their own. */
  edits: GitOpsEdit[]
  services: Record<ServiceName, GitOpsEdit[]>
  /** Who brings the branch to a cluster, and says how it went; null: deployed once it is pushed. */
  follow: GitOpsFollower | null
  /** Repository the cluster pulls from; null: as it was pushed. */
  pullFrom: string | null
}

export type PullRequestConfig = {
  api: 'github' | 'gitlab'
  /** Base of the API; null: the host's public one. */
  url: string | null
  token: { from: string } | { value: string }
}

/** `{service}`, `{environment}` and `{project}` are filled in everywhere. */
export type GitOpsEdit =
  /** Entry of `images` in a `kustomization.yaml`. */
  | { kind: 'kustomize'; file: string; image: string }
  /** A file of Helm values: a path to the whole reference, or to a mapping with `repository`, `tag`, `digest`. */
  | { kind: 'helm'; file: string; path: string }
  /** Containers with this image, in manifests that match. */
  | { kind: 'manifests'; files: string; image: string }
  /** Any scalar. */
  | { kind: 'yaml'; file: string; path: string }

export type GitOpsFollower = {
  kind: 'argocd' | 'flux'
  cluster: ClusterAccess
  namespace: string
  /** Name of the `Application`, or of the `Kustomization` or `HelmRelease`. */
  name: string
  timeoutMs: number
}

/** What may stand in braces in names and paths. */
export type Placeholders = Partial<Record<'project' | 'environment' | 'service', string>>

/** Puts names in for `{service}` and the like; a placeholder without a value stays as it is. */
export const fillIn = (template: string, values: Placeholders): string =>
  template.replace(/\{(project|environment|service)\}/g, (whole, name: keyof Placeholders) => values[name] ?? whole)

export const isPerEnvironment = (path: string): boolean => path.includes('{environment}')

/** The paths and globs that a description is read from, placeholders and all. */
export function describedBy({ description }: KubernetesRun): string[] {
  switch (description.kind) {
    case 'helm':
      return [below(description.chart), ...description.values]
    case 'kustomize':
      return [below(description.path)]
    case 'manifests':
      return description.files
    case 'generated':
    case 'knative':
      return []
  }
}

const below = (folder: string): string => (folder === '' ? '**' : `${folder}/**`)
