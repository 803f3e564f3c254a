/** What every step of a deployment works with. */
import type { Candidate, DeploymentId, DeploymentPlan, EnvironmentPolicy, ServiceName } from '../../model/index.ts'
import type { DeploymentNote, TargetContext } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import type { Session } from '../session.ts'
import type { Approved } from './approval.ts'
import type { GatheredFacts } from './deployment-facts.ts'
import { type Surroundings, surroundingsIn } from './service-variables.ts'

/** What a person decided about hooks whose outcome nobody knows. */
export type HookDecision = 'ask' | 'assume-done' | 'rerun'

export type DeploymentRun = {
  engine: Engine
  session: Session
  policy: EnvironmentPolicy
  id: DeploymentId
  candidate: Candidate
  plan: DeploymentPlan
  approved: Approved | null
  gathered: GatheredFacts
  hookDecision: HookDecision
}

export type StepContext = { run: DeploymentRun; signal: AbortSignal; log(line: string): void }

/** What a target gets to know and may say during one step. */
export function contextFor({ run, signal, log }: StepContext, step: string, service: ServiceName): TargetContext {
  const { world } = run.engine
  const { mask } = run.gathered.masker
  const { name: environment } = run.policy
  return {
    signal,
    deployment: noteOf(run, step),
    epoch: run.session.epoch,
    artifacts: world.artifacts,
    report: (update) => world.progress({ kind: 'instances', step, environment, service, ...update }),
    log,
    note: (line) => world.progress({ kind: 'note', message: `${environment} ${service}: ${mask(line)}` }),
  }
}

function noteOf({ engine, id, candidate, plan, approved }: DeploymentRun, step: string): DeploymentNote {
  const rollouts = plan.steps.filter((known) => known.kind === 'rollout')
  const own = rollouts.find((known) => known.id === step)
  const needs = JSON.stringify(own?.needs)
  const together = rollouts
    .filter((known) => known.target === own?.target && JSON.stringify(known.needs) === needs)
    .map(({ service, desired }) => ({ service, artifact: desired.artifact }))
  return { id, candidate, actor: engine.world.actor, together, ...(approved === null ? {} : { approved }) }
}

/** Addresses and outputs may be new since the plan was made: those of all services, or of those that are named. */
export async function surroundingsNow(
  run: DeploymentRun,
  signal: AbortSignal,
  named?: readonly ServiceName[],
): Promise<Surroundings> {
  const { addresses, outputs, facts } = run.gathered
  const now = await surroundingsIn(run.engine, run.policy, facts.release, signal, named)
  return { addresses: { ...addresses, ...now.addresses }, outputs: { ...outputs, ...now.outputs } }
}
