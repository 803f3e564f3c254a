/** Invariants 4, 5, 6, 9 and 12: what may begin. */
import type { EnvironmentName, LedgerEvent, Project, Release } from '../../../src/model/index.ts'
import type { Entry, Evidence, Violation } from './evidence.ts'
import { feeds, isBanned, unyanksFor, viewText } from './evidence.ts'

type Started = Extract<LedgerEvent, { kind: 'started' }>
export type Beginning = {
  environment: EnvironmentName
  entry: Entry
  event: Started
  index: number
  /** Goes on with what was begun before. */
  isResumed: boolean
  sinceMs: number
}

export function beginnings({ environments, ledger, decidedSince }: Evidence): Beginning[] {
  return environments.flatMap((environment) => {
    const entries = ledger(environment)
    return entries.flatMap((entry, index): Beginning[] => {
      const { event, process, atMs } = entry
      if (event.kind !== 'started') return []
      const isResumed = entries
        .slice(0, index)
        .some((known) => known.event.kind === 'started' && known.event.deployment === event.deployment)
      return [{ environment, entry, event, index, isResumed, sinceMs: decidedSince(process, environment, atMs) }]
    })
  })
}

const isForward = ({ event }: Beginning): boolean => event.trigger !== 'rollback' && event.trigger !== 'reaction'

/** 4. What has an upstream goes on only with what that has verified. */
export function onlyWhatWasVerifiedMovesOn(evidence: Evidence): Violation[] {
  const { releases, ledger, policiesDuring, yanksDuring } = evidence
  const found: Violation[] = []
  for (const beginning of beginnings(evidence)) {
    const { environment, entry, event, isResumed, sinceMs } = beginning
    const release = releases.get(event.candidate.release)
    if (isResumed || !isForward(beginning) || release === undefined) continue
    const policies = policiesDuring(sinceMs - 60_000, entry.atMs)
    const mayPass = policies.some((project) =>
      (project.environments[environment]?.after ?? []).every((upstream) => {
        const unyanks = Math.min(
          ...yanksDuring(sinceMs - 60_000, entry.atMs).map((yanks) => unyanksFor(release, yanks)),
        )
        return wasVerified(
          ledger(upstream),
          releases,
          viewText(release, upstream),
          upstream,
          unyanks,
          sinceMs,
          entry.atMs,
        )
      }),
    )
    if (!mayPass) {
      found.push({
        invariant: 4,
        atMs: entry.atMs,
        text: `${environment} begins with ${event.candidate.version}, which its upstream has not verified`,
      })
    }
  }
  return found
}

/** At some moment between the two it was verified, and had not failed since. */
function wasVerified(
  entries: readonly Entry[],
  releases: Evidence['releases'],
  view: string,
  environment: EnvironmentName,
  unyanks: number,
  fromMs: number,
  toMs: number,
): boolean {
  let isVerified = false
  const sees = (id: string | null): boolean => {
    const release = id === null ? undefined : releases.get(id)
    return release !== undefined && viewText(release, environment) === view
  }
  for (const { event, atMs } of entries) {
    if (atMs > toMs) break
    if (atMs > fromMs && isVerified) return true
    if (
      event.kind === 'verified' &&
      event.stage === undefined &&
      sees(event.candidate.release) &&
      event.unyanks >= unyanks
    )
      isVerified = true
    if (event.kind === 'failed' && event.deployment !== null && sees(event.candidate.release)) isVerified = false
  }
  return isVerified
}

/** 5. Yanked never runs again. */
export function yankedNeverRunsAgain(evidence: Evidence): Violation[] {
  const { releases, environments, ledger, yanksDuring, decidedSince } = evidence
  const found: Violation[] = []
  for (const environment of environments) {
    for (const { event, atMs, process } of ledger(environment)) {
      const isNews = event.kind === 'started' || (event.kind === 'succeeded' && event.deployment === null)
      const isBack = event.kind === 'rolled-back' && event.trigger === 'reaction'
      if (!isNews && !isBack) continue
      const release = event.candidate === null ? undefined : releases.get(event.candidate.release)
      if (release === undefined) continue
      const states = yanksDuring(decidedSince(process, environment, atMs), atMs)
      if (states.every((yanks) => isBanned(release, environment, yanks, releases))) {
        found.push({
          invariant: 5,
          atMs,
          text: `${environment}: ${event.kind} ${event.candidate?.version}, which was yanked`,
        })
      }
    }
  }
  return found
}

