/**
 * Hooks before the rollouts, and the services they come after: what serves a migration's API is rolled out before it,
 * and everything else waits for it.
 */
import type { DeploymentStep, Release, ServiceName } from '../model/index.ts'

export type EarlyHook = {
  /** Its step; null where it has nothing to do this time. */
  id: string | null
  /** Services that may not wait for it. */
  after: ReadonlySet<ServiceName>
}

export type RolloutStep = Extract<DeploymentStep, { kind: 'rollout' }>

/** Services with all that they are deployed after. */
export function withUpstream(services: readonly ServiceName[], release: Release): ReadonlySet<ServiceName> {
  const found = new Set<ServiceName>()
  const visit = (name: ServiceName) => {
    if (found.has(name)) return
    found.add(name)
    for (const next of release.services[name]?.deployAfter ?? []) visit(next)
  }
  for (const name of services) visit(name)
  return found
}

/** What a service waits for: the last hook before the first one that comes after the service. Hooks wait for each other. */
export function gatewayTo(service: ServiceName, hooks: readonly EarlyHook[]): string[] {
  const bound = hooks.findIndex(({ after }) => after.has(service))
  const waitsFor = hooks.slice(0, bound === -1 ? hooks.length : bound).flatMap(({ id }) => (id === null ? [] : [id]))
  return waitsFor.slice(-1)
}

/** Both in the order in which they come, with hooks needing the rollouts they come after. */
export function interleaved(
  steps: readonly DeploymentStep[],
  rollouts: readonly RolloutStep[],
  hooks: readonly EarlyHook[],
): DeploymentStep[] {
  const waiting = new Set(rollouts)
  const ordered: DeploymentStep[] = []
  for (const { id, after } of hooks) {
    const early = rollouts.filter((step) => after.has(step.service))
    const hook = steps.find((step) => step.id === id)
    for (const step of early) {
      if (waiting.delete(step)) ordered.push(step)
    }
    if (hook !== undefined) ordered.push({ ...hook, needs: [...hook.needs, ...early.map((step) => step.id)] })
  }
  return [...ordered, ...waiting]
}
