import type { Reason, SurgeStrategy } from '../model/index.ts'

/**
 * What a rollout works towards: `replicas` healthy instances of one generation that take traffic, and no others.
 * Going back after a failure is the same thing with the old generation wanted.
 */
export type RolloutSpec = {
  /** The generation wanted; null: none at all (the service is removed, or its first deployment failed). */
  generation: string | null
  replicas: number
  strategy: SurgeStrategy
  /** How long an instance may be anything but healthy before the rollout fails. */
  startTimeoutMs: number
  /** How long running requests of a draining instance may take before it is stopped all the same. */
  drainTimeoutMs: number
  /** An instance that ended this often in a row does not come up by itself any more. */
  maxExits: number
}

/** `draining` takes no new requests and finishes those it has; `stopped` was told to end and will not come back. */
export type InstancePhase = 'starting' | 'healthy' | 'unhealthy' | 'draining' | 'stopped'

export type RolloutInstance = {
  id: string
  generation: string
  phase: InstancePhase
  /** 0 until it is admitted. Admitted instances share new requests equally, unless a split says otherwise. */
  weight: number
  /** Requests it is working on. */
  inFlight: number
  /** When it was made. All times are ms on the clock of the host that observes. */
  startedAtMs: number
  /** Since when it has not been healthy; null while it is. */
  notHealthySinceMs: number | null
  /** null unless it drains. */
  drainingSinceMs: number | null
  /** How often in a row its process ended by itself. */
  exits: number
}

export type RolloutAction =
  /** Make `count` new instances, with weight 0. */
  | { kind: 'start'; generation: string; count: number }
  /** Let it take traffic (again, where it was draining). */
  | { kind: 'admit'; instance: string }
  /** No new requests for it. */
  | { kind: 'drain'; instance: string }
  /** End it. */
  | { kind: 'stop'; instance: string }
  /** Divide new requests between this generation and all others: `weight` percent for it. */
  | { kind: 'weigh'; generation: string; weight: number }
  /** No division any more: every admitted instance gets as much as any other. */
  | { kind: 'share-equally' }
  /** Its verification at this weight has passed: note it, with the time. */
  | { kind: 'note-verified'; generation: string; weight: number }

export type RolloutStatus = 'in-progress' | 'done' | { failed: Reason[] }

export type NextRolloutActions = { actions: RolloutAction[]; status: RolloutStatus }

/** How many instances are replaced at once. */
export function batchSize(strategy: SurgeStrategy, replicas: number): number {
  switch (strategy) {
    case 'one-at-a-time':
      return 1
    case 'half':
      return Math.max(1, Math.ceil(replicas / 2))
    case 'all-at-once':
      return Math.max(1, replicas)
  }
}
