/** Ways to roll out that a target does not have, or not as things are. */
import {
  type EnvironmentPolicy,
  type EnvironmentState,
  type Fingerprint,
  isStaged,
  type Reason,
  type Release,
  reason,
  type ServiceName,
  type StagedStrategy,
} from '../../model/index.ts'
import { type DeploymentFacts, environmentOf, rolloutFor, stagesAskedOf } from '../../planning/index.ts'
import type { RolloutRequest, Target } from '../../ports/index.ts'
import { asUnreachable, generationOf, type Place } from './places.ts'

type Asked = {
  policy: EnvironmentPolicy
  state: EnvironmentState
  release: Release
  direction: DeploymentFacts['direction']
  signal: AbortSignal
}

/** Said when planning, not half-way through. */
export async function rolloutsBeyond(
  place: Place,
  request: Asked,
  requestOf: (service: ServiceName, fingerprint: Fingerprint | null) => RolloutRequest[],
): Promise<Reason[]> {
  const { target, name: targetName, services } = place
  const { release, policy, direction, signal } = request
  const environment = environmentOf(release, policy.name)
  const found = await Promise.all(
    services.map(async (name): Promise<Reason[]> => {
      const service = release.services[name]
      if (service === undefined || service.run === null) return []
      const { strategy } = rolloutFor(name, service, environment, direction)
      const stages = stagesAskedOf(name, service, environment, direction)
      const choice = stages === null ? {} : { hint: 'choose one-at-a-time, half or all-at-once for it' }
      const where = { file: 'trunkline.yaml', ...choice }
      if (stages !== null && !canDivide(target, stages)) {
        const sentence = `${name} cannot be rolled out as ${stages.kind} in ${policy.name}`
        const message = `${sentence}: target ${targetName} (${target.kind}) cannot divide requests`
        const { insteadOfStages: hint } = target
        return [reason('rollout-not-available', message, { ...where, ...(hint === undefined ? {} : { hint }) })]
      }
      // The way back is open whatever has become of the platform: it is no time to be particular.
      if (direction === 'back' && !isStaged(strategy)) return []
      const [rollout] = requestOf(name, null)
      if (rollout === undefined || isThere(place, rollout, request)) return []
      try {
        const objections = (await target.objectionsTo?.({ ...rollout, strategy }, signal)) ?? []
        return objections.map(({ message, hint }) =>
          reason('rollout-not-available', `${name} in ${policy.name}: ${message}`, {
            ...where,
            ...(hint === undefined ? {} : { hint }),
          }),
        )
      } catch (error) {
        return asUnreachable(error).reasons
      }
    }),
  )
  return found.flat()
}

const canDivide = ({ capabilities }: Target, { kind }: StagedStrategy): boolean =>
  kind === 'canary' ? capabilities.canary : capabilities.trafficSplit

/** What runs as it should is not rolled out: how it would be is nobody's question. */
function isThere({ observation }: Place, { service, desired }: RolloutRequest, { state }: Asked): boolean {
  const observed = observation.reachable ? observation.services[service] : undefined
  if (observed === undefined) return false
  return generationOf(observed, state.running?.services[service]) === desired.generation
}
