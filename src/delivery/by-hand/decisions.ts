/** What people decide about an environment: approve, reject, hold, resume. Each is one event, written without the lease. */
import type { NewEvent } from '../../ledger/index.ts'
import type { Approval, EnvironmentName, EnvironmentState, PlanHash } from '../../model/index.ts'
import { erroredError, reason, refusedError, usageError } from '../../model/index.ts'
import { whyMayNotApprove } from '../../planning/index.ts'
import type { DeliveryResult, Engine } from '../engine.ts'
import { notify } from '../notify.ts'
import { requirePolicy, type Scene } from '../scene.ts'

/** Decides on the newest state and writes against exactly that; decides again when someone else wrote meanwhile. */
async function decide(
  engine: Engine,
  environment: EnvironmentName,
  signal: AbortSignal,
  decision: (state: EnvironmentState, approvals: readonly Approval[]) => NewEvent | null,
): Promise<EnvironmentState> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const snapshot = await engine.ledger.refresh(signal)
    const position = await engine.ledger.environment(snapshot, environment)
    const { approvals } = await engine.ledger.approvals(position)
    const event = decision(position.state, approvals)
    if (event === null) return position.state
    const result = await engine.ledger.append(position, [event], null, signal)
    if (result.kind === 'appended') return result.position.state
  }
  throw erroredError('LEDGER_BUSY', `the ledger of ${environment} kept moving`, { hint: 'run it again' })
}

export type ApproveOptions = {
  environment: EnvironmentName
  /** What the person looked at, or its beginning; null: whatever waits now. */
  plan: string | null
  signal: AbortSignal
}

/** Approves exactly the plan that waits (invariant 9). Refused where this person's word does not count. */
export async function approve(
  engine: Engine,
  scene: Scene,
  { environment, plan, signal }: ApproveOptions,
): Promise<PlanHash> {
  const policy = requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('person')
  let approved: PlanHash | null = null
  await decide(engine, environment, signal, (state, approvals) => {
    const { waiting } = state
    if (waiting === null || waiting.plan === null) {
      throw usageError('NOTHING_TO_APPROVE', `nothing waits for approval in ${environment}`, {
        hint: waiting === null ? `see: trunkline status` : (waiting.reasons[0]?.message ?? ''),
      })
    }
    if (plan !== null && !waiting.plan.startsWith(plan)) {
      throw refusedError(
        'PLAN_MOVED',
        `the plan that waits is ${waiting.plan.slice(0, 12)}, not ${plan.slice(0, 12)}`,
        {
          hint: `look at it again: trunkline plan ${waiting.candidate.commit.slice(0, 7)} --env ${environment}`,
        },
      )
    }
    const why = whyMayNotApprove(engine.world.actor, {
      policy,
      people: scene.project.people,
      author: waiting.candidate.author,
    })
    if (why !== null)
      throw refusedError('MAY_NOT_APPROVE', why.message, {
        hint: `approval rule of ${environment} in trunkline.yaml on trunk`,
      })
    approved = waiting.plan
    const email = engine.world.actor.email.toLowerCase()
    const isKnown = approvals.some((known) => known.plan === waiting.plan && known.actor.email.toLowerCase() === email)
    return isKnown ? null : { kind: 'approved', plan: waiting.plan }
  })
  if (approved === null) throw new Error('approved nothing')
  return approved
}

/** The answer to an approval by somebody who does not deliver: it counts, and a builder takes it on. */
export function awaitBuilder(environment: EnvironmentName): DeliveryResult {
  const why = reason('awaiting-builder', `approved; a builder takes ${environment} on with its next run`, {
    hint: 'trunkline advance, where a key of `builders` is at hand (a scheduled CI job)',
  })
  const waiting = { name: environment, outcome: 'waiting' as const, reasons: [why], deployment: null }
  return { outcome: 'waiting', release: null, commit: null, reasons: [], environments: [waiting] }
}

export async function reject(
  engine: Engine,
  scene: Scene,
  environment: EnvironmentName,
  why: string,
  signal: AbortSignal,
): Promise<void> {
  requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('either')
  await decide(engine, environment, signal, ({ waiting }) => {
    if (waiting === null) throw usageError('NOTHING_TO_REJECT', `nothing waits in ${environment}`)
    const { release, view } = waiting.candidate
    const candidate = release === null || view === null ? null : { ...waiting.candidate, release, view }
    return { kind: 'rejected', plan: waiting.plan, candidate, reasons: [reason('rejected', why)] }
  })
}

/** The environment takes no deployment until resumed; a rollback by hand is still possible. */
export async function hold(
  engine: Engine,
  scene: Scene,
  environment: EnvironmentName,
  why: string,
  signal: AbortSignal,
): Promise<void> {
  const policy = requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('either')
  const reasons = why === '' ? [] : [reason('held', why)]
  let isNew = false
  const state = await decide(engine, environment, signal, (before) => {
    isNew = before.held === null
    return isNew ? { kind: 'held', reasons } : null
  })
  if (isNew && state.running !== null) {
    notify(engine, { project: scene.project, policy, candidate: state.running }, 'held', { reasons })
  }
}

/** Lifts a hold, and lets routes deploy again what was rolled back from. */
export async function resume(
  engine: Engine,
  scene: Scene,
  environment: EnvironmentName,
  signal: AbortSignal,
): Promise<void> {
  requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('person')
  await decide(engine, environment, signal, (state) =>
    state.held === null && state.passedOver.length === 0 ? null : { kind: 'resumed' },
  )
}
