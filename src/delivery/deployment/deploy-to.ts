/**
 * One release to one environment, under its lease: finish what a dead controller left, look, decide, act, record.
 * Verdicts are answers, and so are faults of the world; only a cancelled caller, a mistake in the configuration or a
 * bug throws.
 */

import type { NewEvent } from '../../ledger/index.ts'
import { isNamedSame, isSameAttempt } from '../../ledger/index.ts'
import type { ActiveDeployment, DeploymentPlan, Reason, Waiting } from '../../model/index.ts'
import { reason, reasonOfError, TrunklineError } from '../../model/index.ts'
import { holdGate, planDeployment, previewsOf, runningServices, yankGate } from '../../planning/index.ts'
import type { Engine, EnvironmentResult } from '../engine.ts'
import { notify } from '../notify.ts'
import { openSession, type Session } from '../session.ts'
import { approvedWhenBegun, askApproval } from './approval.ts'
import { builtEarlier } from './built-earlier.ts'
import type { DeployRequest } from './deploy-request.ts'
import { resultOf } from './deploy-request.ts'
import type { GatheredFacts } from './deployment-facts.ts'
import { gatherDeploymentFacts } from './deployment-facts.ts'
import { earlyGates } from './early-gates.ts'
import { alreadyRunning, changesNothing, whyNothingToDo } from './nothing-to-do.ts'
import {
  cameSince,
  enqueue,
  giveWay,
  hasMovedOn,
  isBusyWait,
  nextInQueue,
  refuse,
  supersede,
  takingPlaceOf,
  wait,
  waitingFor,
} from './queue.ts'
import { react } from './react.ts'
import { runDeployment } from './run-deployment.ts'
import { settlingReplaced } from './settle-unfinished.ts'
import { tagArtifacts } from './tag-artifacts.ts'

/** A release that arrived while another was under way is taken next, by whoever finishes; so often at most. */
const maxTurns = 10

export async function deployTo(engine: Engine, first: DeployRequest): Promise<EnvironmentResult> {
  let request = first
  let result: EnvironmentResult | null = null
  for (let turn = 0; turn < maxTurns; turn++) {
    const ended = await deployOnce(engine, request).catch((error: unknown) => faulted(engine, request, error))
    result ??= ended.result
    const next = await nextInQueue(engine, request, ended.queued)
    if (next === null) break
    request = next
  }
  if (result === null) throw new Error('a deployment ended without a result')
  return result
}

type Ended = { result: EnvironmentResult; queued: Waiting | null }

/** What goes wrong in one environment is that environment's answer. */
function faulted(engine: Engine, request: DeployRequest, error: unknown): Ended {
  const isAnswer = error instanceof TrunklineError && error.kind === 'errored' && !request.signal.aborted
  if (!isAnswer) throw error
  return { result: resultOf(engine, request, 'errored', [reasonOfError(error)], null), queued: null }
}

async function deployOnce(engine: Engine, request: DeployRequest): Promise<Ended> {
  const { policy } = request
  const same = await whyNothingToDo(engine, request)
  if (same !== null) return { result: resultOf(engine, request, 'nothing', [same], null), queued: null }
  let isQueued = request.arrival === 'queued' || request.arrival === 'follow-up'
  const opened = await openSession({
    world: engine.world,
    ledger: engine.ledger,
    environment: policy.name,
    leaseTtlMs: request.project.state.leaseTtlMs,
    signal: request.signal,
    onBusy: async (holder) => {
      if (await enqueue(engine, request, holder)) isQueued = true
    },
  })
  if (opened.kind === 'busy') {
    const why = reason('environment-busy', `${opened.holder} is deploying to ${policy.name}; this release is next`)
    return { result: resultOf(engine, request, 'waiting', [why], null), queued: null }
  }
  const { session } = opened
  try {
    const { waiting } = session.state()
    const isStillQueued = waiting !== null && isNamedSame(waiting.candidate, request.candidate)
    const result =
      isQueued && !isStillQueued
        ? giveWay(engine, request, waiting)
        : await deployUnderLease(engine, session, request, waiting)
    await session.close()
    return { result: withVoided(engine, result, opened.voided), queued: queuedIn(session) }
  } catch (error) {
    await session.close().catch(() => {})
    throw error
  }
}

