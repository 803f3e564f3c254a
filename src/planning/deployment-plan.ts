/** Pure: the graph of steps that takes one environment from what runs there to a release. */
import { digestOf } from '../hashing/index.ts'
import type {
  DeploymentPlan,
  DeploymentStep,
  DesiredService,
  Digest,
  EnvironmentName,
  EnvironmentPolicy,
  EnvironmentState,
  Fingerprint,
  Hook,
  PlanHash,
  PlannedDeploy,
  Preview,
  PreviewedChange,
  Reason,
  Release,
  ReleasedService,
  ReleaseId,
  RunningService,
  ServiceName,
  TargetName,
  Verification,
} from '../model/index.ts'
import { hasBegun, isLoss, isStaged, reason, short } from '../model/index.ts'
import { type EarlyHook, gatewayTo, interleaved, type RolloutStep, withUpstream } from './early-hooks.ts'
import { deployInputsOf, environmentOf, generationOf, viewOf } from './release.ts'
import { rolloutFor, whyInStages } from './rollout-strategy.ts'

/** What a target says runs of one service now; null: nothing. */
export type SeenService = {
  generation: string | null
  artifact: Digest | null
  fingerprint: Fingerprint | null
  isHealthy: boolean
  /** What others changed, and shall be put back. Absent where nothing was. */
  changed?: Reason
}

export type DeploymentFacts = {
  policy: EnvironmentPolicy
  state: EnvironmentState
  release: Release
  /** The release in `state.running`, where it can still be read: for reasons and for rollback hooks. */
  runningRelease: Release | null
  /** By service; `unknown` where its target could not be asked (planning goes by the ledger then). */
  seen: Record<ServiceName, SeenService | null | 'unknown'>
  /** Of the variables each service would receive now; absent: unknown. */
  fingerprints: Record<ServiceName, Fingerprint>
  previews: Record<ServiceName, Preview>
  /** Human names the release's artifacts get in the store (short sha, git tag). */
  tags: string[]
  /** Whether this environment has verified the view already, and still may lean on it. */
  isVerified: boolean
  /** A way back runs no before/after hooks but the declared rollback hooks, in reverse (invariant 10). */
  direction: 'forward' | 'back'
  /** Of a way back: the release being left (its rollback hooks run, in its artifacts) and the hooks that ran with it. */
  leaving: { release: Release; hooksRun: ReadonlySet<string> } | null
}

/** The plan for one environment. Nothing to do gives a plan without steps (but for tags). */
export function planDeployment(facts: DeploymentFacts): DeploymentPlan {
  const { policy, release, state } = facts
  const leaving = whatLeaves(facts)
  const services = planServices(facts, leaving)
  const environment = environmentOf(release, policy.name)
  const steps: DeploymentStep[] = []
  let gateway: string[] = []

  const chain = (step: DeploymentStep) => {
    steps.push(step)
    gateway = [step.id]
  }

  const early: EarlyHook[] = []
  for (const hook of facts.direction === 'forward' ? environment.before : []) {
    const step = planHook(facts, release, hook, 'before', gateway)
    early.push({ id: step?.id ?? null, after: withUpstream(hook.deployAfter ?? [], release) })
    if (step !== null) chain(step)
  }

  const rollouts = planRollouts(facts, services, (name) => gatewayTo(name, early))
  const rolled = rollouts.map((step) => step.id)
  steps.splice(0, steps.length, ...interleaved(steps, rollouts, early))
  // Where services roll before a hook, their being rolled does not say that it ran.
  const last = early.some(({ id, after }) => id !== null && after.size > 0) ? gateway : []
  const removals = leaving.map((place) => planRemoval(facts, place, rolled.length > 0 ? [...last, ...rolled] : gateway))
  steps.push(...removals)
  if (rollouts.length + removals.length > 0) gateway = [...last, ...rolled, ...removals.map((step) => step.id)]

  const late = facts.direction === 'forward' ? environment.after : []
  for (const hook of late) {
    const step = planHook(facts, release, hook, 'after', gateway)
    if (step !== null) chain(step)
  }
  if (facts.leaving !== null) {
    for (const hook of [...environmentOf(facts.leaving.release, policy.name).rollback].reverse()) {
      if (!undoesSomething(hook, facts.leaving)) continue
      const step = planHook(facts, facts.leaving.release, hook, 'rollback', gateway)
      if (step !== null) chain(step)
    }
  }
  if (steps.length > 0 || !facts.isVerified) {
    const why =
      steps.length > 0
        ? reason('verify-after-change', 'what was changed is verified before it counts')
        : reason('not-verified-here', `${policy.name} has not verified this release yet`)
    for (const verification of environment.verify) chain(planVerification(policy, verification, gateway, why))
  }
  if (facts.tags.length > 0) steps.push(planTags(facts))

  const covers = coversOf(facts, steps)
  return {
    environment: policy.name,
    from: state.running?.release ?? null,
    to: release.id,
    view: viewOf(release, policy.name),
    hash: digestOf('plan', covers) as PlanHash,
    covers,
    services,
    steps,
  }
}

