import { type Reason, reason } from './reason.ts'

/** Where a mistake stands, for an editor to jump to. Lines and columns count from 1. */
export type Location = { file: string; line?: number; column?: number /** The source line itself. */; source?: string }

/** `usage` exits 2, `failed` 1, `refused` 3, `errored` 4; `cancelled` exits 130. */
export type ErrorKind = 'usage' | 'failed' | 'refused' | 'errored' | 'cancelled'

export type ErrorDetail = { hint?: string; location?: Location; cause?: unknown; problems?: Problem[] }

/** One mistake among several. */
export type Problem = { code: string; message: string; hint?: string; location?: Location }

/**
 * The one class of errors that users see: a searchable code, a sentence, and what to do about it.
 * Anything else that reaches the top is a bug in Trunkline and is shown as one.
 */
export class TrunklineError extends Error {
  readonly kind: ErrorKind
  /** SCREAMING_SNAKE_CASE, stable. */
  readonly code: string
  readonly hint: string | undefined
  readonly location: Location | undefined
  /** All the mistakes, where one run finds several (configuration). */
  readonly problems: readonly Problem[]

  constructor(kind: ErrorKind, code: string, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause })
    this.name = 'TrunklineError'
    this.kind = kind
    this.code = code
    this.hint = detail.hint
    this.location = detail.location
    this.problems = detail.problems ?? []
  }
}

export const usageError = (code: string, message: string, detail?: ErrorDetail) =>
  new TrunklineError('usage', code, message, detail)
export const refusedError = (code: string, message: string, detail?: ErrorDetail) =>
  new TrunklineError('refused', code, message, detail)
export const erroredError = (code: string, message: string, detail?: ErrorDetail) =>
  new TrunklineError('errored', code, message, detail)
export const failedError = (code: string, message: string, detail?: ErrorDetail) =>
  new TrunklineError('failed', code, message, detail)
export const cancelledError = (message = 'cancelled') => new TrunklineError('cancelled', 'CANCELLED', message)

/** An error as a reason, for a verdict or the ledger. `mask` where it may come from a platform that was given secrets. */
export const reasonOfError = (
  { code, message, hint, location }: TrunklineError,
  mask: (text: string) => string = (text) => text,
): Reason =>
  reason(code.toLowerCase().replaceAll('_', '-'), mask(message), {
    ...(hint === undefined ? {} : { hint: mask(hint) }),
    ...(location === undefined ? {} : { file: location.file }),
  })
