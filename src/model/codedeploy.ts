/** Fleets of virtual machines that AWS CodeDeploy deploys to. `{project}`, `{environment}` and `{service}` are filled in. */
export type CodeDeployConfig = {
  application: string
  deploymentGroup: string
  /** Where revisions are kept by content, in the same region. */
  bucket: string
  /** Of keys in it, without slashes at its ends. */
  prefix: string
  /** A deployment configuration by name; null: as the rollout says (`CodeDeployDefault.OneAtATime`). */
  configuration: string | null
  /** How long a deployment may take, and how long one of others is waited for. */
  timeoutMs: number
  /** Without a word from any instance for so long, a deployment is stopped. */
  stuckAfterMs: number
  /** Whether an instance may be out of service while it is changed, though the rollout goes step by step. */
  downtime: 'refused' | 'accepted'
  /** How long running requests may take: the load balancer must wait at least as long. */
  drainTimeoutMs: number
  /** Public address of a service; null: none is known. */
  url: string | null
}