/** What somebody pushed and counts for nothing is told with the result, whatever that is. */
function withVoided(engine: Engine, result: EnvironmentResult, voided: readonly Reason[]): EnvironmentResult {
  const told = new Set(result.reasons.map((known) => known.message))
  const news = voided.filter((known) => !told.has(known.message))
  for (const { message } of news) engine.world.progress({ kind: 'note', message })
  return news.length === 0 ? result : { ...result, reasons: [...result.reasons, ...news] }
}

function queuedIn(session: Session): Waiting | null {
  const { waiting } = session.state()
  return waiting !== null && isBusyWait(waiting) ? waiting : null
}

async function deployUnderLease(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  older: Waiting | null,
): Promise<EnvironmentResult> {
  const { candidate, trigger, policy } = request
  const unfinished = session.state().deployment
  if (unfinished?.phase === 'reacting') {
    const ended = session.state().last?.kind === 'refused' ? 'refused' : 'failed'
    const told = await react(engine, session, request.project, policy)
    // A verdict stands: only a person's word tries the same again.
    if (isSameAttempt(unfinished.candidate, candidate) && trigger !== 'retry') {
      return resultOf(engine, request, ended, [...(unfinished.failure?.reasons ?? []), ...told], unfinished.id)
    }
  }
  const resumes = whatItResumes(unfinished, request)
  // What a dead controller had begun was not superseded when it began, and half of it is no end state.
  if (trigger === 'route' && candidate.ref !== null && resumes?.phase !== 'running') {
    const tip = await engine.world.source.remoteTip(candidate.ref, request.signal)
    if (tip !== candidate.commit) return await supersede(engine, session, request, tip)
  }

  const snapshot = await engine.ledger.refresh(request.signal)
  const yanks = await engine.ledger.yanks(snapshot)
  const yanked = yankGate(request.release, policy.name, yanks)
  if (yanked.action === 'refuse') {
    if (resumes !== null) await session.append({ kind: 'aborted', deployment: resumes.id, reasons: yanked.reasons })
    return await refuse(engine, session, request, yanked.reasons)
  }
  const gathered = await gatherDeploymentFacts(engine, {
    policy,
    state: session.state(),
    snapshot,
    release: request.release,
    candidate,
    yanks,
    direction: 'forward',
    leaving: null,
    signal: session.signal,
  })
  const plan = planDeployment(gathered.facts)
  if (resumes === null && changesNothing(plan, gathered))
    return await recordNoChange(engine, session, request, plan, gathered, older)

  // What had passed the gates and was cut short goes on; only a hold stops what erred.
  const early =
    resumes === null
      ? await earlyGates(engine, {
          policy,
          state: session.state(),
          release: request.release,
          trigger,
          yanks,
          snapshot,
          isBuilt: true,
          signal: session.signal,
        })
      : resumes.phase === 'errored'
        ? holdGate(session.state(), request.release, trigger)
        : null
  if (early?.action === 'refuse') return await refuse(engine, session, request, early.reasons)
  if (early?.action === 'wait') return await wait(engine, session, request, null, early, older)
  if (gathered.problems.length > 0)
    return await cannotAct(engine, session, request, gathered.problems, { resumes, older })
  const isAsked = resumes === null || wouldDoOther(plan, resumes)
  const asked = isAsked ? await askApproval(engine, session, request, plan) : null
  if (asked?.gate.action === 'wait') return await wait(engine, session, request, plan, asked.gate, older)
  const approved = asked?.approved ?? (resumes && (await approvedWhenBegun(engine, session, request, resumes)))
  // What came into the queue while a deployment was under way is newer than that, whoever goes on with it.
  const replaced = resumes === null ? older : null
  const earlier = await builtEarlier(engine, request, snapshot)
  return await runDeployment(engine, session, request, {
    plan,
    gathered,
    approved,
    resumes,
    older: replaced,
    earlier,
  })
}

