/** A stack on which something can be begun: nobody's operation under way, nothing left over from a failed one. */
import {
  ContinueUpdateRollbackCommand,
  DeleteStackCommand,
  paginateListStackResources,
  type Stack,
  type StackResourceSummary,
} from '@aws-sdk/client-cloudformation'
import { refusedError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { latestOperation } from './events.ts'
import { firstCause } from './first-cause.ts'
import { watchOperation } from './operation.ts'
import { cloudformationOf, describeStack, type Parts } from './parts.ts'
import { stateOf } from './stack-state.ts'
import { roleOf } from './wanted-stacks.ts'

export type Quiet = Pick<TargetContext, 'signal' | 'log' | 'report'>

/**
 * Waits for what others have begun, takes away what a first creation left behind that holds nothing, and goes on with a
 * way back that got stuck where the configuration says so. Refused where a person must look: `STACK_STUCK`,
 * `STACK_HOLDS_RESOURCES`, `STACK_UNDELETABLE`. null: there is no stack.
 */
export async function stackAtRest(parts: Parts, name: string, context: Quiet): Promise<Stack | null> {
  const { signal, log } = context
  const stack = await describeStack(parts, name, signal)
  const stackId = stack?.StackId ?? name
  switch (stateOf(stack)) {
    case 'absent':
    case 'ready':
      return stack
    case 'busy':
    case 'deleting': {
      log(`${name} is ${stack?.StackStatus}: waits until that has ended`)
      await watchOperation(parts, { stackId, count: 0, context })
      return await stackAtRest(parts, name, context)
    }
    case 'stillborn': {
      await assertEmpty(parts, stack, name, signal)
      log(`${name} was left in ${stack?.StackStatus} by a creation that failed; it holds nothing, and is deleted`)
      await deleteStack(parts, stackId, context)
      return await describeStack(parts, name, signal)
    }
    case 'stuck': {
      if (!parts.config.continueRollback) throw await stuck(parts, name, stackId, signal)
      log(`${name} got stuck on its way back: that is tried once more`)
      await continueRollback(parts, stackId, signal)
      await watchOperation(parts, { stackId, count: 0, context })
      const now = await describeStack(parts, stackId, signal)
      if (stateOf(now) === 'stuck') throw await stuck(parts, name, stackId, signal)
      return await stackAtRest(parts, name, context)
    }
    case 'undeletable':
      throw refusedError(
        'STACK_UNDELETABLE',
        `${name} was to be deleted, and could not be${await why(parts, stackId, signal)}`,
        {
          hint: `see what keeps it, then: aws cloudformation delete-stack --stack-name ${name}`,
        },
      )
  }
}

/** Deleted and gone, or at rest in `DELETE_FAILED`. */
export async function deleteStack(parts: Parts, stackId: string, context: Quiet) {
  const role = roleOf(parts)
  const remove = new DeleteStackCommand({ StackName: stackId, ...(role === null ? {} : { RoleARN: role }) })
  await parts.aws.send(cloudformationOf(parts), remove, { signal: context.signal, writes: true })
  const hasBegun = ({ StackStatus: status }: Stack) => status?.startsWith('DELETE_') === true
  return await watchOperation(parts, { stackId, count: 0, hasBegun, context })
}

/** What there is of a stack now. */
export async function liveResources(
  parts: Parts,
  stackId: string,
  signal: AbortSignal,
): Promise<StackResourceSummary[]> {
  const found: StackResourceSummary[] = []
  const pages = parts.aws.pages(paginateListStackResources, cloudformationOf(parts), { StackName: stackId }, { signal })
  for await (const { StackResourceSummaries: page = [] } of pages) found.push(...page)
  return found.filter(
    ({ ResourceStatus: status, PhysicalResourceId: id }) =>
      status !== 'DELETE_COMPLETE' && id !== undefined && id !== '',
  )
}

async function assertEmpty(parts: Parts, stack: Stack | null, name: string, signal: AbortSignal): Promise<void> {
  const left = await liveResources(parts, stack?.StackId ?? name, signal)
  if (left.length === 0) return
  const names = left.map(({ LogicalResourceId: id, ResourceStatus: status }) => `${id} (${status})`).join(', ')
  throw refusedError(
    'STACK_HOLDS_RESOURCES',
    `${name} is ${stack?.StackStatus}: its first creation failed, and it still holds ${names}`,
    { hint: `see what they are worth, then: aws cloudformation delete-stack --stack-name ${name}` },
  )
}

async function continueRollback(parts: Parts, stackId: string, signal: AbortSignal): Promise<void> {
  const role = roleOf(parts)
  const go = new ContinueUpdateRollbackCommand({ StackName: stackId, ...(role === null ? {} : { RoleARN: role }) })
  await parts.aws.send(cloudformationOf(parts), go, { signal, writes: true })
}

async function stuck(parts: Parts, name: string, stackId: string, signal: AbortSignal) {
  return refusedError(
    'STACK_STUCK',
    `${name} is UPDATE_ROLLBACK_FAILED: CloudFormation could not go back${await why(parts, stackId, signal)}`,
    {
      hint: `mend that, then: aws cloudformation continue-update-rollback --stack-name ${name} (with --resources-to-skip for what cannot be mended); \`continueRollback: true\` of the target tries it by itself`,
    },
  )
}

async function why(parts: Parts, stackId: string, signal: AbortSignal): Promise<string> {
  const events = await latestOperation(parts, stackId, signal)
  const back = events.findIndex(({ ResourceStatus: status }) => status === 'UPDATE_ROLLBACK_IN_PROGRESS')
  const cause = firstCause(events.slice(Math.max(0, back)))
  return cause === null ? '' : ` (${cause.type} ${cause.name}: ${cause.reason})`
}
