/** What the views are given: progress events while something happens, documents of the engine for everything else. */
import type { DeliveryResult } from '../../delivery/engine.ts'
import type { Progress } from '../../model/index.ts'

export type { DeliveryResult, EnvironmentResult } from '../../delivery/engine.ts'
export type {
  DiffCommit,
  DiffDocument,
  DiffSide,
  DriftDocument,
  EnvironmentStatus,
  LogEntry,
  ServiceStatus,
  StatusDocument,
  WhereDocument,
  WhyDocument,
} from '../../reporting/documents.ts'

/** Shows what happens while it happens. Never throws: a picture must not end a delivery. */
export type ProgressView = {
  /** Takes every event, in order; hand it to `World.progress`. */
  show(event: Progress): void
  /** Ends the picture and, with a result, leaves it as the last word. Further events are ignored. */
  end(result: DeliveryResult | null): void
}
