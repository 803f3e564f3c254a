/** The targets of an environment: which services are whose, and what each says of them. */
import {
  type EnvironmentPolicy,
  type EnvironmentState,
  type Fingerprint,
  type Preview,
  type Release,
  type RunningService,
  reason,
  type ServiceName,
  type TargetName,
  TrunklineError,
} from '../../model/index.ts'
import { type SeenService, targetOf } from '../../planning/index.ts'
import type { Observation, ObservedService, PlanContext, RolloutRequest, Target } from '../../ports/index.ts'
import type { Outputs } from '../../variables/resolve-variables.ts'
import type { Engine } from '../engine.ts'
import type { ServiceVariables } from './service-variables.ts'

/** A target, the services that run or shall run there, and what is there now. */
export type Place = { name: TargetName; target: Target; services: ServiceName[]; observation: Observation }

/** All targets, asked side by side: what one of them says may be an output that services of another are given. */
export const observePlaces = (
  engine: Engine,
  {
    policy,
    state,
    release,
    signal,
  }: { policy: EnvironmentPolicy; state: EnvironmentState; release: Release; signal: AbortSignal },
): Promise<Place[]> =>
  Promise.all(
    [...servicesByTarget(policy, state, release)].map(async ([name, services]): Promise<Place> => {
      const target = await engine.world.target(policy, name)
      const observation = await target.observe(services, signal).catch(asUnreachable)
      return { name, target, services, observation }
    }),
  )

export const outputsOf = (places: readonly Place[]): Outputs =>
  Object.fromEntries(
    places.flatMap(({ observation }) =>
      observation.reachable
        ? Object.entries(observation.services).flatMap(([service, { outputs }]) =>
            outputs === undefined ? [] : [[service, outputs]],
          )
        : [],
    ),
  )

/** Services of the release and those still running, by the target that has them. */
function servicesByTarget(
  policy: EnvironmentPolicy,
  state: EnvironmentState,
  release: Release,
): Map<TargetName, ServiceName[]> {
  const byTarget = new Map<TargetName, Set<ServiceName>>()
  const add = (target: TargetName, service: ServiceName) => {
    byTarget.set(target, (byTarget.get(target) ?? new Set()).add(service))
  }
  for (const [name, service] of Object.entries(release.services)) {
    if (service.run !== null) add(targetOf(policy, service), name)
  }
  // What is in the release is looked at where it is to run: that is what decides about it.
  const isElsewhere = (name: ServiceName, target: TargetName) =>
    !release.services[name]?.run && Object.hasOwn(policy.targets, target)
  for (const [name, service] of Object.entries(state.running?.services ?? {})) {
    if (isElsewhere(name, service.target)) add(service.target, name)
  }
  for (const [name, targets] of Object.entries(state.placed ?? {})) {
    for (const target of targets) if (isElsewhere(name, target)) add(target, name)
  }
  return new Map([...byTarget].map(([target, services]) => [target, [...services].sort()]))
}

/** What planning goes by of a service that was looked at. */
export const seenOf = (
  observed: ObservedService | undefined,
  recorded: RunningService | undefined,
): SeenService | null =>
  observed === undefined || (observed.generation === null && observed.instances.desired === 0)
    ? null
    : {
        generation: generationOf(observed, recorded),
        artifact: observed.artifact,
        fingerprint: observed.fingerprint,
        isHealthy: observed.instances.ready >= observed.instances.desired,
      }

export function generationOf(observed: ObservedService, recorded: RunningService | undefined): string | null {
  if (observed.tells !== 'artifact' || observed.artifact === null) return observed.generation
  return recorded?.artifact === observed.artifact ? recorded.generation : null
}

export type TargetAnswer =
  | {
      reachable: true
      observation: Observation & { reachable: true }
      fingerprints: Record<ServiceName, Fingerprint>
      previews: Record<ServiceName, Preview>
    }
  | (Observation & { reachable: false })

/** All that planning wants to know of one target; one that fails half-way has not answered. */
export async function askTarget(
  { target, observation }: Place,
  complete: readonly ServiceName[],
  variables: Record<ServiceName, ServiceVariables>,
  requestOf: (service: ServiceName, fingerprint: Fingerprint | null) => RolloutRequest[],
  { signal, artifacts }: PlanContext,
): Promise<TargetAnswer> {
  if (!observation.reachable) return observation
  // Where all wait for what infrastructure is yet to tell, the platform itself may be yet to come.
  if (complete.length === 0) return { reachable: true, observation, fingerprints: {}, previews: {} }
  try {
    const values = Object.fromEntries(complete.map((service) => [service, variables[service]?.values ?? {}]))
    const fingerprints = await target.fingerprint(values, signal)
    const requests = complete.flatMap((service) => requestOf(service, fingerprints[service] ?? null))
    const { previews } = await target.plan(requests, { signal, artifacts })
    return { reachable: true, observation, fingerprints, previews }
  } catch (error) {
    return asUnreachable(error)
  }
}

/** What one target cannot or will not do is the matter of its environment; others are looked at all the same. */
export function asUnreachable(error: unknown): Observation & { reachable: false } {
  if (!(error instanceof TrunklineError) || (error.kind !== 'errored' && error.kind !== 'refused')) throw error
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  const code = error.kind === 'errored' ? 'target-unreachable' : 'target-refuses'
  return { reachable: false, reasons: [reason(code, error.message, hint)] }
}
