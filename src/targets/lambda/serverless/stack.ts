/** The stack of CloudFormation that the Serverless framework keeps at one stage. */
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation'
import type { TargetContext } from '../../../ports/index.ts'
import type { Place } from '../place.ts'

/** Between two looks at a stack that somebody changes. */
const lookEveryMs = 2000

/** null: there is none. */
export async function readStack({ aws }: Place, name: string, signal: AbortSignal): Promise<Stack | null> {
  const command = new DescribeStacksCommand({ StackName: name })
  try {
    const { Stacks: [stack] = [] } = await aws.send(aws.client(CloudFormationClient), command, { signal })
    return stack === undefined || stack.StackStatus === 'DELETE_COMPLETE' ? null : stack
  } catch (error) {
    if (aws.isError(error, 'ValidationError') && error instanceof Error && /does not exist/.test(error.message))
      return null
    throw error
  }
}

/** A controller that died has left CloudFormation at work: it ends by itself. */
export const waitForRest = (
  place: Place,
  name: string,
  timeoutMs: number,
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
) =>
  place.aws.waitFor({
    what: `the stack ${name} to be at rest`,
    ...{ timeoutMs, signal, intervalMs: lookEveryMs, log },
    async look() {
      const stack = await readStack(place, name, signal)
      return stack?.StackStatus?.endsWith('_IN_PROGRESS') ? null : { stack }
    },
  })

/** It is what it was told to be, as far as CloudFormation knows. */
export const isWell = (stack: Stack | null | undefined): boolean =>
  stack?.StackStatus === 'CREATE_COMPLETE' || stack?.StackStatus === 'UPDATE_COMPLETE'

/** Of its API, where it has one. */
export const urlOf = (stack: Stack | null): string | null =>
  stack?.Outputs?.find(({ OutputKey }) => OutputKey === 'HttpApiUrl' || OutputKey === 'ServiceEndpoint')?.OutputValue ??
  null
