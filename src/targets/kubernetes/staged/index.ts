/** Rollouts in stages on a cluster: canary and blue-green, by numbers of pods, routes of the Gateway API, or Knative. */
export { broughtByHelm, rollOutBy } from './roll-out-by.ts'
export type { RolloutBy } from './staged-rollout.ts'
export { whyUndivided } from './why-undivided.ts'
