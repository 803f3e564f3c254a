/** Where checks and builds run: policy, read from the remote's trunk. */
import type { ClusterAccess, Json } from './kubernetes.ts'

export type BuildSettings = {
  /** null: this machine. */
  on: WorkplaceConfig | null
  /** Checks and builds side by side; null: as many as the engine does of anything. */
  parallel: number | null
}

export type WorkplaceConfig =
  | { kind: 'kubernetes'; kubernetes: KubernetesWorkplace }
  | { kind: 'codebuild'; codebuild: CodeBuildWorkplace }

/** Builds of a CodeBuild project, in the account and region of the project's `aws`. */
export type CodeBuildWorkplace = {
  /** Says what rights builds have, how large they are, and where they run. */
  project: string
  /** In place of the project's own; null: that. */
  image: string | null
  /** As Node names it: `linux/x64`. */
  platform: string
  /** How long a build may wait in the queue. */
  startTimeoutMs: number
}

/** Jobs of a cluster. */
export type KubernetesWorkplace = {
  access: ClusterAccess
  namespace: string
  /** Holds Trunkline, and what checks and builds call. */
  image: string
  /** As Node names it: `linux/x64`. */
  platform: string
  serviceAccount: string | null
  resources: { requests: Record<string, string>; limits: Record<string, string> }
  nodeSelector: Record<string, string>
  tolerations: Array<Record<string, Json>>
  /** Secrets with which the image is pulled. */
  pullSecrets: string[]
  /** Secret of type `kubernetes.io/dockerconfigjson` with which a worker logs in to registries. */
  login: string | null
  /** Secrets whose keys are variables of the worker. */
  secrets: string[]
  /** How long a Job may wait for a node, and for its image. */
  startTimeoutMs: number
}
