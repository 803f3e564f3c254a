/** Gathers what planning one environment needs from the outside: the ledger, the targets, the variables. Reads only. */
import type { Snapshot } from '../../ledger/index.ts'
import { readRelease } from '../../ledger/index.ts'
import { createMasker, type Masker } from '../../masking/masker.ts'
import type {
  Candidate,
  Digest,
  EnvironmentPolicy,
  EnvironmentState,
  Fingerprint,
  Preview,
  Reason,
  Release,
  RunningService,
  ServiceName,
  StagedStrategy,
  TargetName,
  Yank,
} from '../../model/index.ts'
import { isStaged, reason, TrunklineError } from '../../model/index.ts'
import type { DeploymentFacts, SeenService } from '../../planning/index.ts'
import {
  desiredOf,
  environmentOf,
  isTagRef,
  rolloutFor,
  shortRef,
  targetOf,
  unyanksOf,
  viewOf,
} from '../../planning/index.ts'
import type { Observation, ObservedService, PlanContext, RolloutRequest, Target } from '../../ports/index.ts'
import { type Outputs, resolveVariables } from '../../variables/resolve-variables.ts'
import type { Engine } from '../engine.ts'
import { deployFilesOf } from '../release/deploy-files.ts'
import type { ServiceVariables } from './service-variables.ts'

export type GatheredFacts = {
  facts: DeploymentFacts
  variables: Record<ServiceName, ServiceVariables>
  /** All variables of the environment, for verification. */
  available: ReadonlyMap<string, string>
  /** Every secret value in play. */
  secrets: string[]
  /** Whatever a platform or a command says passes through it before anyone reads it (invariant 13). */
  masker: Masker
  addresses: Record<ServiceName, string>
  outputs: Outputs
  /** What the ledger said when they were gathered. */
  snapshot: Snapshot
  /** Why the facts are incomplete; a deployment cannot go on with these, a plan can be shown. */
  problems: Reason[]
  unyanks: number
}

export type FactsRequest = {
  policy: EnvironmentPolicy
  state: EnvironmentState
  snapshot: Snapshot
  release: Release
  candidate: Candidate
  yanks: readonly Yank[]
  direction: DeploymentFacts['direction']
  leaving: DeploymentFacts['leaving']
  /** Artifacts that are yet to be built: nothing can be previewed of them. */
  pending?: ReadonlySet<Digest>
  signal: AbortSignal
}

