/** What all of this target works with. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation'
import type { Aws } from '../../aws/index.ts'
import {
  type AwsAccess,
  type CloudFormationConfig,
  type EnvironmentName,
  fillIn,
  type ServiceName,
} from '../../model/index.ts'
import type { Clock } from '../../ports/index.ts'

export type Parts = {
  config: CloudFormationConfig
  project: string
  environment: EnvironmentName
  access: AwsAccess
  aws: Aws
  clock: Clock
  /** Pause between two looks at a stack; it grows. */
  lookEveryMs: number
}

export const cloudformationOf = ({ aws }: Parts): CloudFormationClient => aws.client(CloudFormationClient)

export const fill = ({ project, environment }: Parts, service: ServiceName, template: string): string =>
  fillIn(template, { project, environment, service })

/** By name or id; null: there is none. By its id a deleted one is found, too. */
export async function describeStack(parts: Parts, name: string, signal: AbortSignal): Promise<Stack | null> {
  try {
    const answer = await parts.aws.send(cloudformationOf(parts), new DescribeStacksCommand({ StackName: name }), {
      signal,
    })
    return answer.Stacks?.[0] ?? null
  } catch (error) {
    if (isMissing(parts, error)) return null
    throw error
  }
}

/** `ValidationError: Stack with id shop-stage does not exist` */
export const isMissing = ({ aws }: Parts, error: unknown): boolean =>
  aws.isError(error, 'ValidationError') && /does not exist/.test(messageOf(error))

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
