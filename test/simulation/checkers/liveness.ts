/** Once faults have stopped and `advance` has run, everything that may move has moved, and what waits says why. */
import type { CommitId, EnvironmentName, EnvironmentState, Project, Reason, Release } from '../../../src/model/index.ts'
import type { SimulatedHost } from '../simulated-host.ts'
import type { Evidence, Violation } from './evidence.ts'
import { isBanned, unyanksFor, viewText } from './evidence.ts'

/** An errored deployment waits for a person's `retry` after so many tries. */
const maxErrors = 3

export function everythingMoves(evidence: Evidence): Violation[] {
  const { history } = evidence
  const { world, endMs, stuck } = history
  const found: Violation[] = stuck.map(({ run }) => ({
    invariant: 'liveness',
    atMs: run.startedMs,
    text: `action ${run.action.id} (${run.action.act.kind}) never ends`,
  }))
  const [policy] = evidence.policiesDuring(endMs, endMs)
  if (policy === undefined) return found
  for (const run of world.chronicle.runs) {
    if (run.action.act.kind !== 'advance' || run.startedMs < history.calmAtMs || run.outcome.kind !== 'threw') continue
    const { error } = run.outcome
    found.push({
      invariant: 'liveness',
      atMs: run.startedMs,
      text: `advance throws: ${error instanceof Error ? error.message : String(error)}`,
    })
    break
  }
  for (const environment of Object.keys(policy.environments)) {
    const state = evidence.state(environment)
    if (state === null) continue
    const texts = [
      ...whatIsUnfinished(state),
      ...whyItWaits(evidence, policy, environment, state),
      ...whatRunsElsewise(evidence, environment, state),
      ...whatIsForgotten(evidence, policy, environment, state),
    ]
    for (const text of texts) found.push({ invariant: 'liveness', atMs: endMs, text: `${environment}: ${text}` })
  }
  return found
}

function whatIsUnfinished({ deployment, held }: EnvironmentState): string[] {
  if (deployment === null || deployment.phase === 'aborted') return []
  if (deployment.phase === 'errored' && (deployment.errors >= maxErrors || held !== null)) return []
  return [
    `the deployment of ${deployment.candidate.version} is ${deployment.phase} still (${deployment.errors} errors)`,
  ]
}

function whyItWaits(
  evidence: Evidence,
  policy: Project,
  environment: EnvironmentName,
  state: EnvironmentState,
): string[] {
  const { waiting } = state
  if (waiting === null) return []
  const release = waiting.candidate.release === null ? undefined : evidence.releases.get(waiting.candidate.release)
  const { endMs } = evidence.history
  const isTrue = (code: string): boolean => {
    switch (code) {
      case 'held':
        return state.held !== null
      case 'window-closed':
        return (policy.environments[environment]?.windows.length ?? 0) > 0
      case 'rolled-back-from':
        return release !== undefined && state.passedOver.includes(release.id)
      case 'awaiting-approval':
        return policy.environments[environment]?.approval !== null
      case 'approval-void':
      case 'approval-expired':
      case 'approver-is-author':
      case 'approver-not-listed':
        return true
      case 'no-release':
        return evidence.commits.get(waiting.candidate.commit)?.outcome !== 'released'
      case 'upstream-pending': {
        if (release === undefined) return false
        const [yanks = []] = evidence.yanksDuring(endMs, endMs)
        const upstreams = policy.environments[environment]?.after ?? []
        return upstreams.some((upstream) => {
          const view = viewText(release, upstream)
          const verified = evidence.state(upstream)?.verified ?? []
          return !verified.some((known) => {
            const other = evidence.releases.get(known.release)
            return (
              other !== undefined && viewText(other, upstream) === view && known.unyanks >= unyanksFor(release, yanks)
            )
          })
        })
      }
      default:
        return false
    }
  }
  return waiting.reasons
    .filter((known) => !isTrue(known.code) && !isAboutForged(evidence, known))
    .map((known) => `${waiting.candidate.version} waits, and that is not so: ${known.code} (${known.message})`)
}

