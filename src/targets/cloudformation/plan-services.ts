/** What would become of services' stacks, before anybody approves it. */
import { erroredError, type Preview, type ServiceName, TrunklineError } from '../../model/index.ts'
import type { PlanContext, RolloutRequest, TargetPreview } from '../../ports/index.ts'
import { isFor } from './change-set/change-set.ts'
import { type Inventory, isAsSettled, readInventories } from './inventory.ts'
import { describeStack, type Parts } from './parts.ts'
import { previewOf } from './preview.ts'
import { stackAtRest } from './stack-at-rest.ts'
import { planStack, type StackPlan } from './stack-plan.ts'
import { stateOf } from './stack-state.ts'
import { type WantedStack, wantedStacks } from './wanted-stacks.ts'

/** What somebody else does to a stack is waited for, but not for long: a person may be looking. */
const patienceMs = 60_000

/** Makes change sets where they are missing; services that are as they should be are left alone. */
export async function planServices(
  parts: Parts,
  requests: readonly RolloutRequest[],
  context: PlanContext,
): Promise<TargetPreview> {
  const known = await readInventories(
    parts,
    requests.map(({ service }) => service),
    context.signal,
  )
  const previews: Record<ServiceName, Preview> = {}
  for (const request of requests) {
    const inventory = known.get(request.service) ?? null
    if (await isSettled(parts, request, inventory, context.signal)) continue
    const preview = await previewFor(parts, request, context)
    if (preview !== null) previews[request.service] = preview
  }
  return { previews }
}

async function isSettled(
  parts: Parts,
  { desired }: RolloutRequest,
  inventory: Inventory | null,
  signal: AbortSignal,
): Promise<boolean> {
  const settled = inventory?.settled
  if (settled?.generation !== desired.generation || settled.fingerprint !== desired.fingerprint) return false
  for (const name of Object.keys(settled.marks)) {
    if (!isAsSettled(inventory, name, await describeStack(parts, name, signal))) return false
  }
  return true
}

/** null: nothing would change, or what is wrong is told as the verdict on it when it is deployed. */
async function previewFor(
  parts: Parts,
  request: RolloutRequest,
  { signal, artifacts }: PlanContext,
): Promise<Preview | null> {
  try {
    const plans: StackPlan[] = []
    for (const wanted of await wantedStacks(parts, request, artifacts, signal)) {
      const stack = await stackToPlan(parts, wanted, signal)
      const isAfterOthers = plans.some(({ kind }) => kind !== 'unchanged')
      plans.push(await planStack(parts, wanted, stack, isAfterOthers, signal))
    }
    return previewOf(plans)
  } catch (error) {
    if (error instanceof TrunklineError && (error.kind === 'failed' || error.kind === 'usage')) return null
    throw error
  }
}

/** A stack that is busy with what is wanted shows what it is busy with. */
async function stackToPlan(parts: Parts, wanted: WantedStack, signal: AbortSignal) {
  const stack = await describeStack(parts, wanted.name, signal)
  if (stateOf(stack) === 'busy' && stack !== null && isFor(wanted, stack)) return stack
  const patience = AbortSignal.timeout(patienceMs)
  try {
    const both = AbortSignal.any([signal, patience])
    return await stackAtRest(parts, wanted.name, { signal: both, log: () => {}, report: () => {} })
  } catch (error) {
    if (signal.aborted) throw error
    if (!patience.aborted) throw asProblem(error)
    throw erroredError('STACK_BUSY', `${wanted.name} is ${stack?.StackStatus}: somebody else changes it`, {
      hint: 'wait until that has ended, then try again',
      cause: error,
    })
  }
}

/** What a person must look at first is a problem of this environment: others go on, and nobody is asked to approve. */
function asProblem(error: unknown): unknown {
  if (!(error instanceof TrunklineError) || error.kind !== 'refused' || !error.code.startsWith('STACK_')) return error
  const { code, message, hint } = error
  return erroredError(code, message, { cause: error, ...(hint === undefined ? {} : { hint }) })
}
