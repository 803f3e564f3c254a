/** `trunkline plan`: what would happen and why. Looks at everything, changes nothing. */
import { digestOf } from '../../hashing/index.ts'
import type {
  Candidate,
  CommitId,
  Digest,
  EnvironmentName,
  EnvironmentPolicy,
  Plan,
  PlanHash,
  PlannedEnvironment,
  PlannedService,
  PlannedStep,
  Reason,
  RefName,
  Release,
  ServiceName,
} from '../../model/index.ts'
import { reason } from '../../model/index.ts'
import type { GateDecision, ReleasePlan, RouteMatch } from '../../planning/index.ts'
import {
  approvalGate,
  branchRef,
  composeRelease,
  inUpstreamOrder,
  lossesOf,
  matchRoutes,
  planDeployment,
  shortRef,
  versionOf,
  viewOf,
  yankGate,
} from '../../planning/index.ts'
import { gatherDeploymentFacts } from '../deployment/deployment-facts.ts'
import { earlyGates } from '../deployment/early-gates.ts'
import type { Engine } from '../engine.ts'
import { planReleaseOf } from '../release/plan-release-of.ts'
import { isReachable } from '../release/reachable.ts'
import { type MadeRelease, recordedRelease } from '../release/recorded-release.ts'
import { hintedFor } from '../release/retry-hint.ts'
import { type Study, studyCommit } from '../release/study.ts'
import { openScene, policyOf, requirePolicy, type Scene } from '../scene.ts'

export type PlanOptions = {
  commit: CommitId
  /** The ref that would move there; its routes say where it goes. */
  ref: RefName | null
  /** Only this environment, whether a route leads there or not. */
  environment: EnvironmentName | null
  signal: AbortSignal
}

export async function showPlan(looking: Engine, { commit, ref, environment, signal }: PlanOptions): Promise<Plan> {
  const engine = atOneMoment(looking, signal)
  const scene = await openScene(engine, commit, ref, signal)
  const matches = placesFor(scene, ref, environment)
  const mayBuild = matches.length === 0 || matches.some(({ environment: policy }) => policy.after.length === 0)
  const study = await studyCommit(engine, scene.project, scene.commit, { explain: true })
  const options = { mayBuild: true, retriesRed: false, checksOnly: false, signal }
  const plan = await planReleaseOf(engine, study, options)
  const recorded = await recordedRelease(engine, scene.commit, false, signal)
  const draft =
    recorded?.kind === 'made' ? { release: recorded.release, pending: new Set<Digest>() } : draftRelease(study, plan)

  const environments: PlannedEnvironment[] = []
  const steps = plan.steps.map(shownStep)
  for (const match of matches) {
    const refusal = await whyNotAtAll(engine, scene, match, plan, recorded, mayBuild)
    if (refusal !== null) {
      environments.push({ name: match.environment.name, plan: null, services: [], ...refusal })
      continue
    }
    const planned = await planEnvironment(engine, scene, match, {
      ref,
      release: draft.release,
      pending: draft.pending,
      signal,
    })
    environments.push(planned.environment)
    steps.push(
      ...planned.steps.map((step) =>
        step.needs.length === 0 && plan.steps.length > 0 ? { ...step, needs: ['release'] } : step,
      ),
    )
  }
  if (plan.steps.length > 0) {
    steps.splice(plan.steps.length, 0, {
      id: 'release',
      kind: 'release',
      needs: plan.steps.map((step) => step.id),
      reasons: [reason('all-or-nothing', 'one red check, and there is no release')],
    })
  }
  const release = draft.pending.size === 0 && plan.red.length === 0 && plan.steps.length === 0 ? draft.release.id : null
  const services = plan.services.map((service) => withNotes(service, study))
  const content = { commit, ref, release, services, environments, steps }
  return { ...content, hash: digestOf('plan', content) as PlanHash }
}

/** What is shown is one picture: the state is looked at once, at the same time as the rest. */
function atOneMoment(engine: Engine, signal: AbortSignal): Engine {
  const snapshot = engine.ledger.refresh(signal)
  // Whoever asks first hears of it.
  snapshot.catch(() => {})
  return { ...engine, ledger: { ...engine.ledger, refresh: () => snapshot } }
}