/** Written only by who holds the lease. */
const needsLease = (event: LedgerEvent): boolean =>
  ['started', 'succeeded', 'verified', 'rolled-back', 'hook-started', 'hook-ended'].includes(event.kind) ||
  ((event.kind === 'failed' || event.kind === 'errored') && event.deployment !== null)

/** As the simulated shops say. */
const leaseTtlMs = 30_000

const policyOfShop = ({ policiesDuring, history }: Evidence): Record<string, unknown> =>
  policiesDuring(history.endMs, history.endMs)[0]?.environments ?? {}

/** 6. One deployment per environment; superseded commits have no effect. */
export function oneDeploymentPerEnvironment(evidence: Evidence): Violation[] {
  const { environments, ledger, leases, refDuring } = evidence
  const found: Violation[] = []
  for (const environment of environments) {
    let active: { id: string; phase: string } | null = null
    let seq = 0
    for (const { event, atMs, process } of ledger(environment)) {
      const at = (text: string) => found.push({ invariant: 6, atMs, text: `${environment}: ${text}` })
      if (event.seq !== ++seq) at(`event ${event.seq} follows ${seq - 1}`)
      if (event.kind === 'started') {
        if (active !== null && active.id !== event.deployment && active.phase === 'running') {
          at(`${event.deployment} begins while ${active.id} is under way`)
        }
        active = { id: event.deployment, phase: 'running' }
      }
      const isEnd = ['succeeded', 'failed', 'errored', 'refused', 'aborted', 'rolled-back'].includes(event.kind)
      if (isEnd && active !== null && 'deployment' in event && event.deployment === active.id)
        active = { ...active, phase: event.kind }
      if (!needsLease(event)) continue
      const holding = leases(environment).findLast((lease) => lease.atMs < atMs)
      const isHeld = holding?.holder === `h${process}`
      if (!isHeld)
        at(`${event.kind} is written by process ${process}, and ${holding?.holder ?? 'nobody'} has the lease`)
    }
  }
  for (const environment of Object.keys(policyOfShop(evidence))) {
    const moves = leases(environment)
    for (const [index, lease] of moves.entries()) {
      const before = moves[index - 1]
      if (!lease.isTaken || before === undefined || before.holder === null) continue
      const isDead = evidence.runOf(before.process)?.outcome.kind === 'died'
      if (isDead || lease.atMs - before.atMs >= leaseTtlMs) continue
      found.push({
        invariant: 6,
        atMs: lease.atMs,
        text: `${environment}: the lease is taken from ${before.holder}, which renewed it ${lease.atMs - before.atMs} ms ago`,
      })
    }
  }
  for (const { environment, entry, event, isResumed, sinceMs } of beginnings(evidence)) {
    const { ref, commit, version } = event.candidate
    if (event.trigger !== 'route' || isResumed || ref === null) continue
    if (!refDuring(ref, sinceMs, entry.atMs).includes(commit)) {
      found.push({
        invariant: 6,
        atMs: entry.atMs,
        text: `${environment} begins with ${version}, and ${ref} had moved on`,
      })
    }
  }
  return found
}

