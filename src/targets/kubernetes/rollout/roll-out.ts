/**
 * One service to one generation on one cluster: applied in waves, watched until healthy, then pruned. Where it does not get
 * healthy, what ran before is applied again and waited for. Every part observes first, so that a controller that died
 * anywhere is followed by one that goes on.
 */

import { type KubernetesObject, keyOf, nameOf } from '../../../kubernetes-api/index.ts'
import type { ClusterSession } from '../../../kubernetes-api/session.ts'
import type { Digest, Fingerprint, Reason, Verdict } from '../../../model/index.ts'
import { passed, reason } from '../../../model/index.ts'
import type { TargetContext } from '../../../ports/index.ts'
import { foresee } from '../apply/foresee.ts'
import { type Applied, applyObject, deleteObject } from '../apply/server-side-apply.ts'
import { inWaves } from '../apply/waves.ts'
import {
  allObjects,
  type Generation,
  type Installed,
  type Inventory,
  readInventory,
  stale,
  writeInventory,
} from '../inventory.ts'
import { inventoryName, type Place } from '../names.ts'
import { awaitHealth, type Wait, type Waited } from './await-health.ts'
import type { Installer } from './installer.ts'
import { ensureNamespace } from './namespace.ts'
import { prepareObjects } from './prepare-objects.ts'
import { asVerdict } from './verdict.ts'

export type Rollout = {
  session: ClusterSession
  place: Place
  service: string
  wanted: {
    generation: string
    artifact: Digest
    fingerprint: Fingerprint | null
    objects: readonly KubernetesObject[]
  }
  /** For what someone else brings, now or before. */
  installer?: Installer
  /** Whether it brings the wanted generation. */
  isInstalled?: boolean
  createNamespace: boolean
  /** As it was just read; absent: it is read now. */
  inventory?: Inventory
  conflicts: 'fail' | 'force'
  timeoutMs: number
  context: Pick<TargetContext, 'signal' | 'epoch' | 'report' | 'log'>
}

/** Their content, or that of others, would be lost: taken out of a description, they stay where they are. */
const keptKinds = new Set(['PersistentVolumeClaim', 'PersistentVolume', 'Namespace', 'CustomResourceDefinition'])

export async function rollOut(rollout: Rollout): Promise<Verdict> {
  const { session, place, service, context } = rollout
  const { signal, epoch } = context
  const missing = await ensureNamespace(session, place.namespace, rollout.createNamespace, signal)
  if (missing !== null) return asVerdict({ reasons: [missing], logTail: [] })
  const objects = await prepareObjects(session, place, service, rollout.wanted.objects, signal)
  let inventory = rollout.inventory ?? (await readInventory(session, place, service, signal))
  if (inventory.epoch > epoch) throw stale(service, place, epoch, inventory.epoch)
  // What an installer brought, and brings no more, is ours to take over.
  const left = releasesIn(inventory)
  const takesOver = left.length > 0 && !rollout.isInstalled
  const force = rollout.conflicts === 'force' || takesOver
  const settledObjects = inventory.pending === null ? (inventory.settled?.objects ?? []) : []
  const given = { wanted: objects, settled: settledObjects, force }
  const { conflicts, unchanged } = await foresee(session, place, service, given, signal)
  if (conflicts.length > 0) return asVerdict({ reasons: conflicts, logTail: [] })
  const leftovers = inventory.pending?.objects ?? []
  const installing = rollout.isInstalled ? (rollout.installer?.release ?? null) : null
  const pending: Generation = { ...rollout.wanted, objects, ...(installing === null ? {} : { installing }) }
  inventory = await writeInventory(session, place, service, { ...inventory, epoch, pending }, signal)

  const outcome = await bring(rollout, objects, {
    force,
    unchanged,
    ...(rollout.isInstalled && rollout.installer !== undefined ? { install: rollout.installer.install } : {}),
  })
  if (outcome.ok) {
    const { installing: _done, ...brought } = pending
    const settled: Generation = outcome.installed === undefined ? brought : { ...brought, installed: outcome.installed }
    for (const release of left) {
      if (release !== settled.installed?.release) await rollout.installer?.remove(release, objects)
    }
    await prune(rollout, [...(inventory.settled?.objects ?? []), ...leftovers], allObjects(settled))
    await writeInventory(session, place, service, { ...inventory, settled, pending: null }, signal)
    return passed
  }
  const made = {
    objects: [...objects, ...leftovers],
    releases: [...left, ...(installing === null ? [] : [installing])],
  }
  const back = await goBack(rollout, inventory, made, outcome.changed)
  return asVerdict({ ...outcome, reasons: [...outcome.reasons, ...back] })
}

export type Brought =
  | { ok: true; installed?: Installed }
  /** `changed`: keys of what alone was changed before the server would have no more of it. */
  | (Waited & { ok: false; changed?: ReadonlySet<string> })

export type Bringing = {
  /** Takes fields over that others manage. */
  force: boolean
  /** By key: what is known to stand as it is wanted, and is not asked for again. */
  unchanged?: ReadonlyMap<string, KubernetesObject>
  /** Brings what is not applied here. */
  install?(): Promise<Brought>
}