const withNotes = (service: PlannedService, study: Study): PlannedService => {
  const notes = study.selection[service.name]?.notes ?? []
  return notes.length === 0 ? service : { ...service, reasons: [...service.reasons, ...notes] }
}

/** Where the ref leads, or the environment that was asked for. */
function placesFor(scene: Scene, ref: RefName | null, environment: EnvironmentName | null): RouteMatch[] {
  if (environment !== null) {
    const policy = requirePolicy(scene.project, environment)
    const match = ref === null ? undefined : matchRoutes([policy], ref)[0]
    return [match ?? { environment: policy, route: { kind: 'branch', pattern: '', reachableFrom: null }, captures: {} }]
  }
  if (ref === null) return []
  const policies = Object.keys(scene.project.environments).flatMap((name) => policyOf(scene.project, name) ?? [])
  const matches = matchRoutes(policies, ref)
  const order = inUpstreamOrder(matches.map((match) => match.environment))
  return order.flatMap((policy) => matches.find((match) => match.environment === policy) ?? [])
}

/** The release as it will be; artifacts still to be built stand in by their input hash and are shown as null. */
function draftRelease(study: Study, plan: ReleasePlan): { release: Release; pending: ReadonlySet<Digest> } {
  const pending = new Set<Digest>()
  const artifacts: Record<ServiceName, Digest> = {}
  for (const service of plan.services) {
    const known = plan.artifacts[service.name]
    if (known !== undefined) artifacts[service.name] = known
    else {
      const stand = `sha256:${service.inputHash}` as Digest // Never leaves this file: `pending` tells it from a real one.
      artifacts[service.name] = stand
      pending.add(stand)
    }
  }
  return { release: composeRelease({ ...study.parts, project: study.project, artifacts }), pending }
}

async function whyNotAtAll(
  engine: Engine,
  scene: Scene,
  match: RouteMatch,
  plan: ReleasePlan,
  recorded: MadeRelease | null,
  mayBuild: boolean,
): Promise<{ action: 'refuse' | 'wait'; reasons: Reason[] } | null> {
  const { reachableFrom } = match.route
  if (reachableFrom !== null && !(await isReachable(engine, scene, reachableFrom))) {
    return {
      action: 'refuse',
      reasons: [
        reason('not-reachable', `${scene.commit.id.slice(0, 7)} is not on ${reachableFrom}`, {
          ref: branchRef(reachableFrom),
          hint: `merge it to ${reachableFrom} first`,
        }),
      ],
    }
  }
  if (recorded?.kind === 'failed')
    return { action: 'refuse', reasons: hintedFor(scene.project, match.environment.name, recorded.reasons) }
  const red = plan.red[0]
  if (red !== undefined) {
    return {
      action: 'refuse',
      reasons: [
        reason(
          'check-red',
          `check ${red.check} of ${red.service} was red for the same inputs at ${red.commit.slice(0, 7)}`,
        ),
      ],
    }
  }
  if (!mayBuild && recorded === null && plan.steps.length > 0) {
    return {
      action: 'wait',
      reasons: [
        reason('no-release', `${scene.commit.id.slice(0, 7)} has no release yet, and a promotion builds nothing`, {
          hint: `it has to pass ${match.environment.after.join(', ')} first`,
        }),
      ],
    }
  }
  return null
}

/** What the command line promises of a step, and no more. */
const shownStep = ({ id, kind, needs, reasons }: PlannedStep): PlannedStep => ({ id, kind, needs, reasons })

/** Nobody can look up bytes that are yet to be built. */
const withoutStandIns = (reasons: readonly Reason[], pending: ReadonlySet<Digest>): Reason[] =>
  reasons.map((known) =>
    known.digest !== undefined && pending.has(known.digest as Digest) // Reasons carry ids as text.
      ? reason(known.code, 'it gets the artifact that is built first')
      : known,
  )

type EnvironmentPlanOptions = {
  ref: RefName | null
  release: Release
  pending: ReadonlySet<Digest>
  signal: AbortSignal
}

