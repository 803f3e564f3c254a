/** Pure: the steps that roll services out and take them away. */
import {
  type DeploymentStep,
  type DesiredService,
  type EnvironmentName,
  type Fingerprint,
  isStaged,
  type PlannedDeploy,
  type Release,
  type ServiceName,
} from '../model/index.ts'
import type { DeploymentFacts } from './deployment-facts.ts'
import type { RolloutStep } from './early-hooks.ts'
import { targetOf } from './placement.ts'
import type { Leaving } from './planned-services.ts'
import { previewOf } from './previews.ts'
import { deployInputsOf, environmentOf, generationOf } from './release.ts'
import { rolloutFor } from './rollout-strategy.ts'

/** Services roll side by side, each after those it names in `deployAfter` (where they roll too). */
export function planRollouts(
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

export function planRemoval({ policy, release }: DeploymentFacts, leaving: Leaving, needs: string[]): DeploymentStep {
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
