/**
 * A rollout as its strategy says: by surge, or in stages where something runs already that requests can be shared with.
 * What an earlier rollout left half-way is taken back first, unless this one goes on with it.
 */

import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { isStaged, type Reason, reason, type Verdict } from '../../../model/index.ts'
import { foresee } from '../apply/foresee.ts'
import { type Generation, type Inventory, readInventory, stale, writeInventory } from '../inventory.ts'
import { ensureNamespace } from '../rollout/namespace.ts'
import { prepareObjects } from '../rollout/prepare-objects.ts'
import { rollOut } from '../rollout/roll-out.ts'
import { asVerdict } from '../rollout/verdict.ts'
import { hasNamedRevision, nameRevision } from './divide-knative.ts'
import { rollOutInStages } from './roll-out-in-stages.ts'
import { divisionNow, type RolloutBy } from './staged-rollout.ts'
import { takeBack } from './take-back.ts'
import { whyUndivided } from './why-undivided.ts'

export async function rollOutBy(rollout: RolloutBy): Promise<Verdict> {
  const { session, place, service, context, strategy } = rollout
  const { signal, epoch, log } = context
  const missing = await ensureNamespace(session, place.namespace, rollout.createNamespace, signal)
  if (missing !== null) return asVerdict({ reasons: [missing], logTail: [] })
  let inventory = rollout.inventory ?? (await readInventory(session, place, service, signal))
  if (inventory.epoch > epoch) throw stale(service, place, epoch, inventory.epoch)
  const again = { ...rollout, wanted: { ...rollout.wanted, objects: namedAsBefore(rollout, inventory) } }
  if (!isStaged(strategy)) {
    if (inventory.pending?.staged === undefined) return await rollOut(again)
    const back = await abandon(rollout, inventory)
    const { inventory: _outdated, ...rest } = again
    return back.ok ? await rollOut(rest) : back
  }

  // Named before they are made, so that whoever comes after knows them.
  const wanted = { ...rollout.wanted, objects: rollout.wanted.objects.map(nameRevision) }
  const objects = await prepareObjects(session, place, service, wanted.objects, signal)
  const isInstalled = rollout.isInstalled === true || inventory.settled?.installed !== undefined
  const refusals = isInstalled ? [broughtByHelm] : whyUndivided(objects, strategy)
  if (refusals.length > 0) return asVerdict({ reasons: refusals, logTail: [] })
  const goesOn = inventory.pending?.staged !== undefined && inventory.pending.generation === wanted.generation
  if (inventory.settled !== null && inventory.pending !== null && !goesOn) {
    const back = await abandon(rollout, inventory)
    if (!back.ok) return back
    inventory = await readInventory(session, place, service, signal)
  }
  const { settled } = inventory
  const atOnce = () => rollOut({ ...rollout, wanted, inventory })
  if (settled?.generation === wanted.generation) return await rollOut({ ...again, inventory })
  if (settled === null) return await atOnce()

  const begun = goesOn ? (inventory.pending?.staged ?? null) : null
  const found = await divisionNow({
    ...{ session, signal, strategy, before: settled.objects, wanted: objects },
    revisions: begun?.revisions ?? null,
  })
  if ('reasons' in found) return { ok: false, reasons: found.reasons }
  const { division, revisions, old } = found
  if (begun === null && old === 0) {
    log('nothing runs that requests could be shared with: it is rolled out at once')
    return await atOnce()
  }
  if (begun !== null) log(`going on with a rollout that has reached ${begun.weight} %`)
  if (begun === null) {
    const given = { wanted: objects, settled: settled.objects, force: rollout.conflicts === 'force' }
    const { conflicts } = await foresee(session, place, service, given, signal)
    if (conflicts.length > 0) return asVerdict({ reasons: conflicts, logTail: [] })
  }
  const pending = {
    ...wanted,
    objects: [...objects, ...division.temporary],
    staged: begun ?? { weight: 0, verifiedAt: null, isFinishing: false, revisions },
  }
  const written = await writeInventory(session, place, service, { ...inventory, epoch, pending }, signal)
  return await rollOutInStages({
    ...{ ...rollout, strategy, division, objects, wanted },
    inventory: { ...written, settled: settled satisfies Generation, pending },
    oldPods: old,
  })
}

/** What runs already keeps its revisions: the same under another name would start anew. */
function namedAsBefore({ wanted }: RolloutBy, { settled }: Inventory): readonly KubernetesObject[] {
  if (settled?.generation !== wanted.generation) return wanted.objects
  const named = new Set(settled.objects.filter(hasNamedRevision).map(({ metadata }) => metadata.name))
  return wanted.objects.map((object) => (named.has(object.metadata.name) ? nameRevision(object) : object))
}

/** Its objects are those of the chart's revision that is installed: there are no two of them side by side. */
export const broughtByHelm: Reason = reason(
  'cannot-be-divided',
  'what Helm installs cannot be rolled out in stages: Helm replaces it itself, as the chart says',
  { hint: 'choose one-at-a-time, half or all-at-once for it, or describe it by manifests' },
)

async function abandon(rollout: RolloutBy, inventory: Inventory): Promise<Verdict> {
  rollout.context.log('an earlier rollout stopped on its way: it is taken back first')
  const { reasons, isBack } = await takeBack(rollout, inventory)
  return isBack ? { ok: true } : { ok: false, reasons }
}
