/** What runs where: the ledger's word, and what the targets say now. */

import { type LastFailure, lastFailure } from '../delivery/deployment/last-failure.ts'
import type { Engine } from '../delivery/engine.ts'
import { policyOf, type Scene } from '../delivery/scene.ts'
import { readRelease } from '../ledger/index.ts'
import type { EnvironmentName, EnvironmentPolicy, EnvironmentState, Reason, ServiceName } from '../model/index.ts'
import { reason, TrunklineError } from '../model/index.ts'
import { yankGate } from '../planning/index.ts'
import type { Drift, ObservedService } from '../ports/index.ts'
import type { EnvironmentStatus, ServiceStatus } from './documents.ts'

/** A target that does not answer must not make people wait for the rest. */
const observeTimeoutMs = 10_000

export async function statusOf(
  engine: Engine,
  scene: Scene,
  only: readonly EnvironmentName[],
  signal: AbortSignal,
): Promise<EnvironmentStatus[]> {
  const snapshot = await engine.ledger.refresh(signal)
  const yanks = await engine.ledger.yanks(snapshot)
  const names = Object.keys(scene.project.environments).filter((name) => only.length === 0 || only.includes(name))
  return await Promise.all(
    names.map(async (name) => {
      const policy = policyOf(scene.project, name)
      if (policy === null) throw new Error(`no policy for ${name}`)
      const { state, voided = [] } = await engine.ledger.environment(snapshot, name)
      const release = state.running === null ? null : await readRelease(engine.ledger, snapshot, state.running.release)
      const isYanked = release !== null && yankGate(release, name, yanks).action === 'refuse'
      const observed = await observeAll(engine, policy, state, signal)
      const status = describe(state, observed, isYanked, await lastFailure(engine, snapshot, state))
      return { ...status, reasons: [...status.reasons, ...voided.map((known) => known.reason)] }
    }),
  )
}

type Observed = {
  services: Record<ServiceName, ObservedService>
  problems: Reason[]
  /** Worth knowing, and no problem of the environment's health. */
  remarks: Reason[]
}

/** One for each service: the whole is told by `diff`. */
function changedByHand(environment: EnvironmentName, drift: readonly Drift[]): Reason[] {
  return [...Map.groupBy(drift, ({ service }) => service)].map(([service, changes]) => {
    const field = changes[0]?.fields[0]
    const what = field === undefined ? `${changes[0]?.subject} is gone` : `${field.path} of ${changes[0]?.subject}`
    const who = field?.by ? `, by ${field.by.name}` : ''
    const more = changes.length > 1 ? `, and ${changes.length - 1} more` : ''
    return reason('changed-by-hand', `${service} was changed past Trunkline: ${what}${who}${more}`, {
      hint: `trunkline diff ${environment} shows each field`,
    })
  })
}

async function observeAll(
  engine: Engine,
  policy: EnvironmentPolicy,
  state: EnvironmentState,
  signal: AbortSignal,
): Promise<Observed> {
  const observed: Observed = { services: {}, problems: [], remarks: [] }
  const running = Object.entries(state.running?.services ?? {})
  const limit = AbortSignal.any([signal, AbortSignal.timeout(observeTimeoutMs)])
  for (const name of Object.keys(policy.targets)) {
    const services = running.filter(([, service]) => service.target === name).map(([service]) => service)
    if (services.length === 0) continue
    try {
      const target = await engine.world.target(policy, name)
      const observation = await target.observe(services, limit)
      if (!observation.reachable) {
        observed.problems.push(...observation.reasons)
        continue
      }
      Object.assign(observed.services, observation.services)
      if (target.findDrift !== undefined) {
        observed.remarks.push(...changedByHand(policy.name, await target.findDrift(services, limit)))
      }
    } catch (error) {
      if (signal.aborted) throw error
      const message =
        error instanceof TrunklineError
          ? error.message
          : `target ${name} did not answer within ${observeTimeoutMs / 1000} s`
      observed.problems.push(reason('target-unreachable', message))
    }
  }
  return observed
}

function describe(
  state: EnvironmentState,
  observed: Observed,
  isYanked: boolean,
  failure: LastFailure | null,
): EnvironmentStatus {
  const { running, deployment, waiting, held } = state
  const services = Object.entries(running?.services ?? {}).map(([name, service]): ServiceStatus => {
    const seen = observed.services[name]
    return {
      name,
      artifact: service.artifact,
      inputHash: service.inputHash,
      instances: seen?.instances ?? null,
      url: seen?.url ?? null,
      ...(seen?.hosts === undefined ? {} : { hosts: seen.hosts }),
      ...(seen?.newSet === undefined ? {} : { newSet: seen.newSet }),
      ...(seen?.detail === undefined ? {} : { detail: seen.detail }),
    }
  })
  return {
    name: state.environment,
    release: running?.release ?? null,
    commit: running?.commit ?? null,
    version: running?.version ?? null,
    health: healthOf(state, services, observed),
    since: running?.since ?? null,
    held,
    yanked: isYanked,
    deployment:
      // One that errored or was cancelled is told as the last failure: nobody is at work on it.
      deployment === null || deployment.phase === 'errored' || deployment.phase === 'aborted'
        ? null
        : {
            id: deployment.id,
            phase: deployment.phase,
            version: deployment.candidate.version,
            startedAt: deployment.startedAt,
            ...(deployment.stages === undefined ? {} : { stages: Object.values(deployment.stages) }),
          },
    waiting:
      waiting === null
        ? null
        : {
            version: waiting.candidate.version,
            plan: waiting.plan,
            reasons: waiting.reasons,
            since: waiting.since,
          },
    lastFailure: describeFailure(failure),
    reasons: [...observed.problems, ...observed.remarks],
    services,
  }
}

/** What a person cancelled did not fail. */
function describeFailure(failure: LastFailure | null): EnvironmentStatus['lastFailure'] {
  if (failure === null || failure.kind === 'aborted') return null
  const { kind, candidate, at, reasons, rolledBackTo } = failure
  return { kind, version: candidate?.version ?? '', at, reasons, rolledBackTo }
}

function healthOf(state: EnvironmentState, services: ServiceStatus[], observed: Observed): EnvironmentStatus['health'] {
  if (state.running === null) return state.health === 'degraded' ? 'degraded' : 'none'
  if (observed.problems.length > 0) return 'unknown'
  const isShort = services.some(
    (service) => service.instances === null || service.instances.ready < service.instances.desired,
  )
  return isShort || state.health === 'degraded' ? 'degraded' : 'healthy'
}
