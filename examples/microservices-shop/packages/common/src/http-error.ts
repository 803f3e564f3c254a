/** An error with a status: what a request is answered with, and what a client reads it back into. */
import { ShapeError } from './shape.ts'

export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  /** For programs: `card-declined`. */
  readonly code: string
  /** Path of the value that is to blame, as in `ShapeError`. */
  readonly field: string | null

  constructor(status: number, code: string, message: string, options: { field?: string | null; cause?: unknown } = {}) {
    super(message, { cause: options.cause })
    this.status = status
    this.code = code
    this.field = options.field ?? null
  }

  toJSON() {
    return { error: { code: this.code, message: this.message, field: this.field } }
  }
}

/** Anything thrown while answering, as the error to answer with; what we did not expect stays our secret. */
export function httpErrorOf(error: unknown): HttpError {
  if (error instanceof HttpError) return error
  if (error instanceof ShapeError)
    return new HttpError(422, 'invalid', error.message, { field: error.at, cause: error })
  return new HttpError(500, 'internal', 'something went wrong', { cause: error })
}
