/** What the parts of a rollout in stages share: what it is about, what it has reached, and how that is written down. */

import { type KubernetesObject, keyOf } from '../../../kubernetes-api/index.ts'
import { isStaged, type RolloutStrategy, type StagedStrategy } from '../../../model/index.ts'
import type { TargetContext } from '../../../ports/index.ts'
import { applyObject } from '../apply/server-side-apply.ts'
import { podsOf } from '../health/health.ts'
import { type Generation, type Inventory, type StageReached, writeInventory } from '../inventory.ts'
import type { Waited } from '../rollout/await-health.ts'
import type { Rollout } from '../rollout/roll-out.ts'
import { isKnativeService, revisionServing } from './divide-knative.ts'
import { type Division, divide } from './division.ts'
import { isDeployment } from './sets.ts'

export type RolloutBy = Omit<Rollout, 'context'> & {
  strategy: RolloutStrategy
  /** Where people reach the service; null: nobody knows. */
  url: string | null
  context: Rollout['context'] & Pick<TargetContext, 'verifyStage' | 'stagePassed'>
}

/** One on its way. `inventory` is replaced with every step that is written down. */
export type StagedRollout = RolloutBy & {
  strategy: StagedStrategy
  division: Division
  objects: readonly KubernetesObject[]
  /** Pods of the old set when it began. */
  oldPods: number
  inventory: Inventory & { settled: Generation; pending: Generation & { staged: StageReached } }
}

/** Written with the version it was read with: who has lost the lease ends here, before it moves anything. */
export async function note(rollout: StagedRollout, reached: Partial<StageReached>): Promise<void> {
  const { session, place, service, context, inventory } = rollout
  const pending = { ...inventory.pending, staged: { ...inventory.pending.staged, ...reached } }
  const written = await writeInventory(session, place, service, { ...inventory, pending }, context.signal)
  rollout.inventory = { ...written, settled: inventory.settled, pending }
}

/** All or the reasons of those that the server would not have. Waits for nothing. */
export async function applyAll(
  { session }: Pick<Rollout, 'session'>,
  objects: readonly KubernetesObject[],
  options: { force: boolean; signal: AbortSignal },
): Promise<Waited> {
  const answers = await Promise.all(objects.map((object) => applyObject(session, object, options)))
  const reasons = answers.flatMap((answer) => (answer.ok ? [] : answer.reasons))
  return reasons.length === 0 ? { ok: true } : { ok: false, reasons, logTail: [] }
}

type Around = {
  session: Rollout['session']
  signal: AbortSignal
  before: readonly KubernetesObject[]
  wanted: readonly KubernetesObject[]
  /** null: to take back what another strategy began. */
  strategy: RolloutStrategy | null
  /** Where a rollout goes on: as it was when it began. */
  revisions: Record<string, string> | null
}

/** How requests can be divided, by what stands in the cluster now; null: nothing is there to share them with. */
export async function divisionNow(around: Around) {
  const { session, signal, before, wanted, strategy } = around
  const standing = await Promise.all(
    [...new Map([...before, ...wanted].map((object) => [keyOf(object), object])).values()]
      .filter((object) => isDeployment(object) || isKnativeService(object))
      .map((object) => session.read(object, object.metadata.name, object.metadata.namespace, signal)),
  )
  const live = new Map(standing.flatMap((object) => (object === null ? [] : [[keyOf(object), object] as const])))
  const revisions = around.revisions ?? servingRevisions([...live.values()])
  const staged: StagedStrategy = strategy !== null && isStaged(strategy) ? strategy : { kind: 'canary', stages: [] }
  const division = divide({ before, wanted, strategy: staged, live, revisions })
  if ('reasons' in division) return division
  const oldPods = division.old.map((object) => podsOf(live.get(keyOf(object)) ?? { ...object, status: {} }))
  const old = oldPods.reduce((sum, pods) => sum + (pods?.ready ?? 0), 0)
  return { division, revisions, old }
}

const servingRevisions = (live: readonly KubernetesObject[]): Record<string, string> =>
  Object.fromEntries(
    live.filter(isKnativeService).flatMap((object) => {
      const revision = revisionServing(object)
      return revision === null ? [] : [[object.metadata.name, revision] as const]
    }),
  )