/** Applied and healthy, or why not. */
export async function bring(
  { session, timeoutMs, context }: Pick<Rollout, 'session' | 'timeoutMs' | 'context'>,
  objects: readonly KubernetesObject[],
  { force, unchanged = new Map(), install }: Bringing,
): Promise<Brought> {
  const { signal } = context
  const applied: KubernetesObject[] = []
  const apply = async (object: KubernetesObject): Promise<Applied> => {
    const standing = unchanged.get(keyOf(object))
    return standing === undefined
      ? await applyObject(session, object, { force, signal })
      : { ok: true, object: standing }
  }
  for (const wave of inWaves(objects)) {
    const answers = await Promise.all(wave.map(apply))
    const reasons = answers.flatMap((answer) => (answer.ok ? [] : answer.reasons))
    const standing = answers.flatMap((answer) => (answer.ok ? [answer.object] : []))
    applied.push(...standing)
    if (reasons.length > 0) return { ok: false, reasons, logTail: [], changed: new Set(applied.map(keyOf)) }
    const definitions = standing.filter(({ kind }) => kind === 'CustomResourceDefinition' || kind === 'Namespace')
    if (definitions.length > 0) {
      const known = await awaitHealth(session, { objects: definitions, timeoutMs: 30_000, signal, report: () => {} })
      if (!known.ok) return known
    }
  }
  const brought: Brought = install === undefined ? { ok: true } : await install()
  if (!brought.ok) return brought
  const all = [...applied, ...(brought.installed?.objects ?? [])]
  const report: Wait['report'] = (update) => context.report(update)
  const waited = await awaitHealth(session, { objects: all, timeoutMs, signal, report })
  return waited.ok ? brought : waited
}

/**
 * What ran before, in full; what never ran before is taken away. Where only a part was changed, nothing else is touched:
 * a field that someone else has taken stays theirs.
 */
async function goBack(
  rollout: Rollout,
  inventory: Inventory,
  made: { objects: readonly KubernetesObject[]; releases: readonly string[] },
  changed: ReadonlySet<string> | undefined,
): Promise<Reason[]> {
  const { session, place, service, context } = rollout
  const { signal } = context
  const { settled } = inventory
  const before = settled?.objects ?? []
  const touched = changed === undefined ? before : before.filter((object) => changed.has(keyOf(object)))
  if (settled !== null) context.log('going back to what ran before')
  const outcome: Brought =
    settled === null ? { ok: true } : await bring(rollout, touched, { force: true, ...wayBack(rollout, settled) })
  for (const release of new Set(made.releases)) {
    if (release !== settled?.installed?.release) await rollout.installer?.remove(release, before)
  }
  await prune(rollout, made.objects, before)
  // Nothing vouches for a way back that did not work: the next attempt begins with what is on its way.
  const pending = outcome.ok ? null : inventory.pending
  // Helm counts a way back as a revision of its own.
  const restored = settled !== null && outcome.ok && outcome.installed ? { installed: outcome.installed } : {}
  const stands = settled === null ? null : { ...settled, ...restored }
  await writeInventory(session, place, service, { ...inventory, settled: stands, pending }, signal)
  if (!outcome.ok) {
    return [
      reason(
        'way-back-failed',
        `what ran before does not get healthy either: ${outcome.reasons.map(({ message }) => message).join('; ')}`,
      ),
    ]
  }
  return settled === null
    ? [reason('taken-away', `${service} had not run here before: what was made of it is taken away`)]
    : [reason('old-serves', `what ran before serves again in full`)]
}

/** What an installer has brought there, or may have begun to. */
const releasesIn = ({ settled, pending }: Inventory): string[] => [
  ...new Set([settled?.installed?.release, pending?.installing].filter((name) => name !== undefined)),
]

/** Of what someone else had brought. */
function wayBack({ installer }: Rollout, { installed }: Generation): Pick<Bringing, 'install'> {
  if (installed === undefined || installer === undefined) return {}
  return { install: async () => ({ ok: true, installed: await installer.restore(installed) }) }
}

/** Removes what is no longer described, what rests on others first. */
export async function prune(
  { session, context }: Pick<Rollout, 'session' | 'context'>,
  candidates: readonly KubernetesObject[],
  wanted: readonly KubernetesObject[],
): Promise<void> {
  const keep = new Set(wanted.map(keyOf))
  const leaving = new Map(
    candidates.filter((object) => !keep.has(keyOf(object))).map((object) => [keyOf(object), object]),
  )
  for (const wave of inWaves([...leaving.values()]).reverse()) {
    await Promise.all(
      wave.map(async (object) => {
        if (keptKinds.has(object.kind))
          return context.log(`${nameOf(object)} is not described any more, and stays: it may hold data`)
        await deleteObject(session, object, context.signal)
        context.log(`${nameOf(object)} removed`)
      }),
    )
  }
}

/** Takes a service away: nothing of it is left but what may hold data. */
export async function takeAway(rollout: Omit<Rollout, 'wanted' | 'conflicts' | 'createNamespace'>): Promise<Verdict> {
  const { session, place, service, context } = rollout
  const inventory = await readInventory(session, place, service, context.signal)
  if (inventory.resourceVersion === null) return passed
  if (inventory.epoch > context.epoch) throw stale(service, place, context.epoch, inventory.epoch)
  await writeInventory(session, place, service, { ...inventory, epoch: context.epoch }, context.signal)
  for (const release of releasesIn(inventory)) await rollout.installer?.remove(release, [])
  await prune(rollout, [...(inventory.settled?.objects ?? []), ...(inventory.pending?.objects ?? [])], [])
  await deleteObject(session, inventoryObject(place, service), context.signal)
  return passed
}

const inventoryObject = (place: Place, service: string): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: inventoryName(place, service), namespace: place.namespace },
})
