/**
 * A rollout in stages (canary, blue-green) over all hosts of a service, in step: every host reaches a stage before it is
 * verified and watched, and all that before any host goes to the next. The old instances stay in full until the last
 * stage has passed, so that going back is one change of weights. Decided from what is observed: the split on each host
 * says which stage it has reached, and whether that was verified.
 */
import { type Reason, type RolloutStage, reason, type StagedStrategy } from '../model/index.ts'
import { failuresOf } from './next-rollout-actions.ts'
import type { RolloutAction, RolloutInstance, RolloutSpec } from './rollout.ts'
import { isAdmitted, type Split } from './split.ts'

export type StagedSpec = Pick<RolloutSpec, 'replicas' | 'startTimeoutMs' | 'drainTimeoutMs' | 'maxExits'> & {
  strategy: StagedStrategy
  /** How long an instance that has been healthy may be anything else before its stage fails. */
  patienceMs: number
}

export type StagedHost = {
  name: string
  /** The wanted generation, as this host knows it. */
  generation: string
  instances: readonly RolloutInstance[]
  split: Split | null
  nowMs: number
}

export type StageStatus =
  /** On its way to this stage. */
  | { kind: 'moving'; stage: number }
  /** All hosts have reached it: its verification is due. */
  | { kind: 'verify'; stage: number }
  | { kind: 'watched'; stage: number; leftMs: number }
  /** The last one has passed: the old instances may go. */
  | { kind: 'passed' }
  /** There are no others to share requests with. */
  | { kind: 'not-needed' }
  | { kind: 'failed'; reasons: Reason[] }

export type NextStageActions = { actions: ReadonlyMap<string, RolloutAction[]>; status: StageStatus }

/** How many new instances a stage needs on a host with `replicas`: no one of them gets more than one of all would. */
export const sizeAt = ({ kind }: StagedStrategy, { weight }: RolloutStage, replicas: number): number =>
  kind === 'blue-green' ? replicas : Math.max(1, Math.ceil((replicas * weight) / 100))

/** What to do now, by the name of the host. Never touches the old instances, and never gives the new more than they can bear. */
export function nextStageActions(spec: StagedSpec, hosts: readonly StagedHost[]): NextStageActions {
  const nothing = (status: StageStatus): NextStageActions => ({ actions: new Map(), status })
  if (!hosts.some(hasOthers)) return nothing({ kind: 'not-needed' })
  const failures = hosts.flatMap((host) => failuresAt(spec, host, hosts.length > 1))
  if (failures.length > 0) return nothing({ kind: 'failed', reasons: failures })

  const { stages } = spec.strategy
  const reached = hosts.map((host) => stageOf(stages, host.split, host.generation))
  const [lowest, highest] = [Math.min(...reached), Math.max(...reached)]
  // A host that is ahead went there because the stage before had passed.
  const target = Math.max(0, highest)
  const next = towards(spec, hosts, target)
  if (next.status.kind === 'moving' || lowest < highest) return next
  if (next.status.kind !== 'watched' || next.status.leftMs > 0) return next
  return target === stages.length - 1 ? nothing({ kind: 'passed' }) : towards(spec, hosts, target + 1)
}

const hasOthers = ({ instances, generation }: StagedHost): boolean =>
  instances.some((instance) => instance.generation !== generation && isAdmitted(instance))

/** The last stage whose weight the split has come to; -1 before the first. */
function stageOf(stages: readonly RolloutStage[], split: Split | null, generation: string): number {
  return split?.generation === generation ? stages.findLastIndex(({ weight }) => weight <= split.weight) : -1
}

function failuresAt(spec: StagedSpec, host: StagedHost, isOneOfSeveral: boolean): Reason[] {
  const ours = ofOurs(host)
  const found = [...failuresOf(spec, ours, host.nowMs), ...ours.flatMap((instance) => relapseOf(spec, instance, host))]
  return isOneOfSeveral ? found.map((known) => ({ ...known, message: `${host.name}: ${known.message}` })) : found
}

/** One that had been admitted was healthy then: that it is not any more is what a stage is there to show. */
function relapseOf(spec: StagedSpec, instance: RolloutInstance, { nowMs }: StagedHost): Reason[] {
  if (!isAdmitted(instance) || instance.notHealthySinceMs === null) return []
  if (nowMs - instance.notHealthySinceMs <= spec.patienceMs) return []
  return [reason('health-lost', `instance ${instance.id} was healthy, and is not any more`)]
}

const ofOurs = ({ instances, generation }: StagedHost): RolloutInstance[] =>
  instances.filter((instance) => instance.generation === generation && instance.phase !== 'stopped')

/** Brings every host to a stage; weights move when all of them can bear it. */
function towards(spec: StagedSpec, hosts: readonly StagedHost[], index: number): NextStageActions {
  const stage = spec.strategy.stages[index]
  if (stage === undefined) throw new Error(`there is no stage ${index}`)
  const size = sizeAt(spec.strategy, stage, spec.replicas)
  const actions = new Map(hosts.map((host) => [host.name, actionsAt(spec, host, size)]))
  const isReady = hosts.every((host) => isComplete(host, size))
  if (isReady) {
    for (const { name, generation, split } of hosts) {
      if (split?.generation === generation && split.weight === stage.weight) continue
      actions.get(name)?.push({ kind: 'weigh', generation, weight: stage.weight })
    }
  }
  const isThere =
    isReady && hosts.every(({ split, generation }) => split?.generation === generation && split.weight === stage.weight)
  if (!isThere) return { actions, status: { kind: 'moving', stage: index } }
  const left = hosts.map(({ split, nowMs }) =>
    typeof split?.verifiedAtMs === 'number' ? split.verifiedAtMs + stage.pauseMs - nowMs : null,
  )
  if (left.includes(null)) return { actions, status: { kind: 'verify', stage: index } }
  const leftMs = Math.max(0, ...left.map((ms) => ms ?? 0))
  return { actions, status: { kind: 'watched', stage: index, leftMs } }
}

/** What one host still needs so that its new set has a size, beside the old one. */
function actionsAt(spec: StagedSpec, host: StagedHost, size: number): RolloutAction[] {
  const { generation, split } = host
  // Before anything is admitted: it would share equally with the old.
  const weigh: RolloutAction[] = split?.generation === generation ? [] : [{ kind: 'weigh', generation, weight: 0 }]
  const ours = ofOurs(host)
  const missing = size - ours.length
  const starts: RolloutAction[] = missing > 0 ? [{ kind: 'start', generation, count: missing }] : []
  const admits = ours
    .filter((instance) => instance.phase === 'draining' || (instance.phase === 'healthy' && instance.weight === 0))
    .map((instance): RolloutAction => ({ kind: 'admit', instance: instance.id }))
  return [...weigh, ...leftovers(spec, host), ...starts, ...admits]
}

/** What an earlier rollout left behind that takes no requests any more, or never did. */
function leftovers(spec: StagedSpec, { instances, generation, nowMs }: StagedHost): RolloutAction[] {
  const isOver = ({ phase, weight, inFlight, drainingSinceMs }: RolloutInstance): boolean =>
    phase === 'draining' ? inFlight === 0 || nowMs - (drainingSinceMs ?? nowMs) >= spec.drainTimeoutMs : weight === 0
  return instances
    .filter((instance) => instance.generation !== generation && instance.phase !== 'stopped' && isOver(instance))
    .map(({ id }) => ({ kind: 'stop', instance: id }))
}

const isComplete = (host: StagedHost, size: number): boolean =>
  ofOurs(host).filter((instance) => instance.phase === 'healthy' && isAdmitted(instance)).length >= size