export async function gatherDeploymentFacts(engine: Engine, request: FactsRequest): Promise<GatheredFacts> {
  const { world, ledger } = engine
  const { policy, state, release, signal } = request
  const problems: Reason[] = []

  const available = await readVariables(engine, request, problems)
  const places = await observePlaces(engine, request)
  const outputs = outputsOf(places)
  const variables: Record<ServiceName, ServiceVariables> = {}
  const secrets = new Set<string>()
  const needed = servicesInNeed(request)
  for (const [name, service] of Object.entries(release.services)) {
    const resolved = resolveVariables(service.env, available, outputs)
    for (const secret of resolved.secrets) secrets.add(secret)
    if (service.run !== null) variables[name] = resolved
    if (!needed.has(name)) continue
    for (const missing of resolved.missing) problems.push(missingVariable(policy, name, missing))
  }
  const others = [
    ...Object.values(request.leaving?.release.services ?? {}),
    ...environmentOf(release, policy.name).verify,
  ]
  for (const { env } of others)
    for (const secret of resolveVariables(env, available, outputs).secrets) secrets.add(secret)

  const seen: Record<ServiceName, SeenService | null | 'unknown'> = {}
  const fingerprints: Record<ServiceName, Fingerprint> = {}
  const addresses: Record<ServiceName, string> = {}
  const previews: Record<ServiceName, Preview> = {}
  for (const place of places) {
    const { target, services } = place
    const complete = services.filter((service) => isComplete(variables[service]))
    const requestOf = (service: ServiceName, fingerprint: Fingerprint | null) =>
      rolloutRequest(engine, request, service, variables, fingerprint)
    const previewable = (service: ServiceName, fingerprint: Fingerprint | null) =>
      requestOf(service, fingerprint).filter(({ desired }) => request.pending?.has(desired.artifact) !== true)
    problems.push(...(await rolloutsBeyond(place, request, requestOf)))
    const answer = await askTarget(place, complete, variables, previewable, { signal, artifacts: world.artifacts })
    if (!answer.reachable) {
      problems.push(...answer.reasons)
      for (const service of services) seen[service] = 'unknown'
      continue
    }
    const { observation } = answer
    const changed = await changesToPutBack(target, services, request)
    Object.assign(fingerprints, answer.fingerprints)
    Object.assign(previews, answer.previews)
    for (const service of services) {
      const observed = observation.services[service]
      seen[service] =
        observed === undefined || (observed.generation === null && observed.instances.desired === 0)
          ? null
          : {
              generation: generationOf(observed, state.running?.services[service]),
              artifact: observed.artifact,
              fingerprint: observed.fingerprint,
              isHealthy: observed.instances.ready >= observed.instances.desired,
              ...asChanged(changed.get(service)),
            }
      if (observed?.url) addresses[service] = observed.url
    }
  }

  const unyanks = unyanksOf(release, request.yanks)
  const view = viewOf(release, policy.name)
  const runningRelease =
    state.running === null ? null : await readRelease(ledger, request.snapshot, state.running.release)
  return {
    facts: {
      policy,
      state,
      release,
      runningRelease,
      seen,
      fingerprints,
      previews,
      tags: tagsOf(request.candidate),
      isVerified: state.verified.some((known) => known.view === view && known.unyanks >= unyanks),
      direction: request.direction,
      leaving: request.leaving,
    },
    variables,
    available,
    secrets: [...secrets],
    masker: createMasker(secrets),
    addresses,
    outputs,
    snapshot: request.snapshot,
    problems,
    unyanks,
  }
}

function generationOf(observed: ObservedService, recorded: RunningService | undefined): string | null {
  if (observed.tells !== 'artifact' || observed.artifact === null) return observed.generation
  return recorded?.artifact === observed.artifact ? recorded.generation : null
}

const asChanged = (changed: Reason | undefined) => (changed === undefined ? {} : { changed })

/** Of a reason to deploy: what others changed is taken back. */
export const changedByHand = 'changed-by-hand'

/** What others changed past us: put back where the target says so, or where a person deploys. */
async function changesToPutBack(
  target: Target,
  services: readonly ServiceName[],
  { candidate, signal }: FactsRequest,
): Promise<Map<ServiceName, Reason>> {
  const isWanted = target.repairsDrift === true || candidate.ref === null
  const drift = isWanted ? ((await target.findDrift?.(services, signal)) ?? []) : []
  return new Map(
    drift.map(({ service, subject, fields }) => {
      const what = fields.length === 0 ? 'is gone' : `was changed by hand: ${fields.map(({ path }) => path).join(', ')}`
      return [service, reason(changedByHand, `${subject} ${what}`)]
    }),
  )
}

