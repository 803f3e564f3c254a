/** Requests to one repository of a registry: authorized, repeated where that helps, refusals turned into sentences. */
import { erroredError, TrunklineError } from '../../model/index.ts'
import { abortReason } from '../artifact-errors.ts'
import { createAuthorizer, type Exchange } from './authorization.ts'
import type { CloudRegistry } from './cloud-registry.ts'
import { followingRedirects, resolveLocation } from './redirects.ts'
import type { RepositoryReference } from './reference.ts'
import { type Attempted, isTransient, readRefusal, registryError } from './registry-error.ts'
import { parseRetryAfter, type RetryPolicy, retrying, TransientFault } from './retry.ts'
import { type HttpRequest, type HttpResponse, type Transport, unreachable } from './transport.ts'

export type Right = 'pull' | 'push' | 'delete'

export type RegistryRequest = {
  method: HttpRequest['method']
  /** After `/v2/<name>/`; or the absolute URL that a registry gave. */
  path: string
  headers?: Record<string, string>
  body?: HttpRequest['body']
  right: Right
  /** Other repositories that are read on the way (mounts). */
  alsoPulls?: readonly string[]
  /** Statuses that are answers. Any other is an error. */
  accept: readonly number[]
  /** For errors; see `Attempted`. */
  action: string
}

export type RegistryResponse = { status: number; headers: Record<string, string>; url: string; bytes: Buffer }

export type RegistryClient = {
  /** For errors and logs: `registry.example/shop`. */
  readonly label: string
  readonly place: { host: string; repository: string }
  /** The whole answer, at most 4 MiB; repeated where the failure may pass. */
  call(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>
  /** The same, once: what may pass is thrown as `TransientFault`. */
  callOnce(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse>
  /** The answer with its body still to come; once. */
  open(request: RegistryRequest, signal: AbortSignal): Promise<HttpResponse>
  /** Makes a `Location` absolute. */
  locate(response: RegistryResponse, action: string): string
  readonly retryPolicy: RetryPolicy
}

const maxAnswerBytes = 4 * 1024 * 1024
/** For a whole small answer, however it trickles. */
const maxAnswerMs = 120_000

export type ClientOptions = {
  reference: RepositoryReference
  environment: NodeJS.ProcessEnv
  transport: Transport
  retryPolicy: RetryPolicy
  cloud?: CloudRegistry
}

export function createRegistryClient({
  reference,
  environment,
  transport,
  retryPolicy,
  cloud,
}: ClientOptions): RegistryClient {
  const label = `${reference.host}/${reference.name}`
  const send = followingRedirects(transport, reference.origin)
  const authorizer = createAuthorizer(reference, environment, exchangeForAuthorization, cloud?.login)

  /** For `/v2/` and the token service: no authorization of ours, but the same patience. */
  function exchangeForAuthorization(request: HttpRequest, signal: AbortSignal): ReturnType<Exchange> {
    const isPing = request.url === `${reference.origin}/v2/`
    return retrying(retryPolicy, signal, async () => {
      const response = await attempt(() => transport(request, signal))
      // Any other answer to a ping says no more than that this registry does not mind being asked.
      if (response.status < 300 || (isPing && response.status < 500 && response.status !== 429)) {
        return wholeOf(response, signal)
      }
      throw await faultOf(response, { action: 'give a token', right: 'pull' }, signal)
    })
  }

  function urlOf({ path }: RegistryRequest): string {
    return path.startsWith('http') ? path : `${reference.origin}/v2/${reference.name}/${path}`
  }

  async function sendAuthorized(request: RegistryRequest, signal: AbortSignal): Promise<HttpResponse> {
    const scopes = scopesOf(reference.name, request)
    for (let isSecondTry = false; ; isSecondTry = true) {
      const authorization = await authorizer.header(scopes, signal)
      const headers = { ...request.headers, ...(authorization !== null && { authorization }) }
      const { method, body } = request
      const response = await attempt(() => send({ method, url: urlOf(request), headers, body }, signal))
      // A challenge of whom the registry sent us to is none of the registry's: its realm would be given our login.
      const isOwn = new URL(response.url).origin === reference.origin
      if (response.status !== 401 || isSecondTry || !isOwn) return response
      // The token expired before its time, or was never asked for. A second refusal is meant.
      response.body.on('error', () => {}).destroy()
      authorizer.challenged(response.headers['www-authenticate'] ?? '', scopes)
    }
  }

  async function open(request: RegistryRequest, signal: AbortSignal): Promise<HttpResponse> {
    const response = await sendAuthorized(request, signal)
    if (request.accept.includes(response.status)) return response
    throw await faultOf(response, request, signal)
  }

  async function faultOf(
    response: HttpResponse,
    { action, right }: Pick<Attempted, 'action' | 'right'>,
    signal: AbortSignal,
  ): Promise<TransientFault | TrunklineError> {
    const { bytes } = await wholeOf(response, signal).catch(() => ({ bytes: Buffer.alloc(0) }))
    const account = await authorizer.account(signal)
    const { host, name: repository } = reference
    const refusal = readRefusal(response, bytes)
    const error = registryError(refusal, { action, right, host, repository, account })
    if (!isTransient(refusal)) return error
    return new TransientFault(error, parseRetryAfter(response.headers['retry-after'], Date.now()))
  }

  async function callOnce(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    return wholeOf(await open(request, signal), signal)
  }

  return {
    label,
    place: { host: reference.host, repository: reference.name },
    retryPolicy,
    open,
    callOnce,
    call: (request, signal) => retrying(retryPolicy, signal, () => callOnce(request, signal)),
    locate(response, action) {
      const location = response.headers['location']
      if (location !== undefined) return resolveLocation(location, response.url)
      throw erroredError('REGISTRY_REFUSED', `${reference.host} did not say where to ${action}`)
    },
  }
}

/** What a token is asked for. */
const actions: Readonly<Record<Right, string>> = { pull: 'pull', push: 'pull,push', delete: 'pull,push,delete' }

function scopesOf(name: string, { right, alsoPulls = [] }: RegistryRequest): string[] {
  const own = `repository:${name}:${actions[right]}`
  return [own, ...alsoPulls.map((other) => `repository:${other}:pull`)]
}

/** What fails on the way may go well the next time. */
async function attempt<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof TrunklineError && error.code === 'REGISTRY_UNREACHABLE') throw new TransientFault(error)
    throw error
  }
}

async function wholeOf(response: HttpResponse, signal: AbortSignal): Promise<RegistryResponse> {
  const { status, headers, url } = response
  const chunks: Uint8Array[] = []
  let size = 0
  // One byte at a time is progress to the transport, and would be waited for without end.
  const deadlineMs = performance.now() + maxAnswerMs
  try {
    for await (const chunk of response.body) {
      if (performance.now() > deadlineMs) {
        throw unreachable(new URL(url), `its answer was not complete after ${maxAnswerMs / 1000} s`)
      }
      size += chunk.length
      if (size > maxAnswerBytes) throw erroredError('REGISTRY_REFUSED', `${new URL(url).host} answered without end`)
      chunks.push(chunk)
    }
  } catch (error) {
    throw brokenOff(error, url, signal)
  }
  return { status, headers, url, bytes: Buffer.concat(chunks) }
}

/** What a body that breaks off means. */
export function brokenOff(error: unknown, url: string, signal: AbortSignal): unknown {
  if (error instanceof TrunklineError || error instanceof TransientFault) return error
  if (signal.aborted) return abortReason(signal)
  return new TransientFault(unreachable(new URL(url), 'its answer broke off', error))
}