/** 9. An approval binds to a plan. */
export function approvalBindsToAPlan(evidence: Evidence): Violation[] {
  const { ledger, policiesDuring, history } = evidence
  const found: Violation[] = []
  for (const beginning of beginnings(evidence)) {
    const { environment, entry, event, index, isResumed, sinceMs } = beginning
    if (isResumed || !isForward(beginning)) continue
    const policies = policiesDuring(sinceMs - 60_000, entry.atMs)
    const before = ledger(environment).slice(0, index)
    const isLetIn = policies.some((project) => hasApproval(project, environment, event, before))
    if (!isLetIn) {
      found.push({
        invariant: 9,
        atMs: entry.atMs,
        text: `${environment} begins with ${event.candidate.version} without the approvals that trunk asks for`,
      })
      continue
    }
    if (policies.some((project) => project.environments[environment]?.approval === null)) continue
    // What the plan covers must be what it was when people approved.
    const approvals = before.filter((known) => known.event.kind === 'approved' && known.event.plan === event.plan)
    for (const approval of approvals) {
      const runs = (entries: readonly Entry[]) => runningAfter(entries)
      const then = runs(before.filter((known) => known.atMs <= approval.atMs))
      const now = runs(before)
      if (then !== now)
        found.push({
          invariant: 9,
          atMs: entry.atMs,
          text: `${environment}: what runs has moved since plan ${event.plan.slice(0, 8)} was approved`,
        })
      const secret = (atMs: number) =>
        history.world.chronicle.secrets.findLast((known) => known.environment === environment && known.atMs <= atMs)
          ?.value
      const process = evidence.runOf(entry.process)
      // The plan is made with the secrets its process was started with; the one that waits, with another's.
      if (
        process !== undefined &&
        secret(process.startedMs) !== secret(approval.atMs) &&
        !wasKnownThen(evidence, environment, before, event.plan, secret(process.startedMs))
      ) {
        found.push({
          invariant: 9,
          atMs: entry.atMs,
          text: `${environment}: a secret has changed since plan ${event.plan.slice(0, 8)} was approved`,
        })
      }
    }
  }
  return found
}

/** The plan may have been made by an older process than the approval: then it waited with those secrets. */
function wasKnownThen(
  evidence: Evidence,
  environment: EnvironmentName,
  before: readonly Entry[],
  plan: string,
  secret: string | undefined,
): boolean {
  return before.some(({ event, process }) => {
    if (event.kind !== 'waiting' || event.waiting.plan !== plan) return false
    const startedMs = evidence.runOf(process)?.startedMs ?? 0
    const known = evidence.history.world.chronicle.secrets.findLast(
      (one) => one.environment === environment && one.atMs <= startedMs,
    )
    return known?.value === secret
  })
}

/** The release that runs after these events. */
function runningAfter(entries: readonly Entry[]): string | null {
  for (const { event } of entries.toReversed()) {
    if (event.kind === 'succeeded') return event.candidate.release
    if (event.kind === 'rolled-back' && event.candidate !== null) return event.candidate.release
  }
  return null
}

function hasApproval(
  project: Project,
  environment: EnvironmentName,
  event: Started,
  before: readonly Entry[],
): boolean {
  const rule = project.environments[environment]?.approval ?? null
  if (rule === null) return true
  const counted = new Set<string>()
  for (const { event: known } of before) {
    if (known.kind !== 'approved' || known.plan !== event.plan) continue
    const { email } = known.actor
    if (rule.notAuthor && email === event.candidate.author.email) continue
    const isListed = rule.by.some((entry) =>
      entry.startsWith('@')
        ? (project.people[entry.slice(1)] ?? []).some((person) => person.email === email)
        : entry === email,
    )
    if (rule.by.length > 0 && !isListed) continue
    counted.add(email)
  }
  return counted.size >= rule.quorum
}

/** 12. Policy comes from trunk. */
export function policyComesFromTrunk(evidence: Evidence): Violation[] {
  const { environments, policiesDuring, history } = evidence
  const found: Violation[] = []
  const ever = policiesDuring(0, history.endMs)
  for (const environment of environments) {
    if (!ever.some((project) => Object.hasOwn(project.environments, environment))) {
      found.push({ invariant: 12, atMs: 0, text: `${environment} has a history, and trunk never knew it` })
    }
  }
  for (const { environment, entry, event, isResumed } of beginnings(evidence)) {
    const { ref, version } = event.candidate
    if (isResumed || event.trigger !== 'route' || ref === null) continue
    const isFed = policiesDuring(0, entry.atMs).some((project) => {
      const policy = project.environments[environment]
      return policy !== undefined && feeds(policy, ref)
    })
    if (!isFed)
      found.push({
        invariant: 12,
        atMs: entry.atMs,
        text: `${environment} takes ${version} from ${ref}, which trunk never let feed it`,
      })
  }
  return found
}

export type { Release }
