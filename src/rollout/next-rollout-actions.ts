/**
 * A rollout by surge: a batch of new instances starts beside the old ones, becomes healthy, takes traffic, and then as
 * many old ones drain and stop. Decided from what is observed and nothing else, so that a controller that died is
 * continued by any other, and going back is the same machine with the old generation wanted.
 */
import { type Reason, reason } from '../model/index.ts'
import {
  batchSize,
  type NextRolloutActions,
  type RolloutAction,
  type RolloutInstance,
  type RolloutSpec,
} from './rollout.ts'
import { hasPassed, isAdmitted, type Split, sharesOf } from './split.ts'

/**
 * What to do now. Never takes healthy serving capacity below `replicas`, or below what there is if that is less.
 * Asking again with the same observation gives the same answer; with `done` there is nothing left to do.
 */
export function nextRolloutActions(
  spec: RolloutSpec,
  observed: readonly RolloutInstance[],
  nowMs: number,
  split: Split | null = null,
): NextRolloutActions {
  const rebalance = rebalanceOf(spec, observed, split)
  const scene = readScene(spec, observed, afterwards(split, rebalance))
  const failures = failuresOf(spec, scene.kept, nowMs)
  if (failures.length > 0) return { actions: [], status: { failed: failures } }

  const stops = [...stopsOfDrained(spec, scene, nowMs), ...stopsOfUnneeded(scene)]
  const starts = startsOf(spec, scene, scene.alive.length - stops.length)
  const actions = [
    ...rebalance,
    ...stops,
    ...readmissions(scene),
    ...starts,
    ...admissions(scene, starts.length > 0),
    ...drains(scene),
  ]
  return { actions, status: actions.length === 0 && isSettled(scene) ? 'done' : 'in-progress' }
}

/**
 * What a rollout in stages left. An unwanted generation that has not passed its stages gives its share back at once,
 * wherever another is well: it counts for no capacity. One that has passed goes on until those it goes back to can bear
 * everything, and a wanted one keeps everything as long as it can.
 */
function rebalanceOf(
  spec: RolloutSpec,
  observed: readonly RolloutInstance[],
  split: Split | null,
): Array<RolloutAction & { kind: 'weigh' | 'share-equally' }> {
  if (split === null || spec.generation === null) return []
  const { generation, weight } = split
  const well = observed.filter((instance) => isAdmitted(instance) && instance.phase === 'healthy')
  const ours = well.filter((instance) => instance.generation === generation).length
  const others = well.length - ours
  if (generation === spec.generation) return weight === 100 && ours >= spec.replicas ? [] : [{ kind: 'share-equally' }]
  if (others < (hasPassed(split) ? spec.replicas : 1)) return [{ kind: 'share-equally' }]
  return weight === 0 ? [] : [{ kind: 'weigh', generation, weight: 0 }]
}

function afterwards(split: Split | null, rebalance: ReturnType<typeof rebalanceOf>): Split | null {
  const [change] = rebalance
  if (change === undefined || split === null) return split
  return change.kind === 'weigh' ? { ...split, weight: change.weight } : null
}

/** An instance, and its share of new requests under the split. */
type Sharing = RolloutInstance & { share: number }

/** The instances, by the part they play. */
type Scene = {
  /** How many instances are wanted. */
  wanted: number
  alive: Sharing[]
  /** Of the wanted generation, to stay, at most `wanted`. */
  kept: Sharing[]
  /** Kept, but draining: they only need to be let in again. */
  readmitted: Sharing[]
  /** To go: other generations, and more than are wanted of this one. In the order in which they go. */
  leaving: Sharing[]
  /** Healthy and taking traffic now. */
  capacity: number
  /** Other generations are still here. */
  isReplacing: boolean
}

const isServing = (instance: Sharing): boolean =>
  instance.phase === 'healthy' && instance.weight > 0 && instance.share > 0

function readScene(spec: RolloutSpec, observed: readonly RolloutInstance[], split: Split | null): Scene {
  const wanted = spec.generation === null ? 0 : spec.replicas
  const shares = sharesOf(observed.filter(isAdmitted), split)
  const alive = observed
    .filter((instance) => instance.phase !== 'stopped')
    .map((instance): Sharing => ({ ...instance, share: shares.get(instance.id) ?? 0 }))
  const current = alive.filter((instance) => instance.generation === spec.generation).sort(mostWorthKeeping)
  const others = alive.filter((instance) => instance.generation !== spec.generation).sort(mostWorthKeeping)
  const kept = current.slice(0, wanted)
  return {
    wanted,
    alive,
    kept,
    readmitted: kept.filter((instance) => instance.phase === 'draining'),
    leaving: [...current.slice(wanted), ...others].sort(mostWorthKeeping).reverse(),
    capacity: alive.filter(isServing).length,
    isReplacing: others.length > 0,
  }
}

