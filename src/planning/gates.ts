/** Pure: may this release go to this environment now? Each gate answers with its reason (invariants 4, 5, 9). */
import type {
  Actor,
  Approval,
  Digest,
  EnvironmentAction,
  EnvironmentName,
  EnvironmentPolicy,
  EnvironmentState,
  Person,
  PlanHash,
  Reason,
  Release,
  Trigger,
  ViewHash,
  Yank,
} from '../model/index.ts'
import { reason, short } from '../model/index.ts'
import type { Loss } from './previews.ts'
import { artifactsOf, viewOf } from './release.ts'
import { windowsAt } from './windows.ts'

/** `until`: when it is worth asking again, ms since the epoch; null where something else must happen. */
export type GateDecision = { action: Exclude<EnvironmentAction, 'none'>; reasons: Reason[]; untilMs: number | null }

const pass: GateDecision = { action: 'deploy', reasons: [], untilMs: null }
const refuse = (...reasons: Reason[]): GateDecision => ({ action: 'refuse', reasons, untilMs: null })
const wait = (reasons: Reason[], untilMs: number | null = null): GateDecision => ({ action: 'wait', reasons, untilMs })

/** A ban on the release, on its view here, or on one of its artifacts. Holds for every trigger, retry and resume included. */
export function yankGate(release: Release, environment: EnvironmentName, yanks: readonly Yank[]): GateDecision {
  const view = viewOf(release, environment)
  const artifacts = new Set<Digest>(artifactsOf(release))
  for (const yank of yanks) {
    if (!yank.yanked) continue
    const by = `by ${yank.actor.name} on ${yank.at.slice(0, 10)}: ${yank.reason}`
    const hint = `fix forward with a new commit, or let it in again: trunkline unyank ${yank.label ?? short(idOf(yank))}`
    if (yank.subject.kind === 'artifact') {
      if (!artifacts.has(yank.subject.artifact)) continue
      return refuse(
        reason('artifact-yanked', `it contains artifact ${short(yank.subject.artifact)}, which was yanked ${by}`, {
          digest: yank.subject.artifact,
          hint,
        }),
      )
    }
    if (yank.subject.release === release.id) {
      return refuse(
        reason('release-yanked', `release ${short(release.id)} was yanked ${by}`, { digest: release.id, hint }),
      )
    }
    if (yank.subject.views.some((failed) => failed.environment === environment && failed.view === view)) {
      return refuse(
        reason(
          'view-yanked',
          `${environment} would run just what failed there as ${short(yank.subject.release)}, yanked ${by}`,
          {
            digest: yank.subject.release,
            hint,
          },
        ),
      )
    }
  }
  return pass
}

const idOf = (yank: Yank): string => (yank.subject.kind === 'artifact' ? yank.subject.artifact : yank.subject.release)

/** How often a release, or one of its artifacts, was let back in: verification from before no longer counts. */
export function unyanksOf(release: Release, yanks: readonly Yank[]): number {
  const artifacts = new Set<Digest>(artifactsOf(release))
  const concerns = ({ subject }: Yank): boolean =>
    subject.kind === 'release' ? subject.release === release.id : artifacts.has(subject.artifact)
  return yanks.reduce((count, yank) => (concerns(yank) ? count + yank.unyanks : count), 0)
}

export type Upstream = {
  name: EnvironmentName
  state: EnvironmentState /** Verified per the ledger's older history, where the state no longer says. */
  verifiedEarlier: boolean
}

/** `after: stage`: stage must have verified what this release is there. Pending waits; failed or yanked refuses. */
export function upstreamGate(release: Release, upstreams: readonly Upstream[], yanks: readonly Yank[]): GateDecision {
  const waiting: Reason[] = []
  const unyanks = unyanksOf(release, yanks)
  for (const upstream of upstreams) {
    const view = viewOf(release, upstream.name)
    if (hasVerified(upstream, view, unyanks)) continue
    const failure = upstream.state.failures.find((known) => known.view === view)
    if (failure !== undefined) {
      return refuse(
        reason(
          'upstream-failed',
          `${upstream.name} ran this release and it failed there on ${failure.at.slice(0, 16)}`,
          {
            digest: release.id,
            hint: `see: trunkline log ${upstream.name}`,
          },
        ),
      )
    }
    const banned = yankGate(release, upstream.name, yanks)
    if (banned.action === 'refuse') return banned
    const { deployment } = upstream.state
    const busy = deployment?.phase === 'running' && deployment.candidate.view === view
    waiting.push(
      reason(
        'upstream-pending',
        busy
          ? `${upstream.name} is deploying this release now`
          : `${upstream.name} has not verified release ${short(release.id)} yet`,
        {
          digest: release.id,
          hint: `it moves on by itself once ${upstream.name} has; or: trunkline deploy ${upstream.name} <commit>`,
        },
      ),
    )
  }
  return waiting.length > 0 ? wait(waiting) : pass
}

const hasVerified = (upstream: Upstream, view: ViewHash, unyanks: number): boolean =>
  upstream.state.verified.some((known) => known.view === view && known.unyanks >= unyanks) ||
  (unyanks === 0 && upstream.verifiedEarlier)

