/** One service's stacks to what its release wants: exactly what was planned, and nothing else. */
import {
  ExecuteChangeSetCommand,
  SetStackPolicyCommand,
  type Stack,
  type StackEvent,
  UpdateTerminationProtectionCommand,
} from '@aws-sdk/client-cloudformation'
import { passed, type ServiceName, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { judged } from '../judged.ts'
import { isFor } from './change-set/change-set.ts'
import { isOfResource } from './first-cause.ts'
import { type Inventory, readInventory, stale, writeInventory } from './inventory.ts'
import { cancelledCode, verdictOf, watchOperation } from './operation.ts'
import { cloudformationOf, describeStack, type Parts } from './parts.ts'
import { assertApproved } from './preview.ts'
import { deleteStack, liveResources, stackAtRest } from './stack-at-rest.ts'
import { planStack, type StackPlan } from './stack-plan.ts'
import { markOf, stateOf } from './stack-state.ts'
import { type WantedStack, wantedStacks } from './wanted-stacks.ts'

export async function ensureStacks(parts: Parts, request: RolloutRequest, context: TargetContext): Promise<Verdict> {
  return await judged(async () => {
    const { service } = request
    const { signal, epoch } = context
    const before = await readInventory(parts, service, signal)
    if (before !== null && before.epoch > epoch) throw stale(service, before.epoch, epoch)
    const wanted = await wantedStacks(parts, request, context.artifacts, signal)
    const dead = await finishOwn(parts, wanted, context)
    if (!dead.ok) return dead
    const plans = await planAll(parts, wanted, context)
    for (const plan of plans) assertApproved(service, request.preview, plan)
    const known = inventoryOf(wanted, before, epoch)
    // Before anything is begun: a controller that dies here leaves stacks that are found again.
    if (JSON.stringify(known) !== JSON.stringify(before)) await writeInventory(parts, service, known, signal)
    for (const plan of plans) {
      const verdict = await carryOut(parts, request, plan, context)
      if (!verdict.ok) return verdict
    }
    await settle(parts, service, request, wanted, known, signal)
    context.report({ ready: wanted.length, desired: wanted.length, old: 0 })
    return passed
  })
}

/** Of stacks that are at rest. */
async function planAll(parts: Parts, wanted: readonly WantedStack[], context: TargetContext): Promise<StackPlan[]> {
  const plans: StackPlan[] = []
  for (const one of wanted) {
    const stack = await stackAtRest(parts, one.name, context)
    const isAfterOthers = plans.some(({ kind }) => kind !== 'unchanged')
    plans.push(await planStack(parts, one, stack, isAfterOthers, context.signal))
  }
  return plans
}

/** What a controller that died has begun is watched to its end, and its end is the verdict. */
async function finishOwn(parts: Parts, wanted: readonly WantedStack[], context: TargetContext): Promise<Verdict> {
  for (const one of wanted) {
    const stack = await describeStack(parts, one.name, context.signal)
    if (stack === null || stateOf(stack) !== 'busy' || !isFor(one, stack)) continue
    context.log(`${one.name} is ${stack.StackStatus} with what is wanted: goes on watching`)
    const verdict = await watchToVerdict(parts, one, stack.StackId ?? one.name, 0, context)
    // Cancelled is not failed: it is begun anew.
    if (!verdict.ok && !verdict.reasons.some(({ code }) => code === cancelledCode)) return verdict
  }
  return passed
}

async function carryOut(
  parts: Parts,
  request: RolloutRequest,
  planned: StackPlan,
  context: TargetContext,
): Promise<Verdict> {
  const { wanted } = planned
  const plan = planned.kind === 'later' ? await planNow(parts, request, wanted, context) : planned
  if (plan.kind !== 'changes') {
    if (plan.kind === 'unchanged') context.log(`${wanted.name}: nothing to change`)
    await protect(parts, wanted, context.signal)
    return passed
  }
  const { changeSet, stack } = plan
  if (stateOf(stack) === 'ready') await protect(parts, wanted, context.signal)
  context.log(`${wanted.name}: ${plan.changes.length} changes, by ${changeSet.name}`)
  await execute(parts, wanted, changeSet, context.signal)
  const hasBegun = (now: Stack, events: readonly StackEvent[]) =>
    now.ChangeSetId === changeSet.id ||
    events.some((event) => !isOfResource(event) && event.ClientRequestToken === changeSet.name)
  const verdict = await watchToVerdict(parts, wanted, changeSet.stackId, plan.changes.length, context, hasBegun)
  if (verdict.ok) await protect(parts, wanted, context.signal)
  return verdict
}

/** What could not be shown before is looked at now that it can be. */
async function planNow(
  parts: Parts,
  { service, preview }: RolloutRequest,
  wanted: WantedStack,
  context: TargetContext,
) {
  const stack = await stackAtRest(parts, wanted.name, context)
  const plan = await planStack(parts, wanted, stack, false, context.signal)
  assertApproved(service, preview, plan)
  return plan
}

async function execute(
  parts: Parts,
  { name }: WantedStack,
  changeSet: { id: string; name: string },
  signal: AbortSignal,
) {
  const { aws } = parts
  try {
    const command = new ExecuteChangeSetCommand({ ChangeSetName: changeSet.id, ClientRequestToken: changeSet.name })
    await aws.send(cloudformationOf(parts), command, { signal, writes: true })
  } catch (error) {
    // The answer to an earlier try was lost: it is being executed.
    const stack = await describeStack(parts, name, signal)
    if (stack?.ChangeSetId !== changeSet.id) throw error
  }
}

async function watchToVerdict(
  parts: Parts,
  { name }: WantedStack,
  stackId: string,
  count: number,
  context: TargetContext,
  hasBegun?: (stack: Stack, events: readonly StackEvent[]) => boolean,
): Promise<Verdict> {
  const end = await watchOperation(parts, { stackId, count, context, ...(hasBegun === undefined ? {} : { hasBegun }) })
  const verdict = await verdictOf(parts, name, end, context.signal)
  if (!verdict.ok && end.stack?.StackStatus === 'ROLLBACK_COMPLETE') await clearStillborn(parts, stackId, name, context)
  return verdict
}

/** What a first creation leaves behind can only be deleted: done at once where it holds nothing. */
async function clearStillborn(parts: Parts, stackId: string, name: string, context: TargetContext): Promise<void> {
  const left = await liveResources(parts, stackId, context.signal)
  if (left.length > 0) return
  await deleteStack(parts, stackId, context)
  context.log(`${name} holds nothing, and is deleted: the next attempt creates it anew`)
}

/** A stack policy, and termination protection: set only where they are not. */
async function protect(parts: Parts, wanted: WantedStack, signal: AbortSignal): Promise<void> {
  const { aws } = parts
  const { name: StackName, policy, terminationProtection: isWanted } = wanted
  if (policy !== null) {
    const set = new SetStackPolicyCommand({ StackName, StackPolicyBody: policy })
    await aws.send(cloudformationOf(parts), set, { signal, writes: true })
  }
  const stack = await describeStack(parts, StackName, signal)
  if (!isWanted || stack === null || stack.EnableTerminationProtection === true) return
  const update = new UpdateTerminationProtectionCommand({ StackName, EnableTerminationProtection: true })
  await aws.send(cloudformationOf(parts), update, { signal, writes: true })
}

function inventoryOf(wanted: readonly WantedStack[], before: Inventory | null, epoch: number): Inventory {
  const names = wanted.map(({ name }) => name)
  const others = before?.stacks.filter((name) => !names.includes(name)) ?? []
  return {
    version: 1,
    // Stacks that it had and has no more stay known, so that they can be removed.
    stacks: [...others, ...names],
    stateful: [...new Set(wanted.flatMap(({ stateful }) => stateful))],
    settled: before?.settled ?? null,
    epoch,
  }
}

async function settle(
  parts: Parts,
  service: ServiceName,
  { desired }: RolloutRequest,
  wanted: readonly WantedStack[],
  known: Inventory,
  signal: AbortSignal,
): Promise<void> {
  const marks: Record<string, string> = {}
  for (const { name } of wanted) {
    const stack = await describeStack(parts, name, signal)
    if (stack !== null) marks[name] = markOf(stack)
  }
  const { generation, artifact, fingerprint } = desired
  await writeInventory(parts, service, { ...known, settled: { generation, artifact, fingerprint, marks } }, signal)
}
