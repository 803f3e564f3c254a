/** Takes a service's stacks away: never with data that nothing keeps. */
import { passed, reason, refusedError, type ServiceName, type Verdict } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { deleteChangeSets } from './change-set/change-set.ts'
import { causeOf } from './events.ts'
import { eventLine } from './first-cause.ts'
import { forgetInventory, type Inventory, readInventory, stale } from './inventory.ts'
import { describeStack, type Parts } from './parts.ts'
import { deleteStack, liveResources, stackAtRest } from './stack-at-rest.ts'
import { currentTemplate } from './stack-plan.ts'
import { stateOf } from './stack-state.ts'
import { holdsData, keeps } from './template/stateful-types.ts'

/** Refused where a stack is protected (`STACK_PROTECTED`), or data would be lost (`STACK_HOLDS_DATA`). */
export async function removeStacks(parts: Parts, service: ServiceName, context: TargetContext): Promise<Verdict> {
  const { signal, epoch } = context
  const inventory = await readInventory(parts, service, signal)
  if (inventory === null) return passed
  if (inventory.epoch > epoch) throw stale(service, inventory.epoch, epoch)
  // All of them are looked at before the first is deleted.
  for (const name of inventory.stacks) await assertRemovable(parts, name, inventory, signal)
  for (const name of [...inventory.stacks].reverse()) {
    const verdict = await removeStack(parts, name, context)
    if (!verdict.ok) return verdict
  }
  await forgetInventory(parts, service, signal)
  return passed
}

async function assertRemovable(
  parts: Parts,
  name: string,
  { stateful }: Inventory,
  signal: AbortSignal,
): Promise<void> {
  const stack = await describeStack(parts, name, signal)
  if (stack === null || stateOf(stack) === 'absent') return
  if (stack.EnableTerminationProtection === true) {
    throw refusedError('STACK_PROTECTED', `${name} has termination protection`, {
      hint: `if it shall go: aws cloudformation update-termination-protection --no-enable-termination-protection --stack-name ${name}`,
    })
  }
  const template = await currentTemplate(parts, stack.StackId ?? name, signal)
  const lost = (await liveResources(parts, stack.StackId ?? name, signal)).filter(
    ({ ResourceType: type = '', LogicalResourceId: id = '' }) =>
      holdsData(type, stateful) && !keeps(template?.resources.get(id)?.deletionPolicy ?? null),
  )
  if (lost.length === 0) return
  const names = lost.map(({ ResourceType: type, LogicalResourceId: id }) => `${type} ${id}`).join(', ')
  throw refusedError('STACK_HOLDS_DATA', `${name} holds data that would be lost with it: ${names}`, {
    hint: `give them \`DeletionPolicy: Retain\` or \`Snapshot\` and deploy that first, or delete the stack by hand: aws cloudformation delete-stack --stack-name ${name}`,
  })
}

async function removeStack(parts: Parts, name: string, context: TargetContext): Promise<Verdict> {
  const { signal, log } = context
  const found = await describeStack(parts, name, signal)
  const isRetried = stateOf(found) === 'undeletable'
  const stack = isRetried ? found : await stackAtRest(parts, name, context)
  if (stack === null) return passed
  await deleteChangeSets(parts, name, signal)
  log(`${name} is deleted`)
  const end = await deleteStack(parts, stack.StackId ?? name, context)
  if (stateOf(end.stack) !== 'undeletable') return passed
  const why = await causeOf(parts, end.events, signal)
  const because =
    why === null ? (end.stack?.StackStatusReason ?? '') : `${why.cause.type} ${why.cause.name}: ${why.cause.reason}`
  return {
    ok: false,
    reasons: [
      reason('stack-undeletable', `${name} cannot be deleted: ${because}`, {
        hint: 'see what still uses it; a retry goes on',
      }),
    ],
    logTail: end.events.slice(-40).map(eventLine),
  }
}
