/** What targets in an account of AWS have in common. */
import { type Aws, openAws } from '../aws/index.ts'
import type { AwsAccess, EnvironmentName } from '../model/index.ts'
import type { Clock } from '../ports/index.ts'

export type AwsTargetOptions<Config> = {
  config: Config
  project: string
  environment: EnvironmentName
  clock: Clock
  variables: NodeJS.ProcessEnv
  aws: AwsAccess
  /** Pause between two looks at what AWS is at; the target has its own where it is not said. */
  lookEveryMs?: number
}

/** The way to AWS of one environment. Contacts nothing yet. */
export const awsOf = ({ aws, variables, clock, project, environment }: AwsTargetOptions<unknown>): Aws =>
  openAws(aws, { variables, clock, user: `${project}/${environment}` })
