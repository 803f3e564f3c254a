/** Pure: the graph of steps that takes one environment from what runs there to a release. */
import { digestOf } from '../hashing/index.ts'
import {
  type DeploymentPlan,
  type DeploymentStep,
  type EnvironmentPolicy,
  type PlanHash,
  type Preview,
  type Reason,
  reason,
  type ServiceName,
  type Verification,
} from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'
import { type EarlyHook, gatewayTo, interleaved, type RolloutStep, withUpstream } from './early-hooks.ts'
import { planHook, undoesSomething } from './hook-steps.ts'
import { planServices, whatLeaves } from './planned-services.ts'
import { environmentOf, viewOf } from './release.ts'
import { planRemoval, planRollouts } from './rollout-steps.ts'

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
