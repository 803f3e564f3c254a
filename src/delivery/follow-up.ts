/** What had waited for an environment moves on as soon as that one is done, within the same run. */
import type { EnvironmentName, EnvironmentPolicy } from '../model/index.ts'
import { TrunklineError } from '../model/index.ts'
import { inUpstreamOrder } from '../planning/index.ts'
import { withFollowUps } from './delivery-result.ts'
import { deployAttempt } from './deployment/deploy-attempt.ts'
import type { DeliveryResult, Engine, EnvironmentResult } from './engine.ts'
import { policyOf, type Scene } from './scene.ts'

/** Reasons to wait that an upstream's success may settle. */
const settled = new Set(['upstream-pending', 'no-release'])

/**
 * Takes up what waits for the environments that have just succeeded, upstream first. Where this process lacks what
 * they need (their variables, say) they go on waiting: that is no fault of the delivery they waited for.
 */
export async function followUp(
  engine: Engine,
  scene: Scene,
  result: DeliveryResult,
  signal: AbortSignal,
): Promise<DeliveryResult> {
  const done = new Set(succeededIn(result.environments))
  const asked = new Set(result.environments.map((environment) => environment.name))
  const followUps: EnvironmentResult[] = []
  const policies = Object.keys(scene.project.environments).flatMap((name) => policyOf(scene.project, name) ?? [])
  for (const policy of inUpstreamOrder(policies)) {
    if (asked.has(policy.name) || !policy.after.some((name) => done.has(name))) continue
    const moved = await moveOn(engine, scene, policy, signal)
    if (moved === null) continue
    followUps.push(moved)
    for (const name of succeededIn([moved])) done.add(name)
  }
  return withFollowUps(result, followUps)
}

/** null: nothing waits there that the upstream could have settled, or it still waits for the same. */
async function moveOn(
  engine: Engine,
  scene: Scene,
  policy: EnvironmentPolicy,
  signal: AbortSignal,
): Promise<EnvironmentResult | null> {
  const snapshot = await engine.ledger.refresh(signal)
  const { waiting } = (await engine.ledger.environment(snapshot, policy.name)).state
  if (waiting === null || !waiting.reasons.some((known) => settled.has(known.code))) return null
  const moved = await deployAttempt(engine, scene, policy, {
    attempt: waiting.candidate,
    trigger: waiting.trigger,
    arrival: 'follow-up',
    hookDecision: 'ask',
    retriesRed: false,
    signal,
  }).catch((error: unknown) => {
    // A mistake in that environment's configuration is told when that environment is asked for.
    if (!(error instanceof TrunklineError) || error.kind !== 'usage') throw error
    engine.world.progress({ kind: 'note', message: `${policy.name} still waits: ${error.message}` })
    return null
  })
  const stillWaits = moved?.outcome === 'waiting' && moved.reasons.every((known) => settled.has(known.code))
  return stillWaits ? null : moved
}

const succeededIn = (environments: readonly EnvironmentResult[]): EnvironmentName[] =>
  environments
    .filter(({ outcome }) => outcome === 'succeeded' || outcome === 'nothing')
    .map((environment) => environment.name)
