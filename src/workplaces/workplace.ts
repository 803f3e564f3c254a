/** Where the work of one order is done: what a vendor offers, and all that is asked of it. */
import type { Digest, ServiceName, TrunklineError } from '../model/index.ts'
import type { Examined } from '../ports/index.ts'
import type { Ticket } from './ticket.ts'

/** An order on its way to a worker. */
export type Assignment = {
  order: Digest
  /** For people: `check carts/test`. */
  title: string
  project: string
  service: ServiceName
  /** What the worker is told; `run` comes from the workplace. */
  ticket: Omit<Ticket, 'run'>
  /** What the work sees of the variables of whoever delivers: secret, as any of them may be. */
  variables: Readonly<Record<string, string>>
  /** Everything a worker does, at the longest. */
  timeoutMs: number
}

export type AssignmentContext = {
  signal: AbortSignal
  /** A line as the worker wrote it, which masks; and what the workplace itself has to say. */
  log(line: string): void
  /** Whether an earlier run of the order has left an outcome: only then is it worth joining when it has ended. */
  hasOutcome(run: string): Promise<boolean>
}

/** One execution of an order, over. What came of it the worker has put into the store. */
export type RunEnd = {
  /** As the worker was told it. */
  run: string
  /** What to throw where no outcome is found. */
  fault: TrunklineError
}

export type Workplace = {
  /** For people: `Jobs in builds of production`. */
  readonly location: string
  /** What workers run on: `linux/x64`. */
  readonly platform: string
  /**
   * Starts the order, or joins the run of it that is under way or has ended, and follows it to its end. When cancelled,
   * nothing of it is left. Errored where it never starts.
   */
  run(assignment: Assignment, context: AssignmentContext): Promise<RunEnd>
  /**
   * For `doctor`: whether such an order could be carried out, as far as the place tells without running one. Throws where
   * it cannot be reached.
   */
  examine(sample: Assignment, signal: AbortSignal): Promise<Examined[]>
  /** Takes away what is left of the order's run, so that the next one starts anew. No error if it is gone. */
  forget(order: Digest, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}
