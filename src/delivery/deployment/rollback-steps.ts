/** The way back itself, for a failed deployment and for `rollback` alike. Runs no before/after hooks, never recurses (invariant 10). */
import type {
  Candidate,
  DeploymentId,
  DeploymentPlan,
  EnvironmentPolicy,
  Project,
  Reason,
  Release,
  Trigger,
} from '../../model/index.ts'
import { reason, reasonOfError, TrunklineError } from '../../model/index.ts'
import { hooksRunSince, type Loss, lossesOf, planDeployment, runningServices } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import { isOusted, unwrapFault } from '../fault.ts'
import type { Session } from '../session.ts'
import { type GatheredFacts, gatherDeploymentFacts } from './deployment-facts.ts'
import { executeDeployment } from './deployment-steps.ts'
import { hooksAfter } from './hooks.ts'

export type WayBack = {
  project: Project
  policy: EnvironmentPolicy
  id: DeploymentId
  candidate: Candidate
  release: Release
  leaving: Release | null
  trigger: Trigger
  /** Services whose losses a person accepts by name. */
  force?: readonly string[]
}

export type Stuck = { kind: 'stuck'; step: string | null; reasons: Reason[]; logTail: string[] }
export type PlannedWayBack = { kind: 'planned'; plan: DeploymentPlan; gathered: GatheredFacts }

/** Looks and plans; changes nothing. */
export async function planWayBack(engine: Engine, session: Session, way: WayBack): Promise<PlannedWayBack | Stuck> {
  const snapshot = await engine.ledger.refresh(session.signal)
  const gathered = await gatherDeploymentFacts(engine, {
    policy: way.policy,
    state: session.state(),
    snapshot,
    release: way.release,
    candidate: way.candidate,
    yanks: await engine.ledger.yanks(snapshot),
    direction: 'back',
    leaving:
      way.leaving === null
        ? null
        : {
            release: way.leaving,
            hooksRun: hooksRunSince(session.state(), way.leaving, way.release),
          },
    signal: session.signal,
  })
  if (gathered.problems.length > 0) return { kind: 'stuck', step: null, reasons: gathered.problems, logTail: [] }
  // It was verified here once, but not after what has happened since.
  const plan = planDeployment({ ...gathered.facts, isVerified: false, tags: [] })
  const lost = lossesOf(plan).filter(({ service }) => way.force?.includes(service) !== true)
  if (lost.length > 0)
    return { kind: 'stuck', step: null, reasons: lost.map((loss) => lossOnTheWayBack(loss, way)), logTail: [] }
  return { kind: 'planned', plan, gathered }
}

const lossOnTheWayBack = ({ service, change }: Loss, { policy, candidate }: WayBack): Reason =>
  reason(
    'rollback-loses-data',
    `the way back would ${change.action} ${change.subject} of ${service}, which holds data`,
    {
      hint: `if that is right: trunkline rollback ${policy.name} --to ${candidate.version} --force ${service}`,
    },
  )

/** Carries the way back out and records it. A way that does not work is an answer: nothing recurses. */
export async function goBack(
  engine: Engine,
  session: Session,
  way: WayBack,
  { plan, gathered }: PlannedWayBack,
): Promise<{ kind: 'back' } | Stuck> {
  const { policy, candidate, id } = way
  engine.world.progress({
    kind: 'deployment-planned',
    environment: policy.name,
    version: candidate.version,
    direction: 'back',
    steps: plan.steps,
  })
  try {
    const run = { engine, session, policy, id, candidate, plan, gathered, approved: null, hookDecision: 'ask' as const }
    const failure = await executeDeployment(run)
    if (failure !== null) {
      const { step, verdict } = failure
      return { kind: 'stuck', step: step.id, reasons: verdict.reasons, logTail: verdict.logTail ?? [] }
    }
  } catch (error) {
    const { fault, step } = unwrapFault(error)
    const isWorld = fault instanceof TrunklineError && fault.kind === 'errored' && !isOusted(fault)
    if (!isWorld || session.signal.aborted) throw fault
    return { kind: 'stuck', step, reasons: [reasonOfError(fault, gathered.masker.mask)], logTail: [] }
  }
  await engine.world.boundary(`back ${policy.name}`)
  await session.append({
    kind: 'rolled-back',
    deployment: id,
    trigger: way.trigger,
    from: way.leaving?.id ?? null,
    candidate,
    services: runningServices(gathered.facts, inputHashesOf(session, way)),
    hooks: hooksAfter(session.state().hooks, plan),
  })
  return { kind: 'back' }
}

/** The inputs its artifacts came from, as history remembers them. */
function inputHashesOf(session: Session, way: WayBack) {
  const known = session.state().history.find((running) => running.release === way.candidate.release)
  return Object.fromEntries(Object.entries(known?.services ?? {}).map(([name, service]) => [name, service.inputHash]))
}
