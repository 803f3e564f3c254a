/** The engine: what happens when a ref moves, and what people can make happen. `deliver.ts` tells the story. */

export * from './advance.ts'
export * from './by-hand/adopt.ts'
export * from './by-hand/check-commit.ts'
export * from './by-hand/decisions.ts'
export * from './by-hand/deploy.ts'
export * from './by-hand/rollback.ts'
export * from './by-hand/run-task.ts'
export * from './by-hand/show-plan.ts'
export * from './by-hand/yank-subject.ts'
export { type DeliverOptions, deliver } from './deliver.ts'
export type { DeliveryResult, Engine, EnvironmentResult } from './engine.ts'
export * from './scene.ts'
