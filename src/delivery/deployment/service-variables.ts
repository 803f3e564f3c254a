/** The variables of a service, a hook or a verification: what they hold of the services and the infrastructure beside them. */
import type { EnvironmentPolicy, EnvironmentVariable, Release, ServiceName, TargetName } from '../../model/index.ts'
import { targetOf } from '../../planning/index.ts'
import { type Outputs, resolveVariables } from '../../variables/resolve-variables.ts'
import type { Engine } from '../engine.ts'
import type { GatheredFacts } from './deployment-facts.ts'

export type ServiceVariables = {
  values: Record<string, string>
  /** Secret values among them. */
  secrets: string[]
  missing: string[]
  /** Outputs of infrastructure that are not there yet. */
  awaited: string[]
}

/** What services of an environment are told of each other. */
export type Surroundings = { addresses: Record<ServiceName, string>; outputs: Outputs }

/** Names of the variables a service declares secret. */
export const secretNames = (env: Record<string, EnvironmentVariable>): string[] =>
  Object.entries(env).flatMap(([name, variable]) =>
    (variable.kind === 'from' || variable.kind === 'output') && variable.secret ? [name] : [],
  )

/**
 * References to other services as the addresses they have now. One that has none yet (a hook before the first rollout)
 * is left out rather than set to nothing.
 */
export function withAddresses(
  env: Record<string, EnvironmentVariable>,
  values: Record<string, string>,
  addresses: Record<ServiceName, string>,
): Record<string, string> {
  const complete = { ...values }
  for (const [name, variable] of Object.entries(env)) {
    const address = variable.kind === 'service' ? addresses[variable.service] : undefined
    if (address !== undefined) complete[name] = address
  }
  return complete
}

/** What the services of a release, or those that are named, say of themselves where they run now. */
export async function surroundingsIn(
  { world }: Engine,
  policy: EnvironmentPolicy,
  release: Release,
  signal: AbortSignal,
  named: readonly ServiceName[] = Object.keys(release.services),
): Promise<Surroundings> {
  const addresses: Record<ServiceName, string> = {}
  const outputs: Record<ServiceName, Readonly<Record<string, string>>> = {}
  const byTarget = new Map<TargetName, ServiceName[]>()
  for (const name of named) {
    const service = release.services[name]
    if (!service?.run) continue
    const target = targetOf(policy, service)
    byTarget.set(target, [...(byTarget.get(target) ?? []), name])
  }
  const lookAt = async ([name, services]: [TargetName, ServiceName[]]) => {
    const target = await world.target(policy, name)
    const observation = await target.observe(services, signal)
    if (!observation.reachable) return
    for (const [service, observed] of Object.entries(observation.services)) {
      if (observed.url !== null) addresses[service] = observed.url
      if (observed.outputs !== undefined) outputs[service] = observed.outputs
    }
  }
  await Promise.all([...byTarget].map(lookAt))
  return { addresses, outputs }
}

/** Variables of a verification: the environment's own, and every service's address. */
export function verificationVariables(
  env: Record<string, EnvironmentVariable>,
  gathered: Pick<GatheredFacts, 'available'>,
  { addresses, outputs }: Surroundings,
): ServiceVariables {
  const resolved = resolveVariables(env, gathered.available, outputs)
  const values = withAddresses(env, resolved.values, addresses)
  for (const [service, address] of Object.entries(addresses)) {
    values[`TRUNKLINE_URL_${service.toUpperCase().replaceAll('-', '_')}`] = address
  }
  return { values, secrets: resolved.secrets, missing: resolved.missing, awaited: resolved.awaited }
}
