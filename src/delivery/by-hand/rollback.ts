/** `trunkline rollback`: by a person's hand, to a release that was healthy there (invariant 10). */
import { readRelease } from '../../ledger/index.ts'
import type {
  DeploymentId,
  EnvironmentName,
  EnvironmentPolicy,
  EnvironmentState,
  Reason,
  ReleaseId,
  Running,
} from '../../model/index.ts'
import { reason, short, usageError } from '../../model/index.ts'
import { irreversibleSince, placesOf, rollbackCandidates, viewOf, yankGate } from '../../planning/index.ts'
import { ends } from '../delivery-result.ts'
import { resultOf } from '../deployment/deploy-request.ts'
import { candidateOf, react } from '../deployment/react.ts'
import { goBack, planWayBack } from '../deployment/rollback-steps.ts'
import { abortInLedger } from '../deployment/run-deployment.ts'
import { settlingUnfinished } from '../deployment/settle-unfinished.ts'
import type { DeliveryResult, Engine, EnvironmentResult } from '../engine.ts'
import { isOusted } from '../fault.ts'
import { notify } from '../notify.ts'
import { requirePolicy, type Scene } from '../scene.ts'
import { openSession, type Session } from '../session.ts'

export type RollbackOptions = {
  environment: EnvironmentName
  /** A release id, a version or a commit, or the beginning of one; null: the one before. */
  to: string | null
  /** Irreversible hooks, and services whose infrastructure loses data, that the person names and accepts. */
  force: readonly string[]
  signal: AbortSignal
}

export async function rollback(engine: Engine, scene: Scene, options: RollbackOptions): Promise<DeliveryResult> {
  const policy = requirePolicy(scene.project, options.environment)
  await engine.ledger.trust.require('builder')
  const opened = await openSession({
    world: engine.world,
    ledger: engine.ledger,
    environment: policy.name,
    leaseTtlMs: scene.project.state.leaseTtlMs,
    signal: options.signal,
  })
  if (opened.kind === 'busy') {
    const why = reason('environment-busy', `${opened.holder} is deploying to ${policy.name}`, {
      hint: `wait for it, or: trunkline cancel ${policy.name}`,
    })
    return answer(resultOf(engine, { policy }, 'refused', [why], null), null)
  }
  const { session } = opened
  try {
    if (session.state().deployment?.phase === 'reacting') await react(engine, session, scene.project, policy)
    return await rollBackUnderLease(engine, session, scene, policy, options)
  } finally {
    await session.close()
  }
}

const answer = (result: EnvironmentResult, running: Running | null): DeliveryResult => ({
  ...ends(null, { commit: running?.commit ?? '' }, null, [], [result]),
  release: running?.release ?? null,
  commit: running?.commit ?? null,
})