/** What an approval binds to (invariant 9), part by part. Tags and reasons are for people and stay out. */
function coversOf(facts: DeploymentFacts, steps: readonly DeploymentStep[]): Record<string, string> {
  const { routes: _routes, ...policy } = facts.policy
  const bound = steps
    .filter((step) => step.kind !== 'tag')
    .map(({ reasons: _reasons, ...step }) => (step.kind === 'rollout' ? withoutFacts(step) : step))
  return {
    'from release': facts.state.running?.release ?? 'nothing',
    'to release': facts.release.id,
    'view of the release': viewOf(facts.release, facts.policy.name),
    policy: digestOf('policy', policy),
    steps: digestOf('steps', bound),
    variables: digestOf('variables', facts.fingerprints),
    previews: digestOf('previews', previewDigests(facts.previews)),
  }
}

/** Fingerprints and previews are bound by themselves, so that what moved has its own name. */
function withoutFacts({ preview: _preview, desired, ...step }: Omit<RolloutStep, 'reasons'>) {
  const { fingerprint: _fingerprint, ...wanted } = desired
  return { ...step, desired: wanted }
}

const previewDigests = (previews: Record<ServiceName, Preview>): Record<ServiceName, string> =>
  Object.fromEntries(Object.entries(previews).map(([service, { digest }]) => [service, digest]))

/** Of what a plan rolls out: the digest of each service's preview. */
export const previewsOf = ({ steps }: Pick<DeploymentPlan, 'steps'>): Record<ServiceName, string> =>
  Object.fromEntries(
    steps.flatMap((step) =>
      step.kind === 'rollout' && step.preview !== undefined ? [[step.service, step.preview.digest]] : [],
    ),
  )

/** What would be lost if a plan were carried out, by service. */
export const lossesOf = ({ steps }: Pick<DeploymentPlan, 'steps'>): Loss[] =>
  steps.flatMap((step) =>
    step.kind === 'rollout' && step.preview !== undefined
      ? step.preview.changes.filter(isLoss).map((change) => ({ service: step.service, change }))
      : [],
  )

export type Loss = { service: ServiceName; change: PreviewedChange }

function planServices(facts: DeploymentFacts, leaving: readonly Leaving[]): PlannedDeploy[] {
  const planned: PlannedDeploy[] = []
  const running = facts.state.running?.services ?? {}
  for (const [name, service] of Object.entries(facts.release.services)) {
    const before = running[name]
    const from = before?.artifact ?? null
    if (service.run === null) {
      planned.push({
        name,
        from,
        to: service.artifact,
        action: 'none',
        reasons: [reason('nothing-to-run', `${name} has no run command`)],
      })
      continue
    }
    const reasons = whyDeploy(name, service, before, facts)
    if (reasons.length > 0 && before !== undefined) reasons.push(...howDeploy(name, service, facts))
    planned.push({
      name,
      from,
      to: service.artifact,
      action: reasons.length > 0 ? 'deploy' : 'none',
      ...(reasons.length > 0 ? previewOf(name, facts) : {}),
      reasons:
        reasons.length > 0
          ? reasons
          : [
              reason('already-running', `${name} already runs these bytes with these settings`, {
                digest: service.artifact,
              }),
            ],
    })
  }
  for (const { name, from, reasons } of leaving) planned.push({ name, from, to: null, action: 'remove', reasons })
  return withUsersOfOutputs(planned, facts)
}

