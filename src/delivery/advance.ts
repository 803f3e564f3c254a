/** Moves whatever was waiting and may move now, and goes on with what a dead controller left behind. */
import type { EnvironmentName, EnvironmentPolicy, EnvironmentState } from '../model/index.ts'
import { reason, worstOutcome } from '../model/index.ts'
import { inUpstreamOrder } from '../planning/index.ts'
import { rollback } from './by-hand/rollback.ts'
import { deployAttempt } from './deployment/deploy-attempt.ts'
import type { DeliveryResult, Engine, EnvironmentResult } from './engine.ts'
import { policyOf, type Scene } from './scene.ts'

export type AdvanceOptions = {
  /** Only these environments; empty: all. */
  only: readonly EnvironmentName[]
  signal: AbortSignal
}

/** An errored deployment is taken up again by itself so often; after that a person says `retry`. */
const maxErrors = 3

/** `scene` is of any commit of the project: policy is read from trunk, whichever it is. */
export async function advance(engine: Engine, scene: Scene, { only, signal }: AdvanceOptions): Promise<DeliveryResult> {
  await engine.ledger.trust.require('builder')
  const environments: EnvironmentResult[] = []
  const all = Object.keys(scene.project.environments).flatMap((name) => policyOf(scene.project, name) ?? [])
  for (const policy of inUpstreamOrder(all)) {
    if (only.length > 0 && !only.includes(policy.name)) continue
    const result = await advanceOne(engine, scene, policy, signal)
    if (result !== null) environments.push(result)
  }
  return {
    outcome: worstOutcome(environments.map((environment) => environment.outcome)),
    release: null,
    commit: null,
    reasons:
      environments.length === 0 ? [reason('nothing-waits', 'nothing waits, and nothing was left unfinished')] : [],
    environments,
  }
}

/**
 * What waits is newer and takes the place of what was left; where it may not move yet, what was left is finished first:
 * half a deployment is no state to wait in.
 */
async function advanceOne(
  engine: Engine,
  scene: Scene,
  policy: EnvironmentPolicy,
  signal: AbortSignal,
): Promise<EnvironmentResult | null> {
  const { waiting } = await stateOf(engine, policy, signal)
  const moved =
    waiting === null
      ? null
      : await deployAttempt(engine, scene, policy, {
          attempt: waiting.candidate,
          trigger: waiting.trigger,
          arrival: 'queued',
          hookDecision: 'ask',
          retriesRed: false,
          signal,
        })
  if (moved !== null && moved.deployment !== null) return moved
  const left = await stateOf(engine, policy, signal)
  return isLeftUnfinished(left) ? await finish(engine, scene, policy, left, signal) : moved
}

async function stateOf(engine: Engine, policy: EnvironmentPolicy, signal: AbortSignal): Promise<EnvironmentState> {
  const snapshot = await engine.ledger.refresh(signal)
  return (await engine.ledger.environment(snapshot, policy.name)).state
}

function isLeftUnfinished({ deployment }: EnvironmentState): boolean {
  if (deployment === null || deployment.phase === 'aborted') return false
  return deployment.phase !== 'errored' || deployment.errors < maxErrors
}

async function finish(
  engine: Engine,
  scene: Scene,
  policy: EnvironmentPolicy,
  { deployment }: EnvironmentState,
  signal: AbortSignal,
): Promise<EnvironmentResult | null> {
  if (deployment === null) return null
  if (deployment.trigger === 'rollback') {
    const back = await rollback(engine, scene, { environment: policy.name, to: null, force: [], signal })
    return back.environments[0] ?? null
  }
  return await deployAttempt(engine, scene, policy, {
    attempt: deployment.candidate,
    trigger: deployment.trigger,
    arrival: 'again',
    hookDecision: 'ask',
    retriesRed: false,
    signal,
  })
}
