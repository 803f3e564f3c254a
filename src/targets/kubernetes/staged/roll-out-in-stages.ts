/**
 * Takes a service through the stages of a canary or a blue-green rollout: the new set beside the old one, its share,
 * verification, a while of watching, and so on to 100 %; then what is described takes the place of both. How far it has
 * come stands in the inventory, so that any controller goes on with it.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import { passed, type RolloutStage, type StageProgress, TrunklineError, type Verdict } from '../../../model/index.ts'
import { writeInventory } from '../inventory.ts'
import type { Waited } from '../rollout/await-health.ts'
import { bring, prune } from '../rollout/roll-out.ts'
import { asVerdict } from '../rollout/verdict.ts'
import { note, type StagedRollout } from './staged-rollout.ts'
import { giveShareBack, takeBack } from './take-back.ts'
import { whileHealthy } from './while-healthy.ts'

type Counts = { ready: number; desired: number }

/** Endpoints and proxies hear of a Service's new selector a moment after the API server. */
const settleMs = 2000

/**
 * On a failed verdict what ran before serves again in full. Thrown upon (cancelled, a fault of the world), it gives the
 * new set's share back first, since nobody looks at it any more.
 */
export async function rollOutInStages(rollout: StagedRollout): Promise<Verdict> {
  try {
    const outcome = await goThroughStages(rollout)
    return outcome.ok ? passed : await goBack(rollout, outcome)
  } catch (error) {
    if (!isOusted(error) && !isOusted(rollout.context.signal.reason)) await giveShareBack(rollout)
    throw error
  }
}

/** Whoever has lost the lease changes nothing any more. */
const isOusted = (error: unknown): boolean =>
  error instanceof TrunklineError && (error.code === 'LEASE_LOST' || error.code === 'STALE_CONTROLLER')

async function goThroughStages(rollout: StagedRollout): Promise<Verdict> {
  const { strategy, inventory, context } = rollout
  const { weight, isFinishing } = inventory.pending.staged
  const report = reporter(rollout)
  const reached = strategy.stages.findLastIndex((stage) => stage.weight <= weight)
  const ahead = isFinishing ? [] : strategy.stages.slice(Math.max(0, reached))
  for (const stage of ahead) {
    const there = await reach(rollout, stage, report)
    if (!there.ok) return there
    if (rollout.inventory.pending.staged.verifiedAt === null) {
      report({ weight: stage.weight, phase: 'verifying' })
      const verdict = await whileHealthy(rollout, stage.weight, (signal) => verify(rollout, stage, signal))
      if (!verdict.ok) return verdict
      await context.stagePassed?.({ service: rollout.service, weight: stage.weight })
      await note(rollout, { verifiedAt: Date.now() })
    }
    report({ weight: stage.weight, phase: 'watching' })
    const verdict = await whileHealthy(rollout, stage.weight, (signal) => pause(rollout, stage, signal))
    if (!verdict.ok) return verdict
  }
  return await finish(rollout)
}

/** The new set gets as large as the share needs first, then the share. Doing so again changes nothing. */
async function reach(rollout: StagedRollout, { weight }: RolloutStage, report: Report): Promise<Waited> {
  const { division, context, inventory, conflicts } = rollout
  const now = inventory.pending.staged.weight
  const force = conflicts === 'force'
  // Fences: a controller that slept here has a newer one before it.
  await note(rollout, {})
  const quiet = { ...rollout, context: { ...context, report: () => {} } }
  const held = await bring(quiet, division.weigh(now), { force })
  if (!held.ok) return held
  report({ weight: now, phase: 'moving' })
  const telling = {
    ...rollout,
    context: { ...context, report: (counts: Counts) => report({ weight: now, phase: 'moving' }, counts) },
  }
  const grown = await bring(telling, [...division.early, ...division.newSet(weight, now)], { force })
  if (!grown.ok || now === weight) return grown
  const counted = division.counted(weight)
  context.log(
    counted === null
      ? `${weight} % of new requests go to the new set`
      : `${counted.next} of ${counted.all} pods are new: about ${Math.round((100 * counted.next) / counted.all)} % of new requests go to them`,
  )
  const moved = await bring(quiet, division.weigh(weight), { force })
  if (moved.ok) await note(rollout, { weight, verifiedAt: null })
  return moved
}

/** The new set by itself where it has an address that is known from outside; at 100 % the address that people use. */
async function verify(
  { service, context, division, session, url }: StagedRollout,
  { weight, verify: names }: RolloutStage,
  signal: AbortSignal,
): Promise<Verdict> {
  if (context.verifyStage === undefined || names === null || names.length === 0) return passed
  const live = await Promise.all(
    division.old.map((object) => session.read(object, object.metadata.name, object.metadata.namespace, signal)),
  )
  const { preview, all } = division.addresses(live.filter((object): object is KubernetesObject => object !== null))
  const address = weight === 100 ? (url ?? all) : preview
  context.log(`verifying at ${weight} %: ${names.join(', ')}`)
  if (address === null && weight < 100) {
    context.log('the new set has no address of its own outside the cluster: what asks the service asks its public one')
  }
  return await context.verifyStage({ service, weight, verify: names, address }, signal)
}

/** What is left of it; a clock that was set back makes it no longer than it is. */
async function pause({ inventory }: StagedRollout, { pauseMs }: RolloutStage, signal: AbortSignal): Promise<Verdict> {
  const since = Date.now() - (inventory.pending.staged.verifiedAt ?? Date.now())
  const leftMs = Math.min(pauseMs, Math.max(0, pauseMs - since))
  if (leftMs > 0) await sleep(leftMs, undefined, { signal })
  return passed
}

/**
 * The Deployments become what is described while the new set has all requests; then Services and routes are as they are
 * described, and the new set goes.
 */
async function finish(rollout: StagedRollout): Promise<Waited> {
  const { session, place, service, division, objects, conflicts, context } = rollout
  await note(rollout, { isFinishing: true, weight: 100 })
  const force = conflicts === 'force'
  const held = new Set(division.weigh(100).map(keyOf))
  for (const step of [objects.filter((object) => !held.has(keyOf(object))), objects]) {
    const brought = await bring(rollout, step, { force })
    if (!brought.ok) return brought
  }
  if (division.temporary.length > 0) await sleep(settleMs, undefined, { signal: context.signal })
  const { inventory } = rollout
  await prune(rollout, [...inventory.settled.objects, ...inventory.pending.objects], objects)
  const settled = { ...rollout.wanted, objects: [...objects] }
  await writeInventory(session, place, service, { ...inventory, settled, pending: null }, context.signal)
  return { ok: true }
}

async function goBack(rollout: StagedRollout, verdict: Verdict & { ok: false }): Promise<Verdict> {
  rollout.context.log('going back to what ran before')
  const { reasons } = await takeBack(rollout, rollout.inventory)
  const { logTail = [] } = verdict
  return asVerdict({ reasons: [...verdict.reasons, ...reasons], logTail })
}

type Report = (stage: StageProgress, counts?: Counts) => void

/** Changes alone are told; counts stay until others are known. */
function reporter({ context, oldPods }: StagedRollout): Report {
  let last: Counts = { ready: 0, desired: 0 }
  let told = ''
  return (stage, counts = last) => {
    last = { ready: counts.ready, desired: counts.desired }
    const update = { ...last, old: oldPods, stage }
    const text = JSON.stringify(update)
    if (text !== told) context.report(update)
    told = text
  }
}
