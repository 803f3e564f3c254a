/** Terraform and OpenTofu: what of a repository is applied (recipe), and where its state is kept (policy). */
import type { Json } from './kubernetes.ts'

/** Infrastructure as a stage: a service whose artifact is a root module. */
export type TerraformRun = {
  kind: 'terraform'
  /** Folder of the artifact that the root module is in; '' is the whole. */
  directory: string
  /** Values of input variables; a variable of the service with the same name wins. Placeholders are filled in. */
  variables: Record<string, string>
  /** Files of the repository with values, later ones win: deploy inputs. `{environment}` makes them an overlay. */
  variableFiles: string[]
  /** Types of resources that hold data, beside those that are known to. */
  stateful: string[]
  port: null
  health: null
}

export type TerraformConfig = {
  program: 'terraform' | 'tofu'
  /** Where states are kept: the kind of backend, and its settings with placeholders in them. */
  backend: { type: string; settings: Record<string, Json> }
  /** How long one apply may take. */
  timeoutMs: number
  /** How long a state that somebody else has locked is waited for. */
  lockTimeoutMs: number
}
