/** Stacks of AWS CloudFormation: what of a repository they are made of (recipe), and where they go (policy). */
import type { ServiceName } from './identity.ts'

/**
 * Infrastructure as a stage: a service whose artifact is its template. Paths are relative to the artifact's root;
 * `{project}`, `{environment}` and `{service}` in names and values are filled in.
 */
export type CloudFormationRun = {
  kind: 'cloudformation'
  source: StackSource
  /** Fixed values; a variable of the service with the name of a parameter is its value, too, and wins. */
  parameters: Record<string, string>
  /** Files of the repository with values, later ones win: deploy inputs. `{environment}` in them makes them an overlay. */
  parameterFiles: string[]
  /** What the template is allowed to do: `CAPABILITY_IAM`, `CAPABILITY_NAMED_IAM`, `CAPABILITY_AUTO_EXPAND`. */
  capabilities: string[]
  tags: Record<string, string>
  /** Functions and layers of the template, by their names in it, and the services whose artifacts are their code. */
  code: Record<string, ServiceName>
  /** Resources of the template that exist already, by names of their own, are taken over. */
  importExisting: boolean
  protect: StackProtection
  port: null
  health: null
}

export type StackSource =
  | {
      kind: 'template'
      /** A file of the artifact. */
      template: string
      /** What the stack is called. */
      stack: string
    }
  | {
      kind: 'cdk'
      /** Folder of the artifact that `cdk synth` wrote. */
      assembly: string
      /** As the app names it; those it depends on come first. */
      stack: string
    }

export type StackProtection = {
  /** Whether AWS refuses to delete it. */
  termination: boolean
  /** A file of the artifact that says what an update may touch; null: none. */
  policy: string | null
  /** Types of resources that hold data, beside those that are known to. */
  stateful: string[]
}

export type CloudFormationConfig = {
  /** Where templates and code are uploaded to; null: only templates that need no upload. */
  bucket: string | null
  /** Of every key in it. */
  prefix: string
  /** Role that CloudFormation takes on to change resources; null: who deploys is who changes. */
  role: string | null
  /** How long one stack may take. */
  timeoutMs: number
  /** A way back that got stuck (`UPDATE_ROLLBACK_FAILED`) is tried once more before anything else. */
  continueRollback: boolean
}