/** Approvals that somebody pushed by hand, and that do not count, are told where they are missed. */
const isAboutForged = ({ history }: Evidence, { commit }: Reason): boolean =>
  history.world.remote.stateCommits.get(commit as CommitId)?.isForged ?? false // some commit, of state or not

/** What the ledger says runs is what runs, and nothing else does. */
function whatRunsElsewise(evidence: Evidence, environment: EnvironmentName, state: EnvironmentState): string[] {
  const host = evidence.history.world.hosts.get(environment)
  if (host === undefined || state.deployment !== null || state.health !== 'healthy') return []
  const { effects } = evidence.history.world.chronicle
  // A stale controller that the platform could not refuse: `deploy` would mend it, `advance` sees no reason to.
  const lastStale = effects.findLast(
    (effect) => effect.environment === environment && effect.epoch < effect.newestEpoch,
  )
  if (lastStale !== undefined && host.fencing !== 'strict') return []
  const hosts = evidence.history.world.hostsOf(environment)
  return hosts.flatMap((each) => {
    const texts = whatRunsOn(each, state)
    return hosts.length > 1 ? texts.map((text) => `${each.name}: ${text}`) : texts
  })
}

function whatRunsOn(host: SimulatedHost, state: EnvironmentState): string[] {
  const texts: string[] = []
  const running = state.running?.services ?? {}
  for (const [name, { generation, fingerprint }] of Object.entries(running)) {
    const { stable, split, instances } = host.status(name)
    const serving = instances.filter((one) => one.weight > 0 && one.phase === 'healthy').length
    if (stable?.desiredGeneration !== generation || stable.fingerprint !== fingerprint) {
      texts.push(
        `${name} is not what the ledger says (${stable?.desiredGeneration.slice(0, 8)}, not ${generation.slice(0, 8)})`,
      )
    } else if (serving < stable.replicas || instances.length !== stable.replicas) {
      texts.push(`${name} has ${serving} of ${stable.replicas} instances, ${instances.length} in all`)
    }
    // One whose instances are all gone divides nothing.
    if (split !== null && instances.some((one) => one.generation === split.generation))
      texts.push(`${name} divides requests still: ${split.weight} % for ${split.generation}`)
  }
  for (const name of host.services()) {
    const { instances } = host.status(name)
    if (running[name] === undefined && instances.length > 0)
      texts.push(`${name} runs still, and the ledger does not know it`)
  }
  return texts
}

/** The newest commit of a branch that feeds the environment runs there, unless something or someone said no. */
function whatIsForgotten(
  evidence: Evidence,
  policy: Project,
  environment: EnvironmentName,
  state: EnvironmentState,
): string[] {
  const { history, commits, releases, ledger } = evidence
  const { world, endMs } = history
  const [yanks = []] = evidence.yanksDuring(endMs, endMs)
  const texts: string[] = []
  for (const { kind, pattern } of policy.environments[environment]?.routes ?? []) {
    const ref = `refs/heads/${pattern}`
    const tip = kind === 'branch' ? world.remote.refs.get(ref) : undefined
    if (tip === undefined) continue
    const record = commits.get(tip)
    const release = record?.outcome === 'released' ? releases.get(record.release) : undefined
    if (record === undefined && !wasEverDelivered(evidence, tip)) continue
    const runs = state.running === null ? undefined : releases.get(state.running.release)
    const isThere =
      release !== undefined && runs !== undefined && viewText(release, environment) === viewText(runs, environment)
    if (isThere || record?.outcome === 'failed') continue
    const isExcused =
      hasLostBytes(evidence, tip) ||
      (release !== undefined && isRefusedUpstream(evidence, policy, environment, release)) ||
      ledger(environment).some(
        ({ event }) => event.kind === 'rejected' && event.candidate?.commit === tip && isPolicysNo(event),
      ) ||
      state.waiting?.candidate.commit === tip ||
      state.deployment?.candidate.commit === tip ||
      (release !== undefined &&
        (isBanned(release, environment, yanks, releases) ||
          state.passedOver.includes(release.id) ||
          state.failures.some(
            (known) =>
              known.release === release.id ||
              viewText(release, environment) === viewOfId(evidence, known.release, environment),
          ))) ||
      ledger(environment).some(({ event, atMs }) => atMs >= pushedAt(evidence, ref) && isPersonsWord(event))
    if (!isExcused)
      texts.push(`${tip.slice(0, 7)}, the tip of ${pattern}, is forgotten; ${state.running?.version ?? 'nothing'} runs`)
  }
  return texts
}

