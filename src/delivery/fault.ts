/** Faults of steps, and those after which nothing may be written any more. */
import { TrunklineError } from '../model/index.ts'

/** A fault with the step it happened in, so that history can say where. */
export class StepFault extends Error {
  readonly step: string
  override readonly cause: Error

  constructor(step: string, cause: Error) {
    super(cause.message)
    this.step = step
    this.cause = cause
  }
}

/** What went wrong, and in which step where that is known. */
export const unwrapFault = (error: unknown): { fault: unknown; step: string | null } =>
  error instanceof StepFault ? { fault: error.cause, step: error.step } : { fault: error, step: null }

/** The lease is gone, or a newer controller has been at the target: nothing may be written any more. */
export const isOusted = (error: unknown): error is TrunklineError =>
  error instanceof TrunklineError && (error.code === 'LEASE_LOST' || error.code === 'STALE_CONTROLLER')
