/** Pure: why a stack did not come to be, of all that CloudFormation says. */
import type { StackEvent } from '@aws-sdk/client-cloudformation'

export type Cause = { type: string; name: string; status: string; reason: string; physicalId: string }

/** Said of what was stopped because something else failed. */
const consequence =
  /^(?:Resource (?:creation|update|deletion|import) cancelled|Resource \S+ cancelled|Operation cancelled)/i

/** The first resource that failed by itself; `events` in their order. null: none says so. */
export function firstCause(events: readonly StackEvent[]): Cause | null {
  const failed = events.filter((event) => isOfResource(event) && event.ResourceStatus?.endsWith('_FAILED'))
  const own = failed.filter(({ ResourceStatusReason: reason }) => !consequence.test(reason ?? ''))
  // A hook that refuses says so in words of its own.
  const hook = events.find(
    ({ HookStatus: status, HookFailureMode: mode }) => status === 'HOOK_COMPLETE_FAILED' && mode === 'FAIL',
  )
  const found = own[0] ?? hook ?? failed[0] ?? events.find((event) => !isOfResource(event) && isFailure(event))
  if (found === undefined) return null
  const reason = found.HookStatusReason ?? found.ResourceStatusReason ?? 'CloudFormation gives no reason'
  return {
    type: found.ResourceType ?? '',
    name: found.LogicalResourceId ?? '',
    status: found.ResourceStatus ?? '',
    reason,
    physicalId: found.PhysicalResourceId ?? '',
  }
}

const isFailure = ({ ResourceStatus: status, ResourceStatusReason: reason }: StackEvent) =>
  reason !== undefined && /(?:_FAILED|ROLLBACK_IN_PROGRESS)$/.test(status ?? '')

/** What a stack says of itself has its own id as that of a resource. */
export const isOfResource = ({ PhysicalResourceId: physical, StackId: stack }: StackEvent): boolean =>
  physical !== stack

/** `AWS::RDS::DBInstance Database CREATE_FAILED: The DB instance class is not supported` */
export const eventLine = (event: StackEvent): string => {
  const { ResourceType: type, LogicalResourceId: name, ResourceStatus: status, ResourceStatusReason: reason } = event
  const words = [event.HookType ?? type, name, event.HookStatus ?? status].filter(Boolean).join(' ')
  const said = event.HookStatusReason ?? reason
  return said === undefined || said === '' ? words : `${words}: ${said}`
}