export function holdGate(state: EnvironmentState, release: Release, trigger: Trigger): GateDecision {
  if (state.held !== null) {
    const why = state.held.reasons.map((known) => known.message).join('; ')
    return wait([
      reason('held', `${state.environment} is held by ${state.held.actor.name}${why ? `: ${why}` : ''}`, {
        hint: `trunkline resume ${state.environment}`,
      }),
    ])
  }
  if (trigger === 'route' && state.passedOver.includes(release.id)) {
    return wait([
      reason('rolled-back-from', `${state.environment} was rolled back from this release by hand`, {
        digest: release.id,
        hint: `trunkline resume ${state.environment}`,
      }),
    ])
  }
  return pass
}

export function windowGate(policy: EnvironmentPolicy, nowMs: number): GateDecision {
  const state = windowsAt(policy.windows, nowMs)
  if (state.open) return pass
  const opens =
    state.opensAtMs === null ? 'never' : new Date(state.opensAtMs).toISOString().slice(0, 16).replace('T', ' ')
  return wait(
    [reason('window-closed', `${policy.name} takes deployments only in its windows; the next opens ${opens} UTC`)],
    state.opensAtMs,
  )
}

export type ApprovalFacts = {
  policy: EnvironmentPolicy
  people: Record<string, Person[]>
  approvals: readonly Approval[]
  /** Why others that were pushed do not count: nobody who may has signed them. */
  refused?: readonly Reason[]
  plan: PlanHash
  covers: Record<string, string>
  /** What would be lost: that somebody must have seen, whatever the policy. */
  losses: readonly Loss[]
  /** What the waiting plan covered, to say what moved since. */
  waitingCovers: Record<string, string> | null
  author: Actor
  nowMs: number
}

/** Enough distinct approvals of exactly this plan, by the right people, not expired. */
export function approvalGate(facts: ApprovalFacts): GateDecision {
  const rule = facts.policy.approval ?? (facts.losses.length > 0 ? { quorum: 1, by: [] } : null)
  if (rule === null) return pass
  const reasons: Reason[] = facts.losses.map(lossReason)
  const counted = approversOf(facts)
  for (const approval of facts.approvals) {
    const refusal = whyNotCounted(approval, facts)
    if (refusal !== null) reasons.push(refusal)
  }
  if (counted.length >= rule.quorum) return pass
  reasons.push(...(facts.refused ?? []))
  const missing = rule.quorum - counted.length
  const by = rule.by.length > 0 ? ` of ${rule.by.join(', ')}` : ''
  reasons.unshift(
    reason(
      'awaiting-approval',
      `${missing} approval${missing === 1 ? '' : 's'}${by} missing for plan ${short(facts.plan)}`,
      {
        digest: facts.plan,
        hint: `trunkline approve ${facts.policy.name}`,
      },
    ),
  )
  return wait(reasons)
}

/** Whose approvals of this very plan count, each once. */
export function approversOf(facts: ApprovalFacts): Actor[] {
  const counted = facts.approvals.filter((approval) => whyNotCounted(approval, facts) === null)
  return [...new Map(counted.map(({ actor }) => [actor.email.toLowerCase(), actor])).values()]
}

const lossReason = ({ service, change }: Loss): Reason => {
  const done = change.action === 'replace' ? 'replaces' : 'removes'
  const because = change.because === undefined ? '' : ` (${change.because.join(', ')})`
  return reason('loses-data', `${service} ${done} ${change.subject}, which holds data${because}`)
}

/** Whether this person's word counts at all for this environment; null when it does. */
export function whyMayNotApprove(
  actor: Actor,
  facts: Pick<ApprovalFacts, 'policy' | 'people' | 'author'>,
): Reason | null {
  const rule = facts.policy.approval
  if (rule === null) return null
  const email = actor.email.toLowerCase()
  if (rule.notAuthor && email === facts.author.email.toLowerCase()) {
    return reason('approver-is-author', `${actor.email} wrote the commit and cannot approve it`)
  }
  if (rule.by.length === 0) return null
  const allowed = rule.by.some((entry) =>
    entry.startsWith('@')
      ? (Object.hasOwn(facts.people, entry.slice(1)) ? (facts.people[entry.slice(1)] ?? []) : []).some(
          (person) => person.email.toLowerCase() === email,
        )
      : entry.toLowerCase() === email,
  )
  return allowed ? null : reason('approver-not-listed', `${actor.email} is not among ${rule.by.join(', ')}`)
}

function whyNotCounted(approval: Approval, facts: ApprovalFacts): Reason | null {
  if (approval.plan !== facts.plan) {
    const moved = movedParts(facts.waitingCovers, facts.covers)
    return reason(
      'approval-void',
      `the approval by ${approval.actor.name} was for plan ${short(approval.plan)}${moved.length > 0 ? `; since then moved: ${moved.join(', ')}` : ''}`,
      { digest: approval.plan },
    )
  }
  const expiresMs = facts.policy.approval?.expiresMs ?? null
  if (expiresMs !== null && facts.nowMs - Date.parse(approval.at) > expiresMs) {
    return reason(
      'approval-expired',
      `the approval by ${approval.actor.name} of ${approval.at.slice(0, 16)} has expired`,
    )
  }
  return whyMayNotApprove(approval.actor, facts)
}

/** The named parts of two plans that differ. */
export function movedParts(before: Record<string, string> | null, after: Record<string, string>): string[] {
  if (before === null) return []
  const names = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...names].filter((name) => before[name] !== after[name]).sort()
}
