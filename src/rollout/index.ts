/** Pure state machines of rollouts: which instance starts, takes traffic, drains or stops next. No I/O, no clock. */

export * from './next-rollout-actions.ts'
export * from './next-stage-actions.ts'
export * from './rollout.ts'
export * from './split.ts'
