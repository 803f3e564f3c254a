/** What every part of the engine works with. */
import type { Ledger } from '../ledger/index.ts'
import type { DeploymentId, EnvironmentName, OutcomeKind, Reason, ReleaseId } from '../model/index.ts'
import type { World } from '../ports/index.ts'

export type Engine = {
  world: World
  ledger: Ledger
  /** Steps that run side by side. */
  concurrency: number
}

/** How one environment came out of a delivery. */
export type EnvironmentResult = {
  name: EnvironmentName
  outcome: OutcomeKind
  reasons: Reason[]
  deployment: DeploymentId | null
}

/** What `deliver`, `deploy`, `rollback` and `advance` answer (design section 8). */
export type DeliveryResult = {
  outcome: OutcomeKind
  release: ReleaseId | null
  commit: string | null
  reasons: Reason[]
  environments: EnvironmentResult[]
}