/** What infrastructure comes to may be new once it has rolled: who is given it is told. Where it is not, nothing happens. */
function withUsersOfOutputs(planned: readonly PlannedDeploy[], facts: DeploymentFacts): PlannedDeploy[] {
  const rolling = new Set(planned.flatMap(({ name, action }) => (action === 'deploy' ? [name] : [])))
  const givers = (name: ServiceName): ServiceName[] =>
    Object.values(facts.release.services[name]?.env ?? {}).flatMap((variable) =>
      variable.kind === 'output' && rolling.has(variable.service) ? [variable.service] : [],
    )
  const told = planned.map((service): PlannedDeploy => {
    const [giver] = service.action === 'none' && service.to !== null ? givers(service.name) : []
    if (giver === undefined || !facts.release.services[service.name]?.run) return service
    const why = reason(
      'output-may-change',
      `${service.name} is given outputs of ${giver}, which is rolled out before it`,
    )
    return { ...service, action: 'deploy', reasons: [why], ...previewOf(service.name, facts) }
  })
  const isSettled = told.every(({ action }, index) => action === planned[index]?.action)
  return isSettled ? told : withUsersOfOutputs(told, facts)
}

/** A service that is, or may be, where the release does not want it. */
type Leaving = { name: ServiceName; target: TargetName; from: Digest | null; reasons: Reason[] }

function whatLeaves({ policy, release, state }: DeploymentFacts): Leaving[] {
  const leaving: Leaving[] = []
  const wantedAt = (name: ServiceName): TargetName | null => {
    const service = release.services[name]
    return service?.run ? targetOf(policy, service) : null
  }
  const running = state.running?.services ?? {}
  for (const [name, { artifact, target }] of Object.entries(running)) {
    const wanted = wantedAt(name)
    if (wanted === null) {
      const why = reason('not-in-release', `${name} is not part of this release any more`)
      leaving.push({ name, target, from: artifact, reasons: [why] })
    } else if (wanted !== target && Object.hasOwn(policy.targets, target)) {
      const why = reason('moved', `${name} runs on ${wanted} from now on, and no longer on ${target}`)
      leaving.push({ name, target, from: artifact, reasons: [why] })
    }
  }
  for (const [name, targets] of Object.entries(state.placed ?? {})) {
    for (const target of targets) {
      const isKnown = leaving.some((place) => place.name === name && place.target === target)
      // Also where nothing is seen: instances that only began to start are no service yet, and nobody else ends them.
      if (isKnown || wantedAt(name) === target || !Object.hasOwn(policy.targets, target)) continue
      const why = reason('left-behind', `a deployment that did not succeed may have left ${name} on ${target}`)
      leaving.push({ name, target, from: null, reasons: [why] })
    }
  }
  return leaving
}

