/** The variables of an environment, and what to say of those that a service needs and nobody has set. */
import {
  type EnvironmentPolicy,
  type Reason,
  type Release,
  reason,
  type ServiceName,
  TrunklineError,
} from '../../model/index.ts'
import { type DeploymentFacts, environmentOf } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import type { ServiceVariables } from './service-variables.ts'

type Asked = {
  policy: EnvironmentPolicy
  release: Release
  direction: DeploymentFacts['direction']
}

/** Those that run, and those whose artifact a hook runs in: only they need their variables. */
export function servicesInNeed({ release, policy, direction }: Asked): ReadonlySet<ServiceName> {
  const running = Object.entries(release.services).flatMap(([name, service]) => (service.run === null ? [] : [name]))
  const { before, after } = environmentOf(release, policy.name)
  const hooks = direction === 'forward' ? [...before, ...after] : []
  return new Set([...running, ...hooks.map((hook) => hook.service)])
}

/** What is awaited comes to be on the way: it is asked for again when the service's turn comes. */
export const isComplete = (variables: ServiceVariables | undefined): boolean =>
  variables !== undefined && variables.missing.length === 0 && variables.awaited.length === 0

/** Where they cannot be read there are none, and a problem says why. */
export async function readVariables(
  engine: Engine,
  policy: EnvironmentPolicy,
  problems: Reason[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  try {
    return await engine.world.variables.read(policy.variables, signal)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind === 'cancelled') throw error
    problems.push(reason('variables-unreadable', error.message, error.hint === undefined ? {} : { hint: error.hint }))
    return new Map<string, string>()
  }
}

export function missingVariable(policy: EnvironmentPolicy, service: ServiceName, name: string): Reason {
  return reason('variable-missing', `${service} needs ${name} in ${policy.name}, and it is not set`, {
    hint: whereToPut(policy, name),
  })
}

/** Only where the environment's variables come from: without a prefix, what is exported is nobody's. */
function whereToPut({ variables: { prefix, dotenv, aws } }: EnvironmentPolicy, name: string): string {
  const [place] = [...dotenv, ...(aws?.ssm ?? []), ...(aws?.secretsManager ?? [])]
  const ways = [
    ...(prefix === null ? [] : [`export ${prefix}${name}=… where the delivery runs`]),
    ...(place === undefined ? [] : [`put it into ${place}`]),
  ]
  return ways.join(', or ') || 'say where its variables come from: `variables: { prefix: … }`'
}
