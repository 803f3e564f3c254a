/** What rendering needs to know of a service, an environment and a cluster. */
import type { DesiredService, Digest, KubernetesConfig, RolloutStrategy, ServiceName } from '../../../model/index.ts'
import type { DeployFiles } from '../../../ports/index.ts'

export type RenderRequest = {
  project: string
  environment: string
  service: ServiceName
  namespace: string
  config: KubernetesConfig
  desired: DesiredService
  files: DeployFiles
  /** Resolved, secrets included. */
  variables: Readonly<Record<string, string>>
  strategy: RolloutStrategy
  /** What names of Secrets are made from, so that they tell nothing of what is in them. */
  fingerprintKey: Buffer
  /** Reference that the cluster pulls, by digest: `registry.example/shop@sha256:…`; `service` is whose artifact it is. */
  imageOf(digest: Digest, service: ServiceName): string
  /** Of programs that are started (`kubectl kustomize`, `helm`). */
  environmentVariables: NodeJS.ProcessEnv
  signal: AbortSignal
}