function whyDeploy(
  name: ServiceName,
  service: ReleasedService,
  before: RunningService | undefined,
  facts: DeploymentFacts,
): Reason[] {
  const seen = facts.seen[name]
  const wanted = generationOf(facts.release, name, facts.policy.name)
  if (before === undefined && (seen === null || seen === 'unknown' || seen === undefined)) {
    return [reason('new-here', `${name} does not run in ${facts.policy.name} yet`, { digest: service.artifact })]
  }
  const reasons: Reason[] = []
  const generation = seen === 'unknown' || seen === undefined ? before?.generation : (seen?.generation ?? null)
  if (generation !== wanted) {
    reasons.push(...whatDiffers(name, service, before, facts))
    if (reasons.length === 0) {
      reasons.push(
        reason('drift', `${name} should be running and is not what the ledger says`, { digest: service.artifact }),
      )
    }
  } else if (seen !== 'unknown' && seen !== undefined && seen !== null && !seen.isHealthy) {
    reasons.push(reason('not-healthy', `${name} runs these bytes but is not healthy`))
  }
  if (seen !== 'unknown' && seen?.changed !== undefined) reasons.push(seen.changed)
  const fingerprint = facts.fingerprints[name]
  const known = seen === 'unknown' || seen === undefined ? before?.fingerprint : seen?.fingerprint
  if (fingerprint !== undefined && known !== undefined && known !== null && known !== fingerprint) {
    reasons.push(reason('variables-changed', `a variable or secret of ${name} has changed`))
  }
  if (before !== undefined && before.settings !== settingsOf(facts.policy, targetOf(facts.policy, service))) {
    reasons.push(reason('target-settings-changed', `the settings of its target changed (replicas, ports, …)`))
  }
  return reasons
}

/** Who approves a plan sees the stages it goes through. */
function howDeploy(
  name: ServiceName,
  service: ReleasedService,
  { policy, release, direction }: DeploymentFacts,
): Reason[] {
  const { strategy } = rolloutFor(name, service, environmentOf(release, policy.name), direction)
  return isStaged(strategy) ? [whyInStages(strategy)] : []
}

function whatDiffers(
  name: ServiceName,
  service: ReleasedService,
  before: RunningService | undefined,
  facts: DeploymentFacts,
): Reason[] {
  if (before === undefined) return []
  const reasons: Reason[] = []
  if (before.artifact !== service.artifact) {
    reasons.push(
      reason('artifact-changed', `${name} goes from ${short(before.artifact)} to ${short(service.artifact)}`, {
        digest: service.artifact,
      }),
    )
  }
  const previous = facts.runningRelease?.services[name]
  if (previous === undefined) return reasons
  for (const file of changedPaths(previous.deployInputs, service.deployInputs)) {
    reasons.push(
      reason('deploy-input-changed', `${file} says how ${name} is deployed and changed`, {
        file,
        rule: 'deployInputs',
      }),
    )
  }
  if (digestOf('run', previous.run) !== digestOf('run', service.run)) {
    reasons.push(reason('run-changed', `how ${name} is run changed in trunkline.yaml`, { file: 'trunkline.yaml' }))
  }
  if (digestOf('env', previous.env) !== digestOf('env', service.env)) {
    reasons.push(
      reason('env-changed', `the variables ${name} declares changed in trunkline.yaml`, { file: 'trunkline.yaml' }),
    )
  }
  return reasons
}

function changedPaths(before: Record<string, string>, after: Record<string, string>): string[] {
  const paths = new Set([...Object.keys(before), ...Object.keys(after)])
  return [...paths].filter((path) => before[path] !== after[path]).sort()
}

/** Services roll side by side, each after those it names in `deployAfter` (where they roll too). */
function planRollouts(
  facts: DeploymentFacts,
  services: readonly PlannedDeploy[],
  gatewayOf: (service: ServiceName) => string[],
): RolloutStep[] {
  const { policy, release } = facts
  const rolling = services.filter((service) => service.action === 'deploy')
  const names = new Set(rolling.map((service) => service.name))
  const environment = environmentOf(release, policy.name)
  return rolling.flatMap((planned): RolloutStep[] => {
    const service = release.services[planned.name]
    if (service === undefined || service.run === null) return []
    const upstream = reachableThrough(planned.name, release, names)
    const { strategy, verifications } = rolloutFor(planned.name, service, environment, facts.direction)
    return [
      {
        id: `${policy.name}/rollout:${planned.name}`,
        kind: 'rollout',
        needs: [...gatewayOf(planned.name), ...upstream.map((name) => `${policy.name}/rollout:${name}`)],
        reasons: planned.reasons,
        service: planned.name,
        target: targetOf(policy, service),
        desired: desiredOf(release, planned.name, policy.name, facts.fingerprints[planned.name] ?? null),
        from: planned.from,
        strategy,
        ...(isStaged(strategy) ? { verifications } : {}),
        ...previewOf(planned.name, facts),
      },
    ]
  })
}

