/** Pure: from facts to plans. What changed, where it goes, what holds it back, and why. */
export * from './deployment-plan.ts'
export * from './gates.ts'
export { ownerOf } from './inputs/artifact-owner.ts'
export * from './release.ts'
export * from './release-plan.ts'
export * from './rollout-strategy.ts'
export * from './routes.ts'
export * from './windows.ts'
