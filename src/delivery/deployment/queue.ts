/** The queue of one: what waits for an environment, why, and what takes it out again (invariant 6). */
import type { NewEvent } from '../../ledger/index.ts'
import { isNamedSame, readCommitRecord, readRelease } from '../../ledger/index.ts'
import type {
  Attempt,
  Candidate,
  DeploymentPlan,
  EnvironmentState,
  Reason,
  Trigger,
  Waiting,
} from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import type { GateDecision } from '../../planning/index.ts'
import { shortRef, viewOf } from '../../planning/index.ts'
import type { Engine, EnvironmentResult } from '../engine.ts'
import { notify } from '../notify.ts'
import { openScene, policyOf } from '../scene.ts'
import type { Session } from '../session.ts'
import type { DeployRequest } from './deploy-request.ts'
import { resultOf } from './deploy-request.ts'

const maxTries = 10

/** Waits because somebody is at work: whoever finishes takes it next. */
export const isBusyWait = (waiting: Waiting): boolean =>
  waiting.reasons.some((known) => known.code === 'environment-busy')

/**
 * Queues a release behind the one at work; a newer one replaces the one that waits. Written without the lease.
 * Answers whether it is in the queue now.
 */
export async function enqueue(engine: Engine, request: DeployRequest, holder: string): Promise<boolean> {
  const { ledger } = engine
  for (let attempt = 0; attempt < maxTries; attempt++) {
    const snapshot = await ledger.refresh(request.signal)
    const position = await ledger.environment(snapshot, request.policy.name)
    const { deployment, waiting: known } = position.state
    if (deployment?.phase === 'running' && isNamedSame(deployment.candidate, request.candidate)) return false
    const isAnothers = known !== null && !isNamedSame(known.candidate, request.candidate)
    if (request.arrival === 'again') {
      if (known !== null && !(isAnothers && (await isOvertaken(engine, known, request)))) return false
    } else if (isAnothers && (request.arrival !== 'new' || (await hasMovedOn(engine, request, request.signal)))) {
      return false
    }
    const why = [reason('environment-busy', `${holder} is deploying to ${request.policy.name}`)]
    const waiting = waitingFor(engine, request, null, why, null)
    if (isSameWait(known, waiting)) return true
    const result = await ledger.append(position, [{ kind: 'waiting', waiting, reasons: why }], null, request.signal)
    if (result.kind === 'appended') return true
  }
  return false
}

/** Whether its ref is elsewhere by now: another delivery carries what is there, and is not displaced by an older one. */
export async function hasMovedOn(
  engine: Engine,
  { candidate, trigger }: { candidate: Attempt; trigger: Trigger },
  signal: AbortSignal,
): Promise<boolean> {
  if (trigger !== 'route' || candidate.ref === null) return false
  return (await engine.world.source.remoteTip(candidate.ref, signal)) !== candidate.commit
}

/** What waits is of a ref that is elsewhere by now, and what is tried again is what its own ref leads to: the newer of the two. */
async function isOvertaken(engine: Engine, known: Waiting, { candidate, signal }: DeployRequest): Promise<boolean> {
  const isTip = candidate.ref !== null && !(await hasMovedOn(engine, { candidate, trigger: 'route' }, signal))
  return isTip && (await hasMovedOn(engine, known, signal))
}

/** What arrived while `request` was under way, as the request to carry out next: with the policy of trunk as it is now. */
export async function nextInQueue(
  engine: Engine,
  request: DeployRequest,
  queued: Waiting | null,
): Promise<DeployRequest | null> {
  if (queued === null || queued.candidate.release === null) return null
  if (isNamedSame(queued.candidate, request.candidate) && queued.trigger === request.trigger) return null
  const { ref, commit } = queued.candidate
  if (ref !== null) await engine.world.source.ensureCommit(commit, ref, request.signal)
  const scene = await openScene(engine, commit, ref, request.signal)
  const policy = policyOf(scene.project, request.policy.name)
  const snapshot = await engine.ledger.refresh(request.signal)
  const release = await readRelease(engine.ledger, snapshot, queued.candidate.release)
  if (release === null || policy === null) return null
  const record = await readCommitRecord(engine.ledger, snapshot, commit)
  const candidate: Candidate = { ...queued.candidate, release: release.id, view: viewOf(release, policy.name) }
  return {
    ...request,
    project: scene.project,
    policy,
    candidate,
    release,
    trigger: queued.trigger,
    arrival: 'queued',
    inputHashes: record?.inputHashes ?? {},
    hookDecision: 'ask',
  }
}

/** The event that takes the release which waited out of the queue, for a newer one that goes through. */
export function takingPlaceOf(older: Waiting | null, request: DeployRequest): NewEvent[] {
  if (request.arrival !== 'new' || older === null || isNamedSame(older.candidate, request.candidate)) return []
  const why = reason('replaced', `${request.candidate.version} takes the place of ${older.candidate.version}`)
  return [{ kind: 'rejected', plan: older.plan, candidate: older.candidate, reasons: [why] }]
}

