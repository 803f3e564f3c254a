/** Faults of the world, and where they happened. */
import type { Reason } from '../model/index.ts'
import { reason, TrunklineError } from '../model/index.ts'

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

/** `mask` where the error may come from a platform that was given secrets. */
export const reasonOfError = (error: TrunklineError, mask: (text: string) => string = (text) => text): Reason =>
  reason(
    error.code.toLowerCase().replaceAll('_', '-'),
    mask(error.message),
    error.hint === undefined ? {} : { hint: mask(error.hint) },
  )

/** The lease is gone, or a newer controller has been at the target: nothing may be written any more. */
export const isOusted = (error: unknown): error is TrunklineError =>
  error instanceof TrunklineError && (error.code === 'LEASE_LOST' || error.code === 'STALE_CONTROLLER')