const viewOfId = ({ releases }: Evidence, id: string, environment: EnvironmentName): string | null => {
  const release = releases.get(id)
  return release === undefined ? null : viewText(release, environment)
}

/** What stands upstream has failed with it, or may not have it. */
function isRefusedUpstream(
  evidence: Evidence,
  policy: Project,
  environment: EnvironmentName,
  release: Release,
): boolean {
  const { releases, history } = evidence
  const [yanks = []] = evidence.yanksDuring(history.endMs, history.endMs)
  return (policy.environments[environment]?.after ?? []).some((upstream) => {
    const failures = evidence.state(upstream)?.failures ?? []
    const view = viewText(release, upstream)
    const hasFailed = failures.some((known) => viewOfId(evidence, known.release, upstream) === view)
    return hasFailed || isBanned(release, upstream, yanks, releases)
  })
}

const refusals = new Set(['upstream-failed', 'release-yanked', 'view-yanked', 'artifact-yanked'])
const isPolicysNo = (event: { reasons: Array<{ code: string }> }): boolean =>
  event.reasons.some(({ code }) => refusals.has(code))

/** The store forgot an artifact whose build is not reproducible: a person must set another `rebuild`. */
const hasLostBytes = ({ history }: Evidence, commit: string): boolean =>
  history.world.chronicle.runs.some(({ outcome, action }) => {
    if (outcome.kind !== 'threw' || action.act.kind !== 'deliver') return false
    const push = action.act.push
    const moved = history.world.chronicle.runs.find((run) => run.action.id === push)?.outcome
    const answer = moved?.kind === 'answered' ? moved.answer : null
    const isThis = answer !== null && typeof answer === 'object' && 'commit' in answer && answer.commit === commit
    return isThis && outcome.error instanceof Error && 'code' in outcome.error && outcome.error.code === 'ARTIFACT_LOST'
  })

const wasEverDelivered = ({ history }: Evidence, commit: string): boolean =>
  history.world.chronicle.runs.some(({ outcome }) => {
    const answer = outcome.kind === 'answered' ? outcome.answer : null
    return (
      answer !== null &&
      typeof answer === 'object' &&
      'commit' in answer &&
      'environments' in answer &&
      answer.commit === commit
    )
  })

const pushedAt = ({ history }: Evidence, ref: string): number =>
  history.world.chronicle.refs.findLast((move) => move.ref === ref)?.atMs ?? 0

/** People may say otherwise: deploy something else, go back, reject, cancel. */
const isPersonsWord = (event: ReturnType<Evidence['ledger']>[number]['event']): boolean =>
  (event.kind === 'started' && event.trigger !== 'route') ||
  (event.kind === 'succeeded' && event.trigger !== 'route') ||
  (event.kind === 'waiting' && event.waiting.trigger !== 'route') ||
  event.kind === 'aborted' ||
  (event.kind === 'rolled-back' && event.trigger === 'rollback') ||
  (event.kind === 'rejected' && event.reasons.some(({ code }) => code === 'rejected' || code === 'cancelled'))