const previewOf = (name: ServiceName, { previews }: DeploymentFacts): { preview?: Preview } => {
  const preview = previews[name]
  return preview === undefined ? {} : { preview }
}

/** The nearest services among `names` that `deployAfter` leads to, through others that do not roll. */
function reachableThrough(start: ServiceName, release: Release, names: ReadonlySet<ServiceName>): ServiceName[] {
  const found = new Set<ServiceName>()
  const visited = new Set<ServiceName>([start])
  const visit = (name: ServiceName) => {
    for (const next of release.services[name]?.deployAfter ?? []) {
      if (visited.has(next)) continue
      visited.add(next)
      if (names.has(next)) found.add(next)
      else visit(next)
    }
  }
  visit(start)
  return [...found].sort()
}

/** What is to run of a service that has something to run. */
export function desiredOf(
  release: Release,
  name: ServiceName,
  environment: EnvironmentName,
  fingerprint: Fingerprint | null,
): DesiredService {
  const service = release.services[name]
  if (!service?.run) throw new Error(`${name} has nothing to run`)
  const deploy = deployInputsOf(release, name, environment)
  return {
    artifact: service.artifact,
    generation: generationOf(release, name, environment),
    run: service.run,
    env: service.env,
    fingerprint,
    ...(deploy === null ? {} : { deploy }),
  }
}

function planRemoval({ policy, release }: DeploymentFacts, leaving: Leaving, needs: string[]): DeploymentStep {
  const { name, target, reasons } = leaving
  const isMoved = release.services[name]?.run ?? null
  return {
    id: `${policy.name}/remove:${name}${isMoved === null ? '' : `@${target}`}`,
    kind: 'remove',
    needs,
    reasons,
    service: name,
    target,
  }
}

/** A hook that already ran with this definition in these bytes does not run again. */
function planHook(
  facts: DeploymentFacts,
  release: Release,
  hook: Hook,
  phase: 'before' | 'after' | 'rollback',
  needs: string[],
): DeploymentStep | null {
  const service = release.services[hook.service]
  if (service === undefined) return null
  const key = hookKey(hook, service.artifact, phase)
  if (phase !== 'rollback' && facts.state.hooks[hook.name] === key) return null
  const before = facts.state.hooks[hook.name]
  return {
    id: `${facts.policy.name}/hook:${phase}/${hook.name}`,
    kind: 'hook',
    needs,
    reasons: [
      phase === 'rollback'
        ? reason('rollback-hook', `${hook.name} is declared for the way back`)
        : before === undefined
          ? reason('hook-never-ran', `${hook.name} has not run in ${facts.policy.name} yet`)
          : reason('hook-changed', `${hook.name} or the artifact of ${hook.service} it runs in changed`, {
              digest: service.artifact,
            }),
    ],
    phase,
    hook,
    key,
    artifact: service.artifact,
    target: targetOf(facts.policy, service),
  }
}

export const hookKey = (hook: Hook, artifact: Digest, phase: 'before' | 'after' | 'rollback'): string =>
  digestOf('hook', { hook, artifact, phase }).slice(0, 32)

/** A rollback hook named like a before/after hook undoes that one: it runs only if that one ran. Others always run. */
function undoesSomething(hook: Hook, leaving: NonNullable<DeploymentFacts['leaving']>): boolean {
  const isNamesake = Object.values(leaving.release.environments).some((environment) =>
    [...environment.before, ...environment.after].some((known) => known.name === hook.name),
  )
  return !isNamesake || leaving.hooksRun.has(hook.name)
}

const planVerification = (
  policy: EnvironmentPolicy,
  verification: Verification,
  needs: string[],
  why: Reason,
): DeploymentStep => ({
  id: `${policy.name}/verify:${verification.name}`,
  kind: 'verify',
  needs,
  reasons: [why],
  verification,
})

