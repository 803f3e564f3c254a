/** What there is of services' stacks, by what was settled and what CloudFormation says now. */
import type { Stack } from '@aws-sdk/client-cloudformation'
import type { ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { type Inventory, isAsSettled, readInventories } from './inventory.ts'
import { describeStack, type Parts } from './parts.ts'
import { stateOf } from './stack-state.ts'

export async function observeStacks(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const inventories = await readInventories(parts, services, signal)
  const observed = services.map(async (service): Promise<[ServiceName, ObservedService]> => {
    const inventory = inventories.get(service) ?? null
    const names = inventory?.stacks ?? []
    const stacks = await Promise.all(names.map((name) => describeStack(parts, name, signal)))
    return [service, observedService(inventory, stacks)]
  })
  return Object.fromEntries(await Promise.all(observed))
}

function observedService(inventory: Inventory | null, found: ReadonlyArray<Stack | null>): ObservedService {
  const stacks = found
    .filter((stack) => stack !== null && stateOf(stack) !== 'absent')
    .filter((stack) => stack !== null)
  if (inventory === null || stacks.length === 0) return nothingObserved
  const settled = inventory.settled
  const names = Object.keys(settled?.marks ?? {})
  const byName = new Map(stacks.map((stack) => [stack.StackName ?? '', stack]))
  const moved = names.filter((name) => !isAsSettled(inventory, name, byName.get(name) ?? null))
  const isWhole = settled !== null && moved.length === 0
  const details = stacks
    .filter((stack) => stateOf(stack) !== 'ready')
    .map(
      ({ StackName, StackStatus, StackStatusReason: why }) => `${StackName} is ${StackStatus}${why ? `: ${why}` : ''}`,
    )
  const others = moved
    .filter((name) => stateOf(byName.get(name) ?? null) === 'ready')
    .map((name) => `${name} was changed since by somebody else`)
  const said = [...details, ...others]
  return {
    generation: isWhole ? settled.generation : null,
    artifact: isWhole ? settled.artifact : null,
    fingerprint: isWhole ? settled.fingerprint : null,
    instances: { ready: stacks.filter((stack) => stateOf(stack) === 'ready').length, desired: stacks.length },
    url: null,
    outputs: outputsOf(stacks),
    ...(said.length > 0 ? { detail: said.join('; ') } : {}),
  }
}

/** Those of a later stack go over those of the ones that it depends on. */
function outputsOf(stacks: readonly Stack[]): Record<string, string> {
  const pairs = stacks.flatMap(({ Outputs = [] }) =>
    Outputs.flatMap(
      ({ OutputKey: key, OutputValue: value }): Array<[string, string]> =>
        key === undefined || value === undefined ? [] : [[key, value]],
    ),
  )
  return Object.fromEntries(pairs)
}
