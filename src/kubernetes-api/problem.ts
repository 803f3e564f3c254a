/** What the API server says when it says no, in words a person can act on. */
import { erroredError, failedError, refusedError } from '../model/index.ts'

/** As `metav1.Status`. */
export type StatusBody = {
  kind?: string
  message?: string
  reason?: string
  code?: number
  details?: { name?: string; kind?: string; group?: string; causes?: StatusCause[]; retryAfterSeconds?: number }
}

export type StatusCause = { reason?: string; message?: string; field?: string }

/** An answer that is not a success. Callers that can make something of it (404, 409) catch it; others let it go up. */
export class ApiError extends Error {
  readonly status: number
  readonly body: StatusBody
  /** `PATCH /apis/apps/v1/…`: what was asked. */
  readonly request: string

  constructor(status: number, body: StatusBody, request: string) {
    super(body.message ?? `the API server answered ${status}`)
    this.name = 'ApiError'
    this.status = status
    this.body = body
    this.request = request
  }
}

export const isNotFound = (error: unknown): boolean => error instanceof ApiError && error.status === 404
export const isGone = (error: unknown): boolean => error instanceof ApiError && error.status === 410
/** Another writer was first, or another manager owns a field. */
export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409

/** A verdict on what was asked for (`failed`), policy (`refused`), or the world (`errored`). */
export function asTrunklineError(error: unknown, cluster: string): unknown {
  if (!(error instanceof ApiError)) return error
  const { status, body, request } = error
  const said = body.message ?? `status ${status}`
  if (status === 401) {
    return erroredError('CREDENTIALS_REFUSED', `${cluster} does not know who is asking (401): ${said}`, {
      hint: 'the credentials have expired or were taken away: log in again (kubectl auth whoami)',
    })
  }
  if (status === 403 && !/exceeded quota/.test(said)) {
    return refusedError('FORBIDDEN', `${cluster}: ${said}`, {
      hint: 'docs/targets/kubernetes.md lists the rights that Trunkline needs; `kubectl auth can-i` shows those it has',
    })
  }
  if (status === 429 || status >= 500)
    return erroredError('CLUSTER_ERROR', `${cluster} answered ${status} to ${request}: ${said}`)
  return failedError(codeOf(status), `${cluster}: ${said}`)
}

const codeOf = (status: number): string =>
  status === 404 ? 'NOT_FOUND' : status === 409 ? 'CONFLICT' : status === 422 ? 'INVALID' : 'REJECTED'