/** What a platform would do now is not what the deployment was begun to do: who agreed to that has not agreed to this. */
const wouldDoOther = (plan: DeploymentPlan, { previews = {} }: ActiveDeployment): boolean =>
  Object.entries(previewsOf(plan)).some(([service, digest]) => previews[service] !== digest)

/**
 * The unfinished deployment of this very release, to go on with: a dead controller's, or one that erred. One that was
 * cancelled goes on only by way of the gates, but keeps what it knows of its hooks. A way back is not gone on with forward.
 */
function whatItResumes(unfinished: ActiveDeployment | null, request: DeployRequest): ActiveDeployment | null {
  if (unfinished === null || unfinished.trigger === 'rollback') return null
  if (unfinished.phase !== 'running' && unfinished.phase !== 'errored') return null
  return isSameAttempt(unfinished.candidate, request.candidate) ? unfinished : null
}

/** Invariant 3: deploying what already runs is one ledger event and no rollout; deploying it again is none. */
async function recordNoChange(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  plan: DeploymentPlan,
  gathered: GatheredFacts,
  older: Waiting | null,
): Promise<EnvironmentResult> {
  const { candidate } = request
  const why = alreadyRunning(request)
  await tagOnly(engine, plan, request)
  const { running, waiting, deployment } = session.state()
  const waits = waiting !== null && isNamedSame(waiting.candidate, candidate)
  const isOnRecord = running !== null && isNamedSame(running, candidate) && gathered.facts.isVerified
  if (isOnRecord && !waits && deployment === null) return resultOf(engine, request, 'nothing', [why], null)

  const { unyanks } = gathered
  const verified: NewEvent[] = gathered.facts.isVerified
    ? []
    : [{ kind: 'verified', deployment: null, candidate, unyanks }]
  await session.append(
    ...takingPlaceOf(older, request),
    ...settlingReplaced(deployment, null, candidate),
    ...verified,
    {
      kind: 'succeeded',
      deployment: null,
      trigger: request.trigger,
      candidate,
      services: runningServices(gathered.facts, request.inputHashes),
      hooks: session.state().hooks,
      unyanks,
      reasons: [why],
    },
  )
  return resultOf(engine, request, 'succeeded', [why], null)
}

async function tagOnly(engine: Engine, plan: DeploymentPlan, request: DeployRequest): Promise<void> {
  for (const step of plan.steps) {
    if (step.kind === 'tag') await tagArtifacts(engine, request.release, step, request.signal)
  }
}

const worldProblems = new Set(['target-unreachable', 'variables-unreadable'])

/**
 * A target that cannot be reached, a variable that is not set: nothing was begun. What the world may mend by itself
 * waits, so that `advance` takes it up again; a deployment that was begun before counts one more error.
 */
async function cannotAct(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  problems: Reason[],
  { resumes, older }: { resumes: ActiveDeployment | null; older: Waiting | null },
): Promise<EnvironmentResult> {
  if (request.arrival === 'follow-up')
    return await wait(engine, session, request, null, { reasons: problems, untilMs: null }, older)
  const isWorld = problems.some((problem) => worldProblems.has(problem.code))
  const errored: NewEvent = {
    kind: 'errored',
    deployment: resumes?.id ?? null,
    candidate: request.candidate,
    step: null,
    logTail: [],
    reasons: problems,
  }
  const { waiting } = session.state()
  const waits = waitingFor(engine, request, null, problems, null)
  const isKnown = waiting !== null && isNamedSame(waiting.candidate, request.candidate)
  if (resumes !== null) await session.append(errored)
  else if (!isKnown) {
    const came = cameSince(session.state(), older, request.candidate)
    const isOutdated = came !== null && (await hasMovedOn(engine, came, request.signal))
    const before = isOutdated ? came : older
    await session.appendOn((state) => {
      const isAnothers = request.arrival === 'again' && state.waiting !== null
      const entersQueue = isWorld && !isAnothers && cameSince(state, before, request.candidate) === null
      return entersQueue ? [errored, { kind: 'waiting', waiting: waits, reasons: problems }] : [errored]
    })
  }
  if (!isKnown) notify(engine, request, 'errored', { reasons: problems })
  return resultOf(engine, request, isWorld ? 'errored' : 'refused', problems, null)
}
