/** A ref moved: carry its commit to every environment the ref feeds. The story of the engine, in one file. */
import { isNamedSame } from '../ledger/index.ts'
import type {
  Attempt,
  Candidate,
  EnvironmentName,
  EnvironmentPolicy,
  Reason,
  RefEvent,
  Release,
  Trigger,
} from '../model/index.ts'
import { reason } from '../model/index.ts'
import type { RouteMatch } from '../planning/index.ts'
import { branchRef, inUpstreamOrder, matchRoutes, shortRef, versionOf, viewOf } from '../planning/index.ts'
import { ends } from './delivery-result.ts'
import { type DeployRequest, resultOf } from './deployment/deploy-request.ts'
import { deployTo } from './deployment/deploy-to.ts'
import { hasMovedOn, isSameWait } from './deployment/queue.ts'
import type { HookDecision } from './deployment/step-context.ts'
import type { DeliveryResult, Engine, EnvironmentResult } from './engine.ts'
import { followUp } from './follow-up.ts'
import { notify } from './notify.ts'
import { isReachable } from './release/reachable.ts'
import type { MadeRelease } from './release/recorded-release.ts'
import { releaseFor } from './release/release-for.ts'
import { hintedFor } from './release/retry-hint.ts'
import { openScene, policyOf, type Scene } from './scene.ts'

export type DeliverOptions = {
  signal: AbortSignal
  hookDecision: HookDecision
  /** Environments that have their answer already. */
  except?: readonly EnvironmentName[]
}

/** Never throws for a verdict; faults of the world outside any environment, mistakes in the configuration and cancellation are thrown. */
export async function deliver(engine: Engine, event: RefEvent, options: DeliverOptions): Promise<DeliveryResult> {
  const { signal } = options
  const scene = await openScene(engine, event.commit, event.ref, signal)
  for (const ignored of scene.ignored) engine.world.progress({ kind: 'note', message: ignored.message })

  if (scene.tip !== event.commit) return superseded(event, scene)
  const routes = matchRoutes(policies(scene), event.ref).filter(
    ({ environment }) => options.except?.includes(environment.name) !== true,
  )
  if (routes.length === 0) return ends('nothing', event, null, [noRoute(event)], [])
  await engine.ledger.trust.require('builder')
  const { open, refused } = await splitByReachability(engine, scene, routes)
  announceRoutes(engine, event, open)

  const made = await releaseFor(engine, scene, {
    mayBuild: open.some(({ environment }) => environment.after.length === 0),
    retriesRed: false,
    signal,
  })
  if (made.kind !== 'made') {
    const [first] = open
    const reasons = first ? hintedFor(scene.project, first.environment.name, made.reasons) : made.reasons
    const results = await withoutRelease(engine, scene, event, open, { ...made, reasons }, signal)
    return ends(null, event, null, reasons, [...refused, ...results])
  }
  const results = await deployAlong(engine, open, (match) => ({
    ...common(scene, match.environment, made, options),
    candidate: candidateFor(scene, event, match, made.release),
    trigger: 'route',
  }))
  return await followUp(engine, scene, ends(null, event, made.release, [], [...refused, ...results]), signal)
}

const policies = (scene: Scene): EnvironmentPolicy[] =>
  Object.keys(scene.project.environments).flatMap((name) => policyOf(scene.project, name) ?? [])

export const common = (
  scene: Scene,
  policy: EnvironmentPolicy,
  made: MadeRelease & { kind: 'made' },
  options: DeliverOptions,
) => ({
  project: scene.project,
  policy,
  release: made.release,
  inputHashes: made.inputHashes,
  hookDecision: options.hookDecision,
  signal: options.signal,
  arrival: 'new' as const,
})

export const attemptFor = (scene: Scene, event: RefEvent, match: RouteMatch): Attempt => ({
  release: null,
  view: null,
  commit: event.commit,
  ref: event.ref,
  version: versionOf(event.ref, match.captures, event.commit),
  author: { name: scene.commit.author.name, email: scene.commit.author.email },
})

const candidateFor = (scene: Scene, event: RefEvent, match: RouteMatch, release: Release): Candidate => ({
  ...attemptFor(scene, event, match),
  release: release.id,
  view: viewOf(release, match.environment.name),
})

