/** Pure: where services run, and what is known of them once they do. */
import { digestOf } from '../hashing/index.ts'
import type {
  DeploymentPlan,
  EnvironmentPolicy,
  ReleasedService,
  RunningService,
  ServiceName,
  TargetName,
} from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'
import { generationOf } from './release.ts'

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