async function planEnvironment(
  engine: Engine,
  scene: Scene,
  match: RouteMatch,
  { ref, release, pending, signal }: EnvironmentPlanOptions,
): Promise<{ environment: PlannedEnvironment; steps: PlannedStep[] }> {
  const { environment: policy } = match
  const snapshot = await engine.ledger.refresh(signal)
  const yanks = await engine.ledger.yanks(snapshot)
  const position = await engine.ledger.environment(snapshot, policy.name)
  const { state } = position
  const candidate: Candidate = {
    release: release.id,
    view: viewOf(release, policy.name),
    commit: scene.commit.id,
    ref,
    version: versionOf(ref, match.captures, scene.commit.id),
    author: { name: scene.commit.author.name, email: scene.commit.author.email },
  }
  const gathered = await gatherDeploymentFacts(engine, {
    ...{ policy, state, snapshot, release, candidate, yanks, pending, signal },
    direction: 'forward',
    leaving: null,
  })
  const plan = planDeployment(gathered.facts)
  const shown = (digest: Digest | null): Digest | null => (digest !== null && pending.has(digest) ? null : digest)
  const services = plan.services.map((service) => ({
    ...service,
    to: shown(service.to),
    reasons: withoutStandIns(service.reasons, pending),
  }))
  const isNothing = plan.steps.every((step) => step.kind === 'tag')
  const decision = isNothing
    ? yankGate(release, policy.name, yanks)
    : await decide(engine, {
        policy,
        scene,
        release,
        state,
        approvals: await engine.ledger.approvals(position),
        snapshot,
        yanks,
        plan,
        trigger: ref === null ? 'deploy' : 'route',
        isBuilt: pending.size === 0,
        signal,
      })
  const action = decision.action === 'deploy' && isNothing ? 'none' : decision.action
  const why =
    action === 'none'
      ? [reason('already-running', `${policy.name} already runs this release`)]
      : decision.reasons.length > 0
        ? decision.reasons
        : [
            ref === null
              ? reason('asked-for', `${policy.name} was asked for by name`)
              : reason('route', `${shortRef(ref)} feeds ${policy.name}`, { ref }),
          ]
  return {
    environment: {
      name: policy.name,
      action,
      reasons: distinctReasons([...why, ...gathered.problems, ...(position.voided ?? []).map((known) => known.reason)]),
      plan: pending.size === 0 ? plan.hash : null,
      services,
    },
    steps: plan.steps.map((step) => shownStep({ ...step, reasons: withoutStandIns(step.reasons, pending) })),
  }
}

/** A refused approval is told by its gate and by its history. */
const distinctReasons = (reasons: readonly Reason[]): Reason[] => [
  ...new Map(reasons.map((known) => [known.message, known])).values(),
]

type GateFacts = {
  policy: EnvironmentPolicy
  scene: Scene
  release: Release
  state: Awaited<ReturnType<Engine['ledger']['environment']>>['state']
  approvals: Awaited<ReturnType<Engine['ledger']['approvals']>>
  snapshot: Awaited<ReturnType<Engine['ledger']['refresh']>>
  yanks: Awaited<ReturnType<Engine['ledger']['yanks']>>
  plan: ReturnType<typeof planDeployment>
  trigger: 'deploy' | 'route'
  isBuilt: boolean
  signal: AbortSignal
}

async function decide(engine: Engine, facts: GateFacts): Promise<GateDecision> {
  const { policy, scene, release, state, plan } = facts
  const gates = [
    yankGate(release, policy.name, facts.yanks),
    await earlyGates(engine, facts),
    approvalGate({
      policy,
      people: scene.project.people,
      ...facts.approvals,
      plan: plan.hash,
      covers: plan.covers,
      losses: lossesOf(plan),
      waitingCovers: state.waiting?.covers ?? null,
      author: { name: scene.commit.author.name, email: scene.commit.author.email },
      nowMs: engine.world.clock.now(),
    }),
  ]
  return gates.find((gate) => gate.action !== 'deploy') ?? { action: 'deploy', reasons: [], untilMs: null }
}
