/** What CloudFormation says of one operation on a stack, as it says it. */
import { paginateDescribeStackEvents, type StackEvent } from '@aws-sdk/client-cloudformation'
import { type Cause, firstCause, isOfResource } from './first-cause.ts'
import { cloudformationOf, type Parts } from './parts.ts'

const maxPages = 200
const maxNested = 6

/** Events of the latest operation, in their order. */
export async function latestOperation(parts: Parts, stackId: string, signal: AbortSignal): Promise<StackEvent[]> {
  const events: StackEvent[] = []
  for await (const event of newestFirst(parts, stackId, signal)) {
    events.push(event)
    if (isBeginning(event)) break
  }
  return events.reverse()
}

/** The last so many, in their order. */
export async function lastEvents(parts: Parts, stackId: string, count: number, signal: AbortSignal) {
  const events: StackEvent[] = []
  if (count === 0) return events
  for await (const event of newestFirst(parts, stackId, signal)) {
    events.push(event)
    if (events.length >= count) break
  }
  return events.reverse()
}

/** Answers, each time it is asked, the events of the latest operation that it has not answered before. */
export function openEventReader(parts: Parts, stackId: string) {
  const seen = new Set<string>()
  return async (signal: AbortSignal): Promise<StackEvent[]> => {
    const fresh: StackEvent[] = []
    for await (const event of newestFirst(parts, stackId, signal)) {
      if (seen.has(event.EventId ?? '')) break
      fresh.push(event)
      if (isBeginning(event)) break
    }
    for (const { EventId: id } of fresh) seen.add(id ?? '')
    return fresh.reverse()
  }
}

/** The cause of a failed operation: into nested stacks, where one of them failed. */
export async function causeOf(
  parts: Parts,
  events: readonly StackEvent[],
  signal: AbortSignal,
): Promise<{ cause: Cause; path: string[] } | null> {
  let cause = firstCause(events)
  const path: string[] = []
  while (cause?.type === 'AWS::CloudFormation::Stack' && isStackId(cause.physicalId) && path.length < maxNested) {
    const within = firstCause(await latestFailure(parts, cause.physicalId, signal))
    if (within === null) break
    path.push(cause.name)
    cause = within
  }
  return cause === null ? null : { cause, path }
}

/** A nested stack is rolled back, or deleted, by its parent: that is another operation. */
async function latestFailure(parts: Parts, stackId: string, signal: AbortSignal): Promise<StackEvent[]> {
  const events: StackEvent[] = []
  for await (const event of newestFirst(parts, stackId, signal)) {
    events.push(event)
    if (isBeginning(event) && events.some(({ ResourceStatus: status }) => status?.endsWith('_FAILED'))) break
  }
  return events.reverse()
}

async function* newestFirst(parts: Parts, stackId: string, signal: AbortSignal): AsyncGenerator<StackEvent> {
  const pages = parts.aws.pages(
    paginateDescribeStackEvents,
    cloudformationOf(parts),
    { StackName: stackId },
    { signal, maxPages },
  )
  for await (const { StackEvents = [] } of pages) yield* StackEvents
}

const beginnings = new Set(['CREATE_IN_PROGRESS', 'UPDATE_IN_PROGRESS', 'DELETE_IN_PROGRESS', 'IMPORT_IN_PROGRESS'])

/** The stack itself begins. */
const isBeginning = (event: StackEvent): boolean => !isOfResource(event) && beginnings.has(event.ResourceStatus ?? '')

const isStackId = (id: string): boolean => /^arn:[^:]*:cloudformation:[^:]*:[^:]*:stack\//.test(id)
