/** One deployment from its start to its end: steps, verdict, reactions, and what history says of it. */
import type { NewEvent } from '../../ledger/index.ts'
import type {
  ActiveDeployment,
  DeploymentId,
  DeploymentPlan,
  Reaction,
  Reason,
  Verdict,
  Waiting,
} from '../../model/index.ts'
import { reason, reasonOfError, TrunklineError } from '../../model/index.ts'
import { placesOf, previewsOf, runningServices } from '../../planning/index.ts'
import type { Engine, EnvironmentResult } from '../engine.ts'
import { isOusted, unwrapFault } from '../fault.ts'
import { notify } from '../notify.ts'
import type { Session } from '../session.ts'
import type { Approved } from './approval.ts'
import type { DeployRequest } from './deploy-request.ts'
import { resultOf } from './deploy-request.ts'
import type { GatheredFacts } from './deployment-facts.ts'
import type { Execution } from './deployment-steps.ts'
import { executeDeployment } from './deployment-steps.ts'
import { hooksAfter } from './hooks.ts'
import { takingPlaceOf } from './queue.ts'
import { react } from './react.ts'
import { settlingReplaced } from './settle-unfinished.ts'

export type PlannedDeployment = {
  plan: DeploymentPlan
  gathered: GatheredFacts
  /** null: nobody had to, or nobody knows. */
  approved: Approved | null
  /** A deployment that was begun before and is gone on with. */
  resumes: ActiveDeployment | null
  /** What waited when the lease was taken. */
  older: Waiting | null
  /** Said where the commit itself built nothing. */
  earlier: Reason | null
}

type Run = PlannedDeployment & {
  engine: Engine
  session: Session
  request: DeployRequest
  id: DeploymentId
  startedMs: number
}

export async function runDeployment(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  planned: PlannedDeployment,
): Promise<EnvironmentResult> {
  const { policy, candidate } = request
  const { world } = engine
  const { plan, gathered, approved, resumes } = planned
  const id = resumes?.id ?? (`d-${policy.name}-${world.random.hex(6)}` as DeploymentId)
  const run: Run = { ...planned, engine, session, request, id, startedMs: world.clock.monotonicMs() }
  world.progress({
    kind: 'deployment-planned',
    environment: policy.name,
    version: candidate.version,
    direction: 'forward',
    steps: plan.steps,
  })
  await begin(run)
  let execution: Execution
  try {
    execution = await executeDeployment({
      engine,
      session,
      policy,
      id,
      candidate,
      plan,
      gathered,
      approved,
      hookDecision: request.hookDecision,
    })
  } catch (error) {
    return await recordFault(run, error)
  }
  if (execution === null) return await succeed(run)
  const { step, verdict, isPartial } = execution
  return verdict.refused
    ? await refuse(run, step.id, verdict, isPartial || resumes !== null)
    : await fail(run, step.id, verdict)
}

async function begin({ engine, session, request, plan, resumes, older, earlier, id }: Run): Promise<void> {
  const { world } = engine
  const { policy, candidate, trigger } = request
  const { deployment } = session.state()
  await session.append(...takingPlaceOf(older, request), ...settlingReplaced(deployment, id, candidate), {
    kind: 'started',
    deployment: id,
    trigger,
    candidate,
    plan: plan.hash,
    services: plan.services.filter((service) => service.action !== 'none').map((service) => service.name),
    places: placesOf(plan),
    ...(Object.keys(previewsOf(plan)).length > 0 ? { previews: previewsOf(plan) } : {}),
    reasons: [
      ...(resumes === null ? [] : [reason('resumed', `${world.holder.label} goes on with what was begun`)]),
      ...(earlier === null ? [] : [earlier]),
    ],
  })
  notify(engine, request, 'started', { plan: plan.hash })
  await world.boundary(`started ${policy.name}`)
}

async function succeed(run: Run): Promise<EnvironmentResult> {
  const { engine, session, request, plan, gathered, earlier, id, startedMs } = run
  const { candidate, trigger, policy } = request
  const { unyanks } = gathered
  await engine.world.boundary(`verified ${policy.name}`)
  const closed = await closeUnlessCancelled(
    session,
    { kind: 'verified', deployment: id, candidate, unyanks },
    {
      kind: 'succeeded',
      deployment: id,
      trigger,
      candidate,
      services: runningServices(gathered.facts, request.inputHashes),
      hooks: hooksAfter(session.state().hooks, plan),
      unyanks,
    },
  )
  if (!closed) return cancelled(engine, request, id)
  const reasons = earlier === null ? [] : [earlier]
  notify(engine, request, 'succeeded', {
    reasons,
    durationMs: engine.world.clock.monotonicMs() - startedMs,
    plan: plan.hash,
  })
  return resultOf(engine, request, 'succeeded', reasons, id)
}

