/** What all of this target works with. */
import { CodeDeployClient } from '@aws-sdk/client-codedeploy'
import type { Aws } from '../../aws/index.ts'
import {
  type AppspecRun,
  type CodeDeployConfig,
  type EnvironmentName,
  fillIn,
  type Run,
  refusedError,
  type ServiceName,
} from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Parts = {
  config: CodeDeployConfig
  project: string
  environment: EnvironmentName
  aws: Aws
  clock: Clock
  /** Pause between two looks at a deployment; it grows. */
  lookEveryMs: number
}

/** As CodeDeploy names it. */
export type GroupName = { applicationName: string; deploymentGroupName: string }

export const codedeployOf = ({ aws }: Parts): CodeDeployClient => aws.client(CodeDeployClient)

export const fill = ({ project, environment }: Parts, service: ServiceName, template: string): string =>
  fillIn(template, { project, environment, service })

export const groupOf = (parts: Parts, service: ServiceName): GroupName => ({
  applicationName: fill(parts, service, parts.config.application),
  deploymentGroupName: fill(parts, service, parts.config.deploymentGroup),
})

export const sayGroup = ({ applicationName, deploymentGroupName }: GroupName): string =>
  `the deployment group ${deploymentGroupName} of ${applicationName}`

export function appspecRunOf(service: ServiceName, run: Run): AppspecRun {
  if (run.kind === 'appspec') return run
  throw refusedError('WRONG_PLATFORM', `${service} has no \`appspec.yml\`, and CodeDeploy deploys by one`, {
    hint: 'give it `run: { appspec: appspec.yml }`',
  })
}

/** Why a program was not to be had is said in a line. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
