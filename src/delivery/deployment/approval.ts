/** The gate of approval before a deployment, and who has opened it: now, or when it was begun. */
import type { ActiveDeployment, Actor, Approval, DeploymentPlan, PlanHash } from '../../model/index.ts'
import { type ApprovalFacts, approvalGate, approversOf, type GateDecision, lossesOf } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import type { Session } from '../session.ts'
import type { DeployRequest } from './deploy-request.ts'

/** Who said yes to which plan. */
export type Approved = { plan: PlanHash; by: readonly Actor[] }

/** An approval was pushed before its deployment began, and few things happen in between. */
const maxEventsBack = 100

export async function askApproval(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  plan: DeploymentPlan,
): Promise<{ gate: GateDecision; approved: Approved | null }> {
  const { approvals, refused } = await session.approvals()
  const facts: ApprovalFacts = {
    ...factsFor(request, approvals, engine.world.clock.now()),
    ...{ refused, plan: plan.hash, covers: plan.covers, losses: lossesOf(plan) },
    waitingCovers: session.state().waiting?.covers ?? null,
  }
  return { gate: approvalGate(facts), approved: approvedIn(facts) }
}

/** Of a deployment that is gone on with: its state has let go of them, its history has not. */
export async function approvedWhenBegun(
  engine: Engine,
  session: Session,
  request: DeployRequest,
  { plan, startedAt }: ActiveDeployment,
): Promise<Approved | null> {
  const { policy } = request
  if (policy.approval === null) return null
  const snapshot = await engine.ledger.refresh(session.signal)
  const history = await engine.ledger.history(snapshot, policy.name, maxEventsBack)
  const approvals = history.flatMap(({ event, voided }): Approval[] =>
    voided === undefined && event.kind === 'approved' ? [{ actor: event.actor, plan: event.plan, at: event.at }] : [],
  )
  const facts = factsFor(request, approvals, Date.parse(startedAt))
  return approvedIn({ ...facts, plan, covers: {}, losses: [], waitingCovers: null })
}

const factsFor = ({ policy, project, candidate }: DeployRequest, approvals: readonly Approval[], nowMs: number) => ({
  ...{ policy, people: project.people, approvals, author: candidate.author, nowMs },
})

function approvedIn(facts: ApprovalFacts): Approved | null {
  const by = approversOf(facts)
  return by.length === 0 ? null : { plan: facts.plan, by }
}
