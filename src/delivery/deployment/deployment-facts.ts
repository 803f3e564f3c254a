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
  ServiceName,
  Yank,
} from '../../model/index.ts'
import type { DeploymentFacts, SeenService } from '../../planning/index.ts'
import { desiredOf, environmentOf, isTagRef, shortRef, unyanksOf, viewOf } from '../../planning/index.ts'
import type { RolloutRequest } from '../../ports/index.ts'
import { type Outputs, resolveVariables } from '../../variables/resolve-variables.ts'
import type { Engine } from '../engine.ts'
import { deployFilesOf } from '../release/deploy-files.ts'
import { changesToPutBack } from './changes-by-hand.ts'
import { isComplete, missingVariable, readVariables, servicesInNeed } from './needed-variables.ts'
import { askTarget, observePlaces, outputsOf, seenOf } from './places.ts'
import { rolloutsBeyond } from './rollout-objections.ts'
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

  const available = await readVariables(engine, policy, problems, signal)
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
      const known = seenOf(observed, state.running?.services[service])
      const byHand = changed.get(service)
      seen[service] = known === null || byHand === undefined ? known : { ...known, changed: byHand }
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

export function rolloutRequest(
  engine: Engine,
  { release, policy, snapshot }: Pick<FactsRequest, 'release' | 'policy' | 'snapshot'>,
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
