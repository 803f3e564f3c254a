/** Ways to break a simulated world or an engine on purpose: proof that the checkers can fail. */
import type { Engine } from '../../src/delivery/index.ts'
import type { RefName } from '../../src/model/index.ts'
import type { StateUpdate, World } from '../../src/ports/index.ts'
import type { Chance } from './chance.ts'

export type Sabotage = {
  /** The compare-and-swap lies: it takes a push that was decided on something else. */
  pushesOver?(updates: readonly StateUpdate[]): boolean
  /** Says pushed, and drops it. */
  dropsPush?(ref: RefName): boolean
  /** Platforms take a stale controller's word. */
  isFenceOpen?: boolean
  /** Platforms stop instances that serve, instead of draining them. */
  skipsDraining?: boolean
  /** Hosts of a fleet say of each stage that it was verified. */
  saysVerified?: boolean
  /** Hosts of a fleet go on dividing requests when they are told to share them equally. */
  keepsSplit?: boolean
  /** Hosts of a fleet say of instances that start that they are healthy. */
  saysHealthy?: boolean
  /** Changes what an engine sees of its world. */
  world?(world: World, chance: Chance): World
  engine?(engine: Engine): Engine
}
