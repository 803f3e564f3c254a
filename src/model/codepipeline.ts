/** Deployments that a pipeline of AWS CodePipeline carries out. `{project}`, `{environment}` and `{service}` are filled in. */
export type CodePipelineConfig = {
  pipeline: string
  /** Names of source actions that are given the release; null: all there are. */
  sources: string[] | null
  /** Of keys of zips in the bucket that a source action reads, without slashes at its ends. */
  prefix: string
  /** Of the pipeline by name; `{commit}`, `{version}`, `{artifact}` and `{image}` are filled in too. */
  variables: Record<string, string>
  /** Manual approvals that are passed because the environment's own gate was: `Action`, or `Stage/Action`. */
  approvals: string[]
  /** How long an execution may work, and how long one of others is waited for. */
  timeoutMs: number
  /** How long it may wait for a person: an approval, a transition that somebody has disabled. */
  waitForPeopleMs: number
  /** Public address of a service; null: none is known. */
  url: string | null
}

/** What deploys it, only its pipeline knows. */
export type PipelineRun = { kind: 'pipeline'; port: null; health: null }