/** Ways to roll out that a target does not have: said when planning, not half-way through. */
async function rolloutsBeyond(
  place: Place,
  request: FactsRequest,
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
      const choice = isStaged(strategy) ? { hint: 'choose one-at-a-time, half or all-at-once for it' } : {}
      const where = { file: 'trunkline.yaml', ...choice }
      if (isStaged(strategy) && !canDivide(target, strategy)) {
        const sentence = `${name} cannot be rolled out as ${strategy.kind} in ${policy.name}`
        const message = `${sentence}: target ${targetName} (${target.kind}) cannot divide requests`
        return [reason('rollout-not-available', message, where)]
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
function isThere({ observation }: Place, { service, desired }: RolloutRequest, { state }: FactsRequest): boolean {
  const observed = observation.reachable ? observation.services[service] : undefined
  if (observed === undefined) return false
  return generationOf(observed, state.running?.services[service]) === desired.generation
}

/** Those that run, and those whose artifact a hook runs in: only they need their variables. */
function servicesInNeed({ release, policy, direction }: FactsRequest): ReadonlySet<ServiceName> {
  const running = Object.entries(release.services).flatMap(([name, service]) => (service.run === null ? [] : [name]))
  const { before, after } = environmentOf(release, policy.name)
  const hooks = direction === 'forward' ? [...before, ...after] : []
  return new Set([...running, ...hooks.map((hook) => hook.service)])
}

type TargetAnswer =
  | {
      reachable: true
      observation: Observation & { reachable: true }
      fingerprints: Record<ServiceName, Fingerprint>
      previews: Record<ServiceName, Preview>
    }
  | (Observation & { reachable: false })

/** A target, the services that run or shall run there, and what is there now. */
type Place = { name: TargetName; target: Target; services: ServiceName[]; observation: Observation }

/** All targets, asked side by side: what one of them says may be an output that services of another are given. */
const observePlaces = (engine: Engine, { policy, state, release, signal }: FactsRequest): Promise<Place[]> =>
  Promise.all(
    [...servicesByTarget(policy, state, release)].map(async ([name, services]): Promise<Place> => {
      const target = await engine.world.target(policy, name)
      const observation = await target.observe(services, signal).catch(asUnreachable)
      return { name, target, services, observation }
    }),
  )

const outputsOf = (places: readonly Place[]): Outputs =>
  Object.fromEntries(
    places.flatMap(({ observation }) =>
      observation.reachable
        ? Object.entries(observation.services).flatMap(([service, { outputs }]) =>
            outputs === undefined ? [] : [[service, outputs]],
          )
        : [],
    ),
  )

/** What is awaited comes to be on the way: it is asked for again when the service's turn comes. */
const isComplete = (variables: ServiceVariables | undefined): boolean =>
  variables !== undefined && variables.missing.length === 0 && variables.awaited.length === 0

/** All that planning wants to know of one target; one that fails half-way has not answered. */
async function askTarget(
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

async function readVariables(engine: Engine, request: FactsRequest, problems: Reason[]) {
  try {
    return await engine.world.variables.read(request.policy.variables, request.signal)
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind === 'cancelled') throw error
    problems.push(reason('variables-unreadable', error.message, error.hint === undefined ? {} : { hint: error.hint }))
    return new Map<string, string>()
  }
}

function missingVariable(policy: EnvironmentPolicy, service: ServiceName, name: string): Reason {
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

/** What one target cannot or will not do is the matter of its environment; others are looked at all the same. */
function asUnreachable(error: unknown): Observation & { reachable: false } {
  if (!(error instanceof TrunklineError) || (error.kind !== 'errored' && error.kind !== 'refused')) throw error
  const hint = error.hint === undefined ? {} : { hint: error.hint }
  const code = error.kind === 'errored' ? 'target-unreachable' : 'target-refuses'
  return { reachable: false, reasons: [reason(code, error.message, hint)] }
}

function rolloutRequest(
  engine: Engine,
  { release, policy, snapshot }: FactsRequest,
  name: ServiceName,
  variables: Record<ServiceName, ServiceVariables>,
  fingerprint: Fingerprint | null,
): RolloutRequest[] {
  if (!release.services[name]?.run) return []
  const desired = desiredOf(release, name, policy.name, fingerprint)
  return [
    {
      service: name,
      desired,
      files: deployFilesOf(engine, snapshot, desired),
      variables: variables[name]?.values ?? {},
      strategy: 'one-at-a-time',
    },
  ]
}

/** Names for people: the short commit, and the git tag where one moved. */
function tagsOf(candidate: Candidate): string[] {
  const tags = [candidate.commit.slice(0, 7)]
  if (candidate.ref !== null && isTagRef(candidate.ref)) tags.push(shortRef(candidate.ref))
  return tags
}