/** False where someone cancelled the deployment at the very last moment: their word stands in the ledger. */
async function closeUnlessCancelled(session: Session, ...events: NewEvent[]): Promise<boolean> {
  try {
    await session.close(...events)
    return true
  } catch (error) {
    if (session.state().deployment?.phase !== 'aborted') throw error
    return false
  }
}

async function fail(run: Run, step: string, verdict: Verdict & { ok: false }): Promise<EnvironmentResult> {
  const { engine, session, request, id, startedMs } = run
  const { policy, candidate, project } = request
  const logTail = verdict.logTail ?? []
  const durationMs = engine.world.clock.monotonicMs() - startedMs
  const reactions = reactionsTo(session, request)
  const { reasons } = verdict
  await session.append({ kind: 'failed', deployment: id, candidate, step, logTail, reactions, reasons })
  await engine.world.boundary(`failed ${policy.name}`)
  const told = await react(engine, session, project, policy, { step, logTail, durationMs })
  return resultOf(engine, request, 'failed', [...reasons, ...told], id)
}

/** Policy's no, heard on the way: the release is as good as before, and nothing of it stays here. */
async function refuse(
  run: Run,
  step: string,
  { reasons, logTail = [] }: Verdict & { ok: false },
  isPartial: boolean,
): Promise<EnvironmentResult> {
  const { engine, session, request, id, startedMs } = run
  const { policy, candidate, project } = request
  const durationMs = engine.world.clock.monotonicMs() - startedMs
  const reactions = isPartial ? policy.onFailure.filter((reaction) => reaction === 'rollback') : []
  await session.append({ kind: 'refused', deployment: id, candidate, step, logTail, reactions, isPartial, reasons })
  await engine.world.boundary(`refused ${policy.name}`)
  const told = await react(engine, session, project, policy, { step, logTail, durationMs })
  return resultOf(engine, request, 'refused', [...reasons, ...told], id)
}

/** What was a release healthy here before is not banned because its variables changed. */
function reactionsTo(session: Session, request: DeployRequest): Reaction[] {
  const wasHealthyHere = session.state().running?.release === request.candidate.release
  return request.policy.onFailure.filter((reaction) => !(reaction === 'yank' && wasHealthyHere))
}

/** A cancelled caller, a lost lease, a world that misbehaves: each ends differently, and only the first is thrown on. */
async function recordFault(run: Run, error: unknown): Promise<EnvironmentResult> {
  const { engine, session, request, gathered, id } = run
  const { fault, step } = unwrapFault(error)
  if (isOusted(fault) || isOusted(session.signal.reason)) {
    const ousted = isOusted(fault) ? fault : session.signal.reason
    return resultOf(engine, request, 'errored', [reasonOfError(ousted)], id)
  }
  const isCancelled = session.signal.aborted || (fault instanceof TrunklineError && fault.kind === 'cancelled')
  if (isCancelled) return await recordCancellation(run)
  if (!(fault instanceof TrunklineError)) throw fault
  const reasons = [reasonOfError(fault, gathered.masker.mask)]
  await session.append({ kind: 'errored', deployment: id, candidate: request.candidate, step, logTail: [], reasons })
  notify(engine, request, 'errored', { reasons, step })
  return resultOf(engine, request, 'errored', reasons, id)
}

async function recordCancellation({ engine, session, request, id }: Run): Promise<EnvironmentResult> {
  await abortInLedger(engine, session, id)
  if (request.signal.aborted) throw request.signal.reason
  return cancelled(engine, request, id)
}

const cancelled = (engine: Engine, request: DeployRequest, id: DeploymentId): EnvironmentResult =>
  resultOf(engine, request, 'failed', [reason('cancelled', 'the deployment was cancelled')], id)

/** Says that a deployment was cancelled, where `trunkline cancel` has not said so already. */
export async function abortInLedger(engine: Engine, session: Session, id: DeploymentId): Promise<void> {
  const { deployment } = session.state()
  if (deployment?.id !== id || deployment.phase === 'aborted') return
  const why = reason('cancelled', `${engine.world.actor.name} cancelled it`)
  await session.append({ kind: 'aborted', deployment: id, reasons: [why] })
}