/** In the queue it was, and is no more: a newer release has its place, or someone took it on or out. */
export function giveWay(engine: Engine, request: DeployRequest, waiting: Waiting | null): EnvironmentResult {
  const { version } = request.candidate
  const why =
    waiting === null
      ? reason('taken-from-queue', `${version} is not in the queue any more: someone took it on, or out`)
      : reason('replaced', `${waiting.candidate.version} is newer and has taken the place of ${version} in the queue`)
  return resultOf(engine, request, 'superseded', [why], null)
}

/** The ref has moved on (or is gone): no effect, and out of the queue; what it had begun and given up is settled. */
export async function supersede(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  tip: string | null,
): Promise<EnvironmentResult> {
  const { candidate } = request
  const ref = shortRef(candidate.ref ?? '')
  const why = reason(
    'superseded',
    tip === null ? `${ref} is gone` : `${ref} has moved on to ${tip.slice(0, 7)}: its own delivery carries that`,
    { ref: candidate.ref ?? '' },
  )
  const { waiting, deployment } = session.state()
  const events: NewEvent[] = []
  if (waiting !== null && isNamedSame(waiting.candidate, candidate)) {
    events.push({ kind: 'rejected', plan: waiting.plan, candidate: waiting.candidate, reasons: [why] })
  }
  if (deployment?.phase === 'errored' && isNamedSame(deployment.candidate, candidate)) {
    events.push({ kind: 'aborted', deployment: deployment.id, reasons: [why] })
  }
  if (events.length > 0) await session.append(...events)
  return resultOf(engine, request, 'superseded', [why], null)
}

/** Policy says no: it does not wait for anything either. */
export async function refuse(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  reasons: Reason[],
): Promise<EnvironmentResult> {
  const { waiting } = session.state()
  if (waiting !== null && isNamedSame(waiting.candidate, request.candidate)) {
    await session.append({ kind: 'rejected', plan: waiting.plan, candidate: waiting.candidate, reasons })
  }
  return resultOf(engine, request, 'refused', reasons, null)
}

/**
 * What came into the queue since `older` was there: newer than what holds the lease, which must not take its place.
 */
export function cameSince(state: EnvironmentState, older: Waiting | null, candidate: Attempt): Waiting | null {
  const { waiting } = state
  if (waiting === null || isNamedSame(waiting.candidate, candidate)) return null
  return older !== null && isNamedSame(older.candidate, waiting.candidate) ? null : waiting
}

/** Puts the release into the queue of one, saying what it waits for; says it once. An older one does not displace a newer. */
export async function wait(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  plan: DeploymentPlan | null,
  gate: Pick<GateDecision, 'reasons' | 'untilMs'>,
  older: Waiting | null,
): Promise<EnvironmentResult> {
  const { candidate } = request
  const waiting = waitingFor(engine, request, plan, gate.reasons, gate.untilMs)
  let before = older
  const { waiting: known } = session.state()
  const isOutdated = request.arrival === 'again' && known !== null && (await isOvertaken(engine, known, request))
  const outdated = isOutdated ? known : null
  for (let attempt = 0; attempt < maxTries; attempt++) {
    if (await entersQueue(session, request, waiting, { before, outdated })) {
      notify(engine, request, 'waiting', { reasons: gate.reasons, plan: plan?.hash ?? null })
      break
    }
    const came = request.arrival === 'again' ? null : cameSince(session.state(), before, candidate)
    if (came === null) break
    // Who delivers an older commit of a ref can be late into the queue: it came since, and is not newer.
    if (!(await hasMovedOn(engine, came, request.signal))) return giveWay(engine, request, came)
    before = came
  }
  return resultOf(engine, request, 'waiting', gate.reasons, null)
}

/** Whether it was put there now. */
async function entersQueue(
  session: Session,
  { arrival, candidate }: DeployRequest,
  waiting: Waiting,
  { before, outdated }: { before: Waiting | null; outdated: Waiting | null },
): Promise<boolean> {
  const enters = (state: EnvironmentState): boolean => {
    const known = state.waiting
    const isAnothers = known !== null && !isNamedSame(known.candidate, candidate)
    const isOlder = arrival === 'again' && isAnothers && !isNamedSame(outdated?.candidate, known.candidate)
    return !isOlder && cameSince(state, before, candidate) === null && !isSameWait(known, waiting)
  }
  let hasEntered = false
  if (enters(session.state())) {
    await session.appendOn((state) => {
      hasEntered = enters(state)
      return hasEntered ? [{ kind: 'waiting', waiting, reasons: waiting.reasons }] : []
    })
  }
  return hasEntered
}

export function waitingFor(
  engine: Engine,
  request: Pick<DeployRequest, 'candidate' | 'trigger'>,
  plan: DeploymentPlan | null,
  reasons: Reason[],
  untilMs: number | null,
): Waiting {
  return {
    candidate: request.candidate,
    trigger: request.trigger,
    plan: plan?.hash ?? null,
    covers: plan?.covers ?? {},
    reasons,
    since: engine.ledger.at(),
    until: untilMs === null ? null : new Date(untilMs).toISOString(),
  }
}

export const isSameWait = (before: Waiting | null, after: Waiting): boolean =>
  before !== null &&
  before.candidate.commit === after.candidate.commit &&
  before.candidate.version === after.candidate.version &&
  before.candidate.release === after.candidate.release &&
  before.plan === after.plan &&
  before.reasons.map((known) => known.code).join() === after.reasons.map((known) => known.code).join()