async function rollBackUnderLease(
  engine: Engine,
  session: Session,
  scene: Scene,
  policy: EnvironmentPolicy,
  options: RollbackOptions,
): Promise<DeliveryResult> {
  const { ledger, world } = engine
  const state = session.state()
  const to = chooseRelease(state, options.to)
  const resumed =
    state.deployment?.trigger === 'rollback' && state.deployment.candidate.release === to.release
      ? state.deployment.id
      : null
  // A way back that was begun had its word.
  const past = resumed === null ? irreversibleSince(state, to).filter((hook) => !options.force.includes(hook)) : []
  if (past.length > 0) {
    const why = reason('irreversible-hook', `${past.join(', ')} ran since ${to.version} and cannot be undone`, {
      hint: `if ${to.version} can live with that: trunkline rollback ${policy.name} --to ${to.version} ${past.map((hook) => `--force ${hook}`).join(' ')}`,
    })
    return answer(resultOf(engine, { policy }, 'refused', [why], null), to)
  }
  const snapshot = await ledger.refresh(options.signal)
  const release = await readRelease(ledger, snapshot, to.release)
  if (release === null) throw usageError('UNKNOWN_RELEASE', `release ${short(to.release)} is not on record`)
  const yanked = yankGate(release, policy.name, await ledger.yanks(snapshot))
  if (yanked.action === 'refuse') {
    // A way back that a dead controller had begun ends here: it will not be gone any more.
    if (resumed !== null) await session.append({ kind: 'aborted', deployment: resumed, reasons: yanked.reasons })
    return answer(resultOf(engine, { policy }, 'refused', yanked.reasons, null), to)
  }

  const id = resumed ?? (`d-${policy.name}-${world.random.hex(6)}` as DeploymentId)
  const candidate = candidateOf(to, viewOf(release, policy.name))
  const about = { project: scene.project, policy, candidate }
  const leavingId = whatIsLeft(state, to, resumed !== null)
  const leaving = leavingId === null ? null : await readRelease(ledger, snapshot, leavingId)
  const way = {
    project: scene.project,
    policy,
    id,
    candidate,
    release,
    leaving,
    trigger: 'rollback' as const,
    force: options.force,
  }
  const planned = await planWayBack(engine, session, way)
  if (planned.kind === 'stuck') {
    const isRefused = planned.reasons.some(({ code }) => code === 'rollback-loses-data')
    return answer(resultOf(engine, { policy }, isRefused ? 'refused' : 'errored', planned.reasons, null), to)
  }
  const givesWay = (version: string) => reason('rolled-back-from', `${version} gives way to ${to.version}`)
  await session.append(...settlingUnfinished(state.deployment, id, givesWay), {
    kind: 'started',
    deployment: id,
    trigger: 'rollback',
    candidate,
    plan: planned.plan.hash,
    services: planned.plan.services.filter((service) => service.action !== 'none').map((service) => service.name),
    places: placesOf(planned.plan),
    reasons: [reason('rollback', `${world.actor.name} rolls ${policy.name} back to ${to.version}`)],
  })
  notify(engine, about, 'started')
  await world.boundary(`started back ${policy.name}`)
  const outcome = await goBack(engine, session, way, planned).catch(async (error: unknown) => {
    if (session.signal.aborted && !isOusted(session.signal.reason)) await abortInLedger(engine, session, id)
    throw error
  })
  if (outcome.kind === 'back') {
    notify(engine, about, 'rolled-back')
    return answer(resultOf(engine, { policy }, 'succeeded', [], id), to)
  }
  const held: Reason = reason('rollback-failed', `the way back to ${to.version} failed: ${policy.name} is held`)
  const reasons = [...outcome.reasons, held]
  await session.append(
    { kind: 'failed', deployment: id, candidate, step: outcome.step, logTail: outcome.logTail, reactions: [], reasons },
    { kind: 'held', reasons: [held] },
  )
  notify(engine, about, 'failed', { reasons, step: outcome.step, logTail: outcome.logTail })
  return answer(resultOf(engine, { policy }, 'failed', reasons, id), to)
}

/** The release that is left behind: one that is unfinished, else the one that runs; null where that is where it goes. */
function whatIsLeft(state: EnvironmentState, to: Running, isResumed: boolean): ReleaseId | null {
  const unfinished = isResumed
    ? (state.last?.candidate?.release ?? null)
    : (state.deployment?.candidate.release ?? null)
  const runs = state.running?.release ?? null
  const left = isResumed && runs !== to.release ? runs : (unfinished ?? runs)
  return left === to.release ? null : left
}

/** By name among what was healthy here; without a name the one before what runs, or before what was left unfinished. */
function chooseRelease(state: EnvironmentState, to: string | null): Running {
  const resumed = state.deployment?.trigger === 'rollback' ? state.deployment.candidate.release : null
  if (to === null) {
    const leaving = resumed === null ? (state.deployment?.candidate.release ?? state.running?.release ?? null) : null
    const found =
      (resumed === null ? undefined : state.history.find((known) => known.release === resumed)) ??
      rollbackCandidates(state, leaving)[0]
    if (found !== undefined) return found
    throw usageError('NOTHING_TO_ROLL_BACK_TO', `no earlier release was healthy in ${state.environment}`)
  }
  const matches = state.history.filter(
    (known) =>
      known.version === to || (to.length >= 4 && (known.release.startsWith(to) || known.commit.startsWith(to))),
  )
  const distinct = [...new Map(matches.map((known) => [known.release, known])).values()]
  const [only] = distinct
  if (only !== undefined && distinct.length === 1) return only
  const known = state.history.map((running) => running.version).join(', ')
  throw usageError(
    only === undefined ? 'UNKNOWN_RELEASE' : 'AMBIGUOUS_RELEASE',
    only === undefined ? `${to} was never healthy in ${state.environment}` : `${to} names ${distinct.length} releases`,
    { hint: known === '' ? 'nothing was healthy there yet' : `healthy there were: ${known}` },
  )
}