/** Those that serve first, then those that might soon; among equals the oldest, and in the end by name. */
function mostWorthKeeping(left: Sharing, right: Sharing): number {
  return (
    worth(right) - worth(left) ||
    left.startedAtMs - right.startedAtMs ||
    (left.id < right.id ? -1 : Number(left.id !== right.id))
  )
}

function worth(instance: Sharing): number {
  if (isServing(instance)) return 4
  if (instance.phase === 'healthy') return 3
  if (instance.phase === 'draining') return 2
  return instance.weight > 0 ? 1 : 0
}

export function failuresOf(
  spec: Pick<RolloutSpec, 'maxExits' | 'startTimeoutMs'>,
  kept: readonly RolloutInstance[],
  nowMs: number,
): Reason[] {
  return kept.flatMap((instance) => {
    if (instance.phase === 'draining') return []
    if (instance.exits >= spec.maxExits) {
      return [
        reason('instance-exits', `instance ${instance.id} ended ${instance.exits} times in a row after its start`),
      ]
    }
    const notHealthyMs = instance.notHealthySinceMs === null ? 0 : nowMs - instance.notHealthySinceMs
    if (instance.phase === 'healthy' || notHealthyMs <= spec.startTimeoutMs) return []
    return [
      reason('health-not-reached', `instance ${instance.id} was not healthy within ${spec.startTimeoutMs / 1000} s`),
    ]
  })
}

const stop = (instance: RolloutInstance): RolloutAction => ({ kind: 'stop', instance: instance.id })

function stopsOfDrained(spec: RolloutSpec, scene: Scene, nowMs: number): RolloutAction[] {
  return scene.leaving
    .filter((instance) => instance.phase === 'draining')
    .filter((instance) => instance.inFlight === 0 || nowMs - (instance.drainingSinceMs ?? nowMs) >= spec.drainTimeoutMs)
    .map(stop)
}

/** Instances that were never admitted have nothing to drain: what an interrupted or failed rollout left behind. */
function stopsOfUnneeded(scene: Scene): RolloutAction[] {
  return scene.leaving.filter((instance) => instance.phase !== 'draining' && instance.weight === 0).map(stop)
}

function readmissions(scene: Scene): RolloutAction[] {
  return scene.readmitted.map((instance) => ({ kind: 'admit', instance: instance.id }))
}

function startsOf(spec: RolloutSpec, scene: Scene, aliveAfterStops: number): RolloutAction[] {
  const batch = batchSize(spec.strategy, spec.replicas)
  const missing = scene.wanted - scene.kept.length
  const room = scene.wanted + batch - aliveAfterStops
  const batchLeft = batch - scene.kept.filter((instance) => instance.weight === 0).length
  // With nothing to replace there is nothing to go gently on: all start at once.
  const count = Math.min(missing, room, scene.isReplacing ? batchLeft : missing)
  return spec.generation === null || count <= 0 ? [] : [{ kind: 'start', generation: spec.generation, count }]
}

/** A batch takes traffic as one; where capacity is missing, each instance does as soon as it can. */
function admissions(scene: Scene, isBatchGrowing: boolean): RolloutAction[] {
  const pending = scene.kept.filter((instance) => instance.weight === 0 && instance.phase !== 'draining')
  const ready = pending.filter((instance) => instance.phase === 'healthy')
  const isBatchReady = ready.length === pending.length && !isBatchGrowing
  if (!isBatchReady && scene.capacity >= scene.wanted) return []
  return ready.map((instance) => ({ kind: 'admit', instance: instance.id }))
}

/** As many leave as the kept ones can stand in for; the healthy among them only where capacity is to spare. */
function drains(scene: Scene): RolloutAction[] {
  const candidates = scene.leaving.filter((instance) => instance.phase !== 'draining' && instance.weight > 0)
  const stillNeeded = Math.max(0, scene.wanted - scene.kept.filter(isServing).length)
  const excess = Math.max(0, candidates.length - stillNeeded)
  let spare = scene.capacity - scene.wanted
  return candidates
    .slice(0, excess)
    .filter((instance) => !isServing(instance) || spare-- > 0)
    .map((instance) => ({ kind: 'drain', instance: instance.id }))
}

function isSettled(scene: Scene): boolean {
  return scene.leaving.length === 0 && scene.kept.length === scene.wanted && scene.kept.every(isServing)
}