/** Environments side by side, but each after those it names in `after`: what passes stage may go on at once. */
async function deployAlong(
  engine: Engine,
  matches: readonly RouteMatch[],
  request: (match: RouteMatch) => DeployRequest,
): Promise<EnvironmentResult[]> {
  const byName = new Map(matches.map((match) => [match.environment.name, match]))
  const results = new Map<string, Promise<EnvironmentResult>>()
  for (const environment of inUpstreamOrder(matches.map((match) => match.environment))) {
    const match = byName.get(environment.name)
    if (match === undefined) continue
    const upstreams = environment.after.flatMap((name) => results.get(name) ?? [])
    results.set(
      environment.name,
      Promise.allSettled(upstreams).then(() => deployTo(engine, request(match))),
    )
  }
  // Each writes down how it ended, also when another one throws.
  const ended = await Promise.allSettled(results.values())
  return ended.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

function announceRoutes({ world }: Engine, { commit, ref }: RefEvent, open: readonly RouteMatch[]): void {
  const environments = inUpstreamOrder(open.map((match) => match.environment)).map(({ name }) => ({
    name,
    reasons: [reason('route', `${shortRef(ref)} feeds ${name}`, { ref })],
  }))
  world.progress({ kind: 'routed', commit, ref, environments })
}

/** `reachableFrom: main`: a tag on a commit that never was on main goes nowhere. */
async function splitByReachability(engine: Engine, scene: Scene, routes: readonly RouteMatch[]) {
  const open: RouteMatch[] = []
  const refused: EnvironmentResult[] = []
  for (const match of routes) {
    const branch = match.route.reachableFrom
    if (branch === null || (await isReachable(engine, scene, branch))) {
      open.push(match)
      continue
    }
    const why = reason(
      'not-reachable',
      `${scene.commit.id.slice(0, 7)} is not on ${branch}, and ${match.environment.name} takes only what is`,
      { commit: scene.commit.id, ref: branchRef(branch), hint: `merge it to ${branch} and tag the commit there` },
    )
    refused.push(resultOf(engine, { policy: match.environment }, 'refused', [why], null))
  }
  return { open, refused }
}

/** The release could not be made: every environment the ref feeds has it in its history, or waits for it. */
async function withoutRelease(
  engine: Engine,
  scene: Scene,
  event: RefEvent,
  matches: readonly RouteMatch[],
  made: Exclude<MadeRelease, { kind: 'made' }>,
  signal: AbortSignal,
): Promise<EnvironmentResult[]> {
  const results: EnvironmentResult[] = []
  for (const match of matches) {
    const { environment: policy } = match
    const attempt = attemptFor(scene, event, match)
    // Nothing was tried just now: a promotion of what failed before is refused, not failed again.
    const isPromotion =
      policy.after.length > 0 || (match.route.kind === 'tag' && made.kind === 'failed' && made.step === null)
    if (made.kind === 'failed' && isPromotion) {
      results.push(resultOf(engine, { policy }, 'refused', made.reasons, null))
    } else if (made.kind === 'failed') {
      await recordAttempt(engine, policy, attempt, made, signal)
      notify(engine, { project: scene.project, policy, candidate: attempt }, 'failed', made)
      results.push(resultOf(engine, { policy }, 'failed', made.reasons, null))
    } else {
      await recordAttempt(engine, policy, attempt, made, signal)
      results.push(resultOf(engine, { policy }, 'waiting', made.reasons, null))
    }
  }
  return results
}

/** Writes it down without the lease: nothing runs. Bounded tries against others who write. */
async function recordAttempt(
  engine: Engine,
  policy: EnvironmentPolicy,
  candidate: Attempt,
  made: Exclude<MadeRelease, { kind: 'made' }>,
  signal: AbortSignal,
): Promise<void> {
  const { ledger } = engine
  for (let attempt = 0; attempt < 10; attempt++) {
    const snapshot = await ledger.refresh(signal)
    const position = await ledger.environment(snapshot, policy.name)
    const { last } = position.state
    if (made.kind === 'failed') {
      if (last?.kind === 'failed' && last.deployment === null && last.candidate?.commit === candidate.commit) return
      const { step, logTail, reasons } = made
      const event = { kind: 'failed' as const, deployment: null, candidate, step, logTail, reactions: [], reasons }
      if ((await ledger.append(position, [event], null, signal)).kind === 'appended') return
    } else {
      const trigger: Trigger = 'route'
      const waiting = {
        candidate,
        trigger,
        plan: null,
        covers: {},
        reasons: made.reasons,
        since: ledger.at(),
        until: null,
      }
      const known = position.state.waiting
      if (isSameWait(known, waiting)) return
      const isAnothers = known !== null && !isNamedSame(known.candidate, candidate)
      if (isAnothers && (await hasMovedOn(engine, waiting, signal))) return
      if (
        (await ledger.append(position, [{ kind: 'waiting', waiting, reasons: made.reasons }], null, signal)).kind ===
        'appended'
      )
        return
    }
  }
}

function superseded(event: RefEvent, scene: Scene): DeliveryResult {
  const name = shortRef(event.ref)
  const environment = matchRoutes(policies(scene), event.ref)[0]?.environment.name ?? '<environment>'
  const why =
    scene.tip === null
      ? reason('ref-gone', `${name} does not exist at the remote`, { ref: event.ref, hint: 'push it first' })
      : reason('superseded', `${name} is at ${scene.tip.slice(0, 7)} by now: its own delivery carries that`, {
          ref: event.ref,
          commit: scene.tip,
          hint: `to go back to this one: trunkline deploy ${environment} ${event.commit.slice(0, 7)}`,
        })
  return ends('superseded', event, null, [why], [])
}

const noRoute = (event: RefEvent): Reason =>
  reason('no-route', `no environment takes ${shortRef(event.ref)}`, {
    ref: event.ref,
    hint: 'see `environments.*.on` in trunkline.yaml on trunk',
  })
