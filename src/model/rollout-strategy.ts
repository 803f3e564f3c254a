/** How a service's instances are replaced, as a release's recipe says it. */

/** By surge, a batch at a time; or in stages, with a share of new requests for the new instances at each. */
export type RolloutStrategy = SurgeStrategy | StagedStrategy

export type SurgeStrategy = 'one-at-a-time' | 'half' | 'all-at-once'

export type StagedStrategy = {
  /** A canary's new set grows with its weight; a blue-green's is whole from the beginning. */
  kind: 'canary' | 'blue-green'
  /** In the order they are reached: weights rise, and the last is 100. */
  stages: RolloutStage[]
}

export type RolloutStage = {
  /** Percent of new requests for the new set; at 0 only its preview address leads there. */
  weight: number
  /** Verifications by name; null: those of kind `http` that ask the service itself. */
  verify: string[] | null
  /** How long the stage is watched once it is verified. */
  pauseMs: number
}

export const isStaged = (strategy: RolloutStrategy): strategy is StagedStrategy => typeof strategy !== 'string'

/** What people call it. */
export const nameOfStrategy = (strategy: RolloutStrategy): string => (isStaged(strategy) ? strategy.kind : strategy)