const planTags = (facts: DeploymentFacts): DeploymentStep => ({
  id: `${facts.policy.name}/tag`,
  kind: 'tag',
  needs: [],
  reasons: [reason('tag-for-people', `the artifacts are named ${facts.tags.join(', ')} in the store, for people`)],
  artifacts: [...new Set(Object.values(facts.release.services).map((service) => service.artifact))].sort(),
  tags: facts.tags,
})

/** The target a service runs on: its own word, else the environment's only one. */
export function targetOf(policy: EnvironmentPolicy, service: ReleasedService | null): TargetName {
  if (service?.target && Object.hasOwn(policy.targets, service.target)) return service.target
  return Object.keys(policy.targets)[0] ?? 'none'
}

/** Where a plan rolls services out. */
export const placesOf = (plan: Pick<DeploymentPlan, 'steps'>): Record<ServiceName, TargetName> =>
  Object.fromEntries(plan.steps.flatMap((step) => (step.kind === 'rollout' ? [[step.service, step.target]] : [])))

/** Digest of a target's settings as far as one environment's instances are concerned. */
export const settingsOf = (policy: EnvironmentPolicy, target: TargetName): string =>
  digestOf('target', policy.targets[target] ?? null).slice(0, 32)

/** What runs once a plan is carried out, for the ledger. */
export function runningServices(
  facts: Pick<DeploymentFacts, 'policy' | 'release' | 'fingerprints'>,
  inputHashes: Record<ServiceName, RunningService['inputHash']>,
): Record<ServiceName, RunningService> {
  const services: Record<ServiceName, RunningService> = {}
  for (const [name, service] of Object.entries(facts.release.services)) {
    if (service.run === null) continue
    const target = targetOf(facts.policy, service)
    services[name] = {
      artifact: service.artifact,
      inputHash: inputHashes[name] ?? null,
      target,
      generation: generationOf(facts.release, name, facts.policy.name),
      fingerprint: facts.fingerprints[name] ?? null,
      settings: settingsOf(facts.policy, target),
    }
  }
  return services
}

/** The newest release a way back can go to: healthy here once, not the one being left, not banned, not passed over. */
export function rollbackCandidates(state: EnvironmentState, leaving: ReleaseId | null): EnvironmentState['history'] {
  return state.history.filter((known) => known.release !== leaving && !state.passedOver.includes(known.release))
}

/** Hooks that cannot be undone and ran here since a release ran: going back to it needs force (invariant 10). */
export const irreversibleSince = (state: EnvironmentState, to: { seq: number }): string[] => [
  ...new Set([
    ...state.irreversible.filter((ran) => ran.seq > to.seq).map((ran) => ran.hook),
    ...Object.values(state.deployment?.hooks ?? {})
      .filter((hook) => hook.irreversible && hasBegun(hook))
      .map((hook) => hook.hook),
  ]),
]

/** Names of hooks that ran with the bytes of the release being left, and not with those of the one it goes back to. */
export function hooksRunSince(state: EnvironmentState, from: Release, to: Release): ReadonlySet<string> {
  const { before, after } = environmentOf(from, state.environment)
  const phases = [
    ...before.map((hook) => ({ hook, phase: 'before' as const })),
    ...after.map((hook) => ({ hook, phase: 'after' as const })),
  ]
  const ran = phases.filter(({ hook, phase }) => {
    const key = keyIn(from, state.environment, hook.name, phase)
    const isLast = key !== null && state.hooks[hook.name] === key
    return isLast && keyIn(to, state.environment, hook.name, phase) !== key
  })
  const begun = Object.values(state.deployment?.hooks ?? {}).filter((hook) => hook.phase !== 'rollback')
  return new Set([...ran.map(({ hook }) => hook.name), ...begun.map((hook) => hook.hook)])
}

/** The key that a release's hook of this name has in one environment; null where it has none. */
function keyIn(release: Release, environment: string, name: string, phase: 'before' | 'after'): string | null {
  const hook = environmentOf(release, environment)[phase].find((known) => known.name === name)
  const service = hook === undefined ? undefined : release.services[hook.service]
  return hook === undefined || service === undefined ? null : hookKey(hook, service.artifact, phase)
}
