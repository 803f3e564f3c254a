/** What an environment was last asked to run, asked for as it would be now. */
import { readRelease, type Snapshot } from '../../ledger/index.ts'
import type { EnvironmentPolicy, EnvironmentState, Reason, ServiceName } from '../../model/index.ts'
import type { RolloutRequest } from '../../ports/index.ts'
import { resolveVariables } from '../../variables/resolve-variables.ts'
import type { Engine } from '../engine.ts'
import { rolloutRequest } from './deployment-facts.ts'
import { missingVariable, readVariables } from './needed-variables.ts'
import { type ServiceVariables, surroundingsIn } from './service-variables.ts'

export type RunningRequests = {
  requests: RolloutRequest[]
  /** Why some are not among them. */
  problems: Reason[]
}

export async function runningRequests(
  engine: Engine,
  policy: EnvironmentPolicy,
  { state, snapshot }: { state: EnvironmentState; snapshot: Snapshot },
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<RunningRequests> {
  const release = state.running === null ? null : await readRelease(engine.ledger, snapshot, state.running.release)
  if (release === null) return { requests: [], problems: [] }
  const problems: Reason[] = []
  const available = await readVariables(engine, policy, problems, signal)
  const { outputs } = await surroundingsIn(engine, policy, release, signal)
  const requests = services.flatMap((name) => {
    const service = release.services[name]
    if (service === undefined) return []
    const resolved = resolveVariables(service.env, available, outputs)
    for (const missing of [...resolved.missing, ...resolved.awaited])
      problems.push(missingVariable(policy, name, missing))
    if (resolved.missing.length + resolved.awaited.length > 0) return []
    const variables: Record<ServiceName, ServiceVariables> = { [name]: resolved }
    return rolloutRequest(engine, { release, policy, snapshot }, name, variables, null)
  })
  return { requests, problems }
}
