/**
 * The way back from any point of a rollout: the old pods get all requests by one write of what divides them, the new set
 * goes, and what ran before is applied again in full.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type KubernetesObject, nameOf } from '../../../kubernetes-api/index.ts'
import { type Reason, reason, TrunklineError } from '../../../model/index.ts'
import { deleteObject } from '../apply/server-side-apply.ts'
import { type Inventory, readInventory, writeInventory } from '../inventory.ts'
import type { Waited } from '../rollout/await-health.ts'
import { bring, prune } from '../rollout/roll-out.ts'
import type { Division } from './division.ts'
import { isDeployment } from './sets.ts'
import { applyAll, divisionNow, type RolloutBy, type StagedRollout } from './staged-rollout.ts'

export type TakenBack = { isBack: boolean; reasons: Reason[] }

/** Giving a share back is a few calls to a cluster that is there. */
const returnTimeoutMs = 10_000

export async function takeBack(rollout: Omit<RolloutBy, 'strategy'>, found: Inventory): Promise<TakenBack> {
  const { session, place, service, context } = rollout
  const { signal, epoch } = context
  let inventory = await writeInventory(session, place, service, { ...found, epoch }, signal)
  const before = inventory.settled?.objects ?? []
  const { pending } = inventory
  const made = pending?.objects ?? []
  let unwanted: readonly KubernetesObject[] = []
  if (pending?.staged !== undefined) {
    const divided = await divisionNow({
      ...{ session, signal, before, wanted: made, strategy: null },
      revisions: pending.staged.revisions,
    })
    if (!('reasons' in divided)) {
      const stuck = await giveAllBack(rollout, divided.division, pending.staged.isFinishing)
      if (stuck.length > 0) return { isBack: false, reasons: stuck }
      unwanted = divided.division.unwanted
      const staged = { ...pending.staged, weight: 0, verifiedAt: null, isFinishing: false }
      inventory = await writeInventory(
        session,
        place,
        service,
        { ...inventory, pending: { ...pending, staged } },
        signal,
      )
      // Before a Service leads to old and new pods alike again, the new ones must have gone.
      await removeWhole(rollout, divided.division.temporary.filter(isDeployment))
    }
  }
  const outcome: Waited = before.length === 0 ? { ok: true } : await bring(rollout, before, { force: true })
  if (!outcome.ok) return { isBack: false, reasons: [notBack(outcome)] }
  await prune(rollout, made, before)
  await removeWhole(rollout, unwanted)
  await writeInventory(session, place, service, { ...inventory, pending: null }, signal)
  return { isBack: true, reasons: [reason('old-serves', 'what ran before serves again in full')] }
}

/** While the old pods were being replaced the new set had everything: they come first then. */
async function giveAllBack(
  rollout: Omit<RolloutBy, 'strategy'>,
  division: Division,
  isFinishing: boolean,
): Promise<Reason[]> {
  if (isFinishing) {
    const outcome = await bring(rollout, division.old.filter(isDeployment), { force: true })
    if (!outcome.ok) return [notBack(outcome)]
  }
  const given = await applyAll(rollout, division.weigh(0), { force: true, signal: rollout.context.signal })
  return given.ok ? [] : [notBack(given)]
}

const notBack = ({ reasons }: Waited & { ok: false }): Reason =>
  reason(
    'way-back-failed',
    `what ran before could not be brought back in full: ${reasons.map(({ message }) => message).join('; ')}`,
  )

/** With everything that was made of them: what comes by the same name must not meet it. */
async function removeWhole(
  { session, context, timeoutMs }: Omit<RolloutBy, 'strategy'>,
  objects: readonly KubernetesObject[],
): Promise<void> {
  const { signal } = context
  const deadline = performance.now() + timeoutMs
  await Promise.all(
    objects.map(async (object) => {
      await deleteObject(session, object, signal, 'Foreground')
      while ((await session.read(object, object.metadata.name, object.metadata.namespace, signal)) !== null) {
        if (performance.now() > deadline) return context.log(`${nameOf(object)} is still being deleted`)
        await sleep(250, undefined, { signal })
      }
      context.log(`${nameOf(object)} removed`)
    }),
  )
}

/**
 * Nobody looks at the new set any more: it gets no requests until somebody does. With a time of its own, since the
 * rollout's signal may be what ended it. What cannot be reached keeps its weights.
 */
export async function giveShareBack(rollout: StagedRollout): Promise<void> {
  const { session, place, service, context, division, wanted } = rollout
  const signal = AbortSignal.timeout(returnTimeoutMs)
  try {
    const inventory = await readInventory(session, place, service, signal)
    const { pending, epoch } = inventory
    const isOurs = epoch === context.epoch && pending?.generation === wanted.generation
    if (!isOurs || pending.staged === undefined || pending.staged.isFinishing) return
    const staged = { ...pending.staged, weight: 0, verifiedAt: null }
    await writeInventory(session, place, service, { ...inventory, pending: { ...pending, staged } }, signal)
    context.log('the old pods get all new requests again')
    await applyAll(rollout, division.weigh(0), { force: true, signal })
  } catch (error) {
    if (!(error instanceof Error)) throw error
    context.log(`its weights stay as they are: ${error instanceof TrunklineError ? error.message : String(error)}`)
  }
}
