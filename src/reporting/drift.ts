/** What someone changed in an environment past Trunkline: asked of the platforms that can tell. */

import { runningRequests } from '../delivery/deployment/running-requests.ts'
import type { Engine } from '../delivery/engine.ts'
import { policyOf, type Scene } from '../delivery/scene.ts'
import type { Snapshot } from '../ledger/index.ts'
import type { EnvironmentName, EnvironmentPolicy, EnvironmentState, Reason, TargetName } from '../model/index.ts'
import { reason, TrunklineError, usageError } from '../model/index.ts'
import type { Drift } from '../ports/index.ts'
import type { DriftDocument } from './documents.ts'

export async function driftIn(
  engine: Engine,
  scene: Scene,
  name: EnvironmentName,
  signal: AbortSignal,
): Promise<DriftDocument> {
  const policy = policyOf(scene.project, name)
  if (policy === null) throw usageError('UNKNOWN_ENVIRONMENT', `there is no environment ${name}`)
  const snapshot = await engine.ledger.refresh(signal)
  const { state } = await engine.ledger.environment(snapshot, name)
  const document: DriftDocument = { environment: name, version: state.running?.version ?? null, drift: [], reasons: [] }
  for (const targetName of Object.keys(policy.targets)) {
    const { drift, reasons } = await driftAt(engine, policy, { state, snapshot }, targetName, signal)
    document.drift.push(...drift)
    document.reasons.push(...reasons)
  }
  return document
}

/** What it cannot tell is a reason. */
export async function driftAt(
  engine: Engine,
  policy: EnvironmentPolicy,
  recorded: { state: EnvironmentState; snapshot: Snapshot },
  name: TargetName,
  signal: AbortSignal,
): Promise<{ drift: Drift[]; reasons: Reason[] }> {
  const running = Object.entries(recorded.state.running?.services ?? {})
  const services = running.filter(([, service]) => service.target === name).map(([service]) => service)
  if (services.length === 0) return { drift: [], reasons: [] }
  try {
    const target = await engine.world.target(policy, name)
    if (target.findDriftOf !== undefined) {
      const { requests, problems } = await runningRequests(engine, policy, recorded, services, signal)
      return {
        drift: await target.findDriftOf(requests, { signal, artifacts: engine.world.artifacts }),
        reasons: problems,
      }
    }
    if (target.findDrift === undefined) {
      const why = reason('drift-unknown', `target ${name} (${target.kind}) cannot tell what was changed by hand`)
      return { drift: [], reasons: [why] }
    }
    return { drift: await target.findDrift(services, signal), reasons: [] }
  } catch (error) {
    if (signal.aborted || !(error instanceof TrunklineError)) throw error
    return { drift: [], reasons: [reason('target-unreachable', error.message)] }
  }
}
