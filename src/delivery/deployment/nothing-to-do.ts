/** A release that an environment already runs: nothing to roll out, and mostly nothing to write down. */
import { isNamedSame } from '../../ledger/index.ts'
import type { DeploymentPlan, Reason } from '../../model/index.ts'
import { reason, short } from '../../model/index.ts'
import { planDeployment, yankGate } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import type { DeployRequest } from './deploy-request.ts'
import { type GatheredFacts, gatherDeploymentFacts } from './deployment-facts.ts'

/** Nothing but names would change: the release runs here and was verified. What cannot be asked is not unchanged. */
export const changesNothing = (plan: DeploymentPlan, gathered: GatheredFacts): boolean =>
  gathered.problems.length === 0 &&
  plan.steps.every((step) => step.kind === 'tag') &&
  (gathered.facts.isVerified || gathered.facts.state.running?.view === plan.view)

export const alreadyRunning = ({ policy, candidate }: DeployRequest): Reason =>
  reason('already-running', `${policy.name} already runs release ${short(candidate.release)}: nothing to roll out`, {
    digest: candidate.release,
  })

/**
 * The same push delivered once more is the commonest delivery there is: where this very candidate runs, verified and
 * untouched, nobody is at work and nothing waits, there is nothing to hold the lease for. null: the lease decides.
 */
export async function whyNothingToDo(engine: Engine, request: DeployRequest): Promise<Reason | null> {
  const { policy, release, candidate, signal } = request
  if (request.arrival !== 'new' || request.trigger !== 'route') return null
  const snapshot = await engine.ledger.refresh(signal)
  const { state } = await engine.ledger.environment(snapshot, policy.name)
  const isIdle = state.deployment === null && state.waiting === null
  if (!isIdle || state.running === null || !isNamedSame(state.running, candidate)) return null
  const { lease } = await engine.ledger.lease(snapshot, policy.name)
  if (lease !== null && lease.holder !== null) return null
  const yanks = await engine.ledger.yanks(snapshot)
  if (yankGate(release, policy.name, yanks).action === 'refuse') return null
  const gathered = await gatherDeploymentFacts(engine, {
    ...{ policy, state, snapshot, release, candidate, yanks, signal },
    direction: 'forward',
    leaving: null,
  })
  const plan = planDeployment(gathered.facts)
  // It was named in the store before it was said to have succeeded.
  const isNothing = changesNothing(plan, gathered) && gathered.facts.isVerified
  return isNothing ? alreadyRunning(request) : null
}
