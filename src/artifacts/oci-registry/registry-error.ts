/** What a registry's refusal means, as a sentence. */
import * as z from 'zod'
import { erroredError, refusedError, type TrunklineError } from '../../model/index.ts'
import type { HttpResponse } from './transport.ts'

const bodySchema = z.object({
  errors: z.array(z.object({ code: z.string().default(''), message: z.string().default('') })).min(1),
})

export type Attempted = {
  /** Completes "the registry refused to …": `read the manifest of 0123456789ab`. */
  action: string
  right: 'pull' | 'push' | 'delete'
  host: string
  repository: string
  /** Whose credentials were used; null: nobody's. */
  account: string | null
}

/** What a registry said in place of what was expected. */
export type Refusal = {
  status: number
  /** In capitals; empty where there is none. */
  code: string
  /** One line. */
  message: string
  /** The token was good, and not for this. */
  isInsufficientScope: boolean
}

/** Reads a refusal; `body` is in whatever format. */
export function readRefusal({ status, headers }: HttpResponse, body: Uint8Array): Refusal {
  const isInsufficientScope = headers['www-authenticate']?.includes('insufficient_scope') ?? false
  return { status, isInsufficientScope, ...parseBody(body) }
}

const transientStatuses: readonly number[] = [408, 429, 500, 502, 503, 504]

/**
 * Seen where two writers store one blob at once: distribution 2.8 reads a link file that the other has just created
 * and not yet filled, and blames the digest. We compute digests from the very bytes we send, so it cannot be meant.
 * Registries with several replicas say the other for a moment after an upload.
 */
const transientCodes: readonly string[] = ['DIGEST_INVALID', 'MANIFEST_BLOB_UNKNOWN']

/** Whether the answer may be different in a moment. */
export const isTransient = ({ status, code }: Refusal): boolean =>
  transientStatuses.includes(status) || transientCodes.includes(code)

/** The error that a refusal is for the user. */
export function registryError(refusal: Refusal, attempted: Attempted): TrunklineError {
  const { status, code } = refusal
  const { host, repository, action } = attempted
  const quote = refusal.message === '' ? '' : `: ${refusal.message}`
  if (status === 403 || code === 'DENIED' || (status === 401 && refusal.isInsufficientScope)) {
    return denied(attempted, quote)
  }
  if (status === 401 || code === 'UNAUTHORIZED') return unauthorized(attempted, quote)
  if (status === 429 || code === 'TOOMANYREQUESTS') {
    return erroredError('REGISTRY_RATE_LIMITED', `${host} takes no more requests for now${quote}`, {
      hint: 'wait a while; anonymous access is limited most: log in',
    })
  }
  if (code === 'TAG_INVALID' && /immutable|cannot be overwritten/i.test(refusal.message)) {
    return refusedError(
      'TAG_IMMUTABLE',
      `${host}/${repository} lets no tag be moved: it refused to ${action}${quote}`,
      {
        hint: 'another artifact has that name already; take a new tag, or allow tags to be overwritten there',
      },
    )
  }
  if (code === 'NAME_UNKNOWN') {
    return erroredError('REGISTRY_REPOSITORY_UNKNOWN', `${host} has no repository ${repository}${quote}`, {
      hint: 'some registries (ECR) want it created first: aws ecr create-repository --repository-name …, or `ecr: { create: true }` in trunkline.yaml',
    })
  }
  if (status === 413) {
    return erroredError('REGISTRY_BODY_TOO_LARGE', `${host} refused to ${action}: too large for one request`, {
      hint: 'a proxy before the registry may limit the size of bodies (nginx: client_max_body_size)',
    })
  }
  if (status >= 500) {
    return erroredError('REGISTRY_FAILED', `${host} failed to ${action}: HTTP ${status}${quote}`, {
      hint: 'the registry is in trouble; try again later',
    })
  }
  const spelledCode = code === '' ? '' : ` ${code}`
  return erroredError('REGISTRY_REFUSED', `${host} refused to ${action}: HTTP ${status}${spelledCode}${quote}`, {
    hint: status === 404 ? `is ${host} a container registry, and ${repository} a repository in it?` : hintFor(code),
  })
}

function denied({ account, host, right, repository }: Attempted, quote: string): TrunklineError {
  const who = account === null ? 'anonymous access' : `the account ${account}`
  return erroredError(
    'REGISTRY_DENIED',
    `${who} lacks the right to ${right} ${toOrFrom(right)} ${host}/${repository}${quote}`,
    {
      hint:
        account === null
          ? `log in: docker login ${host}, or set TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD`
          : `give it the right to ${right} in ${repository}, or log in as someone who has it`,
    },
  )
}

function unauthorized({ account, host }: Attempted, quote: string): TrunklineError {
  return account === null
    ? erroredError('REGISTRY_UNAUTHORIZED', `${host} wants a login and none was found${quote}`, {
        hint: `docker login ${host}, or set TRUNKLINE_REGISTRY_USER and TRUNKLINE_REGISTRY_PASSWORD`,
      })
    : erroredError('REGISTRY_UNAUTHORIZED', `${host} does not accept the login of ${account}${quote}`, {
        hint: `the password may have expired (ECR: after 12 hours); log in again: docker login ${host}`,
      })
}

const toOrFrom = (right: 'pull' | 'push' | 'delete'): string => (right === 'push' ? 'to' : 'from')

const hintFor = (code: string): string =>
  code === 'TAG_INVALID' || code.includes('TAG')
    ? 'the tag may exist already in a repository whose tags are immutable'
    : 'this is what the registry said; its documentation knows more'

function parseBody(body: Uint8Array): { code: string; message: string } {
  try {
    const [first] = bodySchema.parse(JSON.parse(Buffer.from(body).toString('utf8'))).errors
    return { code: first?.code.toUpperCase() ?? '', message: oneLine(first?.message ?? '') }
  } catch {
    return { code: '', message: '' }
  }
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 300)
