/** One operation of CloudFormation on a stack, watched to its end. */
import { CancelUpdateStackCommand, type Stack, type StackEvent } from '@aws-sdk/client-cloudformation'
import { erroredError, type Reason, reason, TrunklineError, type Verdict } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { causeOf, openEventReader } from './events.ts'
import { type Cause, eventLine, isOfResource } from './first-cause.ts'
import { cloudformationOf, describeStack, isMissing, type Parts } from './parts.ts'
import { isWell } from './stack-state.ts'

export type Operation = {
  stackId: string
  /** Resources that it changes, as far as that is known: for progress. */
  count: number
  /** Whether what is at rest is at rest after it: AWS may take a moment to show that it has begun. */
  hasBegun?(stack: Stack, events: readonly StackEvent[]): boolean
  context: Pick<TargetContext, 'signal' | 'log' | 'report'>
}

export type OperationEnd = { stack: Stack | null; events: StackEvent[] }

const cancelTimeoutMs = 30_000
const beginningMs = 60_000
const logTailLines = 40

/**
 * Waits until the stack is at rest, and answers all that was said. Where it takes too long an update is cancelled, and
 * CloudFormation's own way back is waited for; a creation goes on (errored `STACK_TIMED_OUT`). Who cancels, cancels an
 * update; who has lost the lease leaves it to whoever has it now.
 */
export async function watchOperation(parts: Parts, operation: Operation): Promise<OperationEnd> {
  const { clock, config, aws } = parts
  const { stackId, context } = operation
  const read = openEventReader(parts, stackId)
  const events: StackEvent[] = []
  const done = new Set<string>()
  const beganMs = clock.monotonicMs()
  let deadlineMs = clock.monotonicMs() + config.timeoutMs
  let isCancelled = false
  const look = async (): Promise<OperationEnd | null> => {
    // The status first: what is said after it belongs to what comes next.
    const stack = await describeStack(parts, stackId, context.signal)
    for (const event of await read(context.signal)) {
      events.push(event)
      context.log(eventLine(event))
      if (isOfResource(event) && /(?:COMPLETE|SKIPPED)$/.test(event.ResourceStatus ?? ''))
        done.add(event.LogicalResourceId ?? '')
    }
    const desired = Math.max(operation.count, done.size)
    context.report({ ready: done.size, desired, old: 0 })
    if (stack === null) return { stack, events }
    if (!stack.StackStatus?.endsWith('_IN_PROGRESS')) {
      if (operation.hasBegun?.(stack, events) !== false) return { stack, events }
      if (clock.monotonicMs() < beganMs + beginningMs) return null
      throw erroredError('STACK_NOT_BEGUN', `CloudFormation has begun nothing on ${stack.StackName}`)
    }
    if (clock.monotonicMs() < deadlineMs) return null
    if (isCancelled || stack.StackStatus !== 'UPDATE_IN_PROGRESS') throw tookTooLong(stack, config.timeoutMs)
    context.log(`${stack.StackName} takes longer than it may: the update is cancelled`)
    await cancelUpdate(parts, stackId, context.signal)
    isCancelled = true
    deadlineMs = clock.monotonicMs() + config.timeoutMs
    return null
  }
  try {
    const forEver = 3 * config.timeoutMs
    const what = `the stack ${nameIn(stackId)} to be at rest`
    const { signal, log } = context
    return await aws.waitFor({ what, look, timeoutMs: forEver, intervalMs: parts.lookEveryMs, signal, log })
  } catch (error) {
    if (context.signal.aborted && !isOusted(context.signal.reason)) await cancelAsAsked(parts, stackId, context)
    throw error
  }
}

/** Of a name too, or of an ARN: `arn:aws:cloudformation:eu-west-1:111122223333:stack/shop-stage/0a1b`. */
const nameIn = (stackId: string): string => /:stack\/([^/]+)/.exec(stackId)?.[1] ?? stackId

/** What a finished operation came to. */
export async function verdictOf(
  parts: Parts,
  name: string,
  { stack, events }: OperationEnd,
  signal: AbortSignal,
): Promise<Verdict> {
  if (stack !== null && isWell(stack)) return { ok: true }
  const found = await causeOf(parts, events, signal)
  const status = stack?.StackStatus ?? 'gone'
  const reasons: Reason[] = []
  if (found !== null && isCancelled(found.cause)) {
    reasons.push(reason(cancelledCode, `the update of ${name} was cancelled: it is ${status}`))
  } else if (found === null) {
    reasons.push(reason('stack-failed', `${name} is ${status}: ${stack?.StackStatusReason ?? 'no reason is given'}`))
  } else {
    const { cause, path } = found
    const where = [...path, cause.name].join('/')
    reasons.push(reason('resource-failed', `${cause.type} ${where} of ${name}: ${cause.reason}`))
    reasons.push(reason('stack-rolled-back', wordsFor(name, status)))
  }
  return { ok: false, reasons, logTail: events.slice(-logTailLines).map(eventLine) }
}

export const cancelledCode = 'stack-cancelled'

/** The stack itself goes back, since somebody said so. */
const isCancelled = ({ type, status, reason: why }: Cause): boolean =>
  type === 'AWS::CloudFormation::Stack' && status === 'UPDATE_ROLLBACK_IN_PROGRESS' && /^User Initiated/i.test(why)

function wordsFor(name: string, status: string): string {
  switch (status) {
    case 'UPDATE_ROLLBACK_COMPLETE':
      return `${name} is as it was before (${status})`
    case 'ROLLBACK_COMPLETE':
      return `${name} was never created, and nothing of it is left (${status})`
    default:
      return `${name} is ${status}`
  }
}

/** Whether AWS took it: only an update can be cancelled, and not in its end. */
async function cancelUpdate(parts: Parts, stackId: string, signal: AbortSignal): Promise<boolean> {
  try {
    const cancel = new CancelUpdateStackCommand({ StackName: stackId })
    await parts.aws.send(cloudformationOf(parts), cancel, { signal, writes: true })
    return true
  } catch (error) {
    if (parts.aws.isError(error, 'ValidationError') || isMissing(parts, error)) return false
    throw error
  }
}

async function cancelAsAsked(parts: Parts, stackId: string, { log }: Operation['context']): Promise<void> {
  const signal = AbortSignal.timeout(cancelTimeoutMs)
  try {
    const stack = await describeStack(parts, stackId, signal)
    if (stack?.StackStatus === 'UPDATE_IN_PROGRESS' && (await cancelUpdate(parts, stackId, signal))) {
      log(`${stack.StackName}: the update is cancelled, and CloudFormation goes back`)
    } else if (stack?.StackStatus?.endsWith('_IN_PROGRESS')) {
      log(`${stack.StackName} is ${stack.StackStatus}, which cannot be cancelled: it goes on to its end`)
    }
  } catch (error) {
    log(`the update of ${stackId} could not be cancelled: ${error instanceof Error ? error.message : String(error)}`)
  }
}

const isOusted = (why: unknown): boolean =>
  why instanceof TrunklineError && (why.code === 'LEASE_LOST' || why.code === 'STALE_CONTROLLER')

const tookTooLong = ({ StackName: name, StackStatus: status }: Stack, timeoutMs: number) =>
  erroredError('STACK_TIMED_OUT', `${name} is still ${status} after ${Math.round(timeoutMs / 60_000)} minutes`, {
    hint: 'it goes on by itself; a retry goes on watching it. `timeout` of the target says how long it may take',
  })
