/** What rendering needs to know of a service, an environment and a cluster. */
import type { DesiredService, Digest, KubernetesConfig, ServiceName } from '../../../model/index.ts'
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
  /** Reference that the cluster pulls, by digest: `registry.example/shop@sha256:…`. */
  imageOf(digest: Digest): string
  /** Of programs that are started (`kubectl kustomize`, `helm`). */
  environmentVariables: NodeJS.ProcessEnv
  signal: AbortSignal
}
