/** Services of AWS ECS: how their tasks are described (recipe), and where they run (policy). */

/** A task definition that the team has written, beside the container of the service's own image. */
export type EcsRun = {
  /** Path in the repository of its JSON; `{environment}` makes it an overlay of that environment. */
  taskDefinition: string
  /** The container that runs the service's own image; null: the one named like the service, or the only one. */
  container: string | null
}

/** `{project}`, `{environment}` and `{service}` are filled in. */
export type EcsConfig = {
  cluster: string
  service: string
  family: string
  /** Of tasks that nothing else describes, as ECS counts: 256 is a quarter of a core. */
  cpu: number
  memoryMb: number
  /** ARNs of what ECS itself, and what the containers may do; null: nothing special. */
  executionRole: string | null
  taskRole: string | null
  /** Where CloudWatch keeps what generated containers write; null: nowhere. */
  logGroup: string | null
  /** Variables that ECS reads by itself: names or ARNs of parameters and secrets. */
  secrets: Record<string, string>
  /** How long a deployment may take until it is taken back. */
  timeoutMs: number
  /** Public address of a service; null: none is known. */
  url: string | null
  /** Where its new tasks answer alone before anybody else is sent there; null: nowhere. */
  previewUrl: string | null
}
