/**
 * One API server: requests over a few kept connections, bounded in number and time, repeated where that is harmless.
 * Answers are parsed JSON; what is no success is thrown as `ApiError`.
 */
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Dispatcher, Pool, ProxyAgent } from 'undici'
import { cancelledError, erroredError } from '../model/index.ts'
import { type Credentials, openCredentials } from './credentials.ts'
import type { ClusterConnection } from './kubeconfig.ts'
import { ApiError, type StatusBody } from './problem.ts'

export type ApiRequest = {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** From the root: `/api/v1/namespaces/shop/pods`. */
  path: string
  query?: Record<string, string | number | boolean | undefined>
  body?: unknown
  /** Of the body; default `application/json`. */
  contentType?: string
  accept?: string
  timeoutMs?: number
  signal: AbortSignal
}

export type ApiClient = {
  /** For people. */
  readonly name: string
  readonly connection: ClusterConnection
  request(request: ApiRequest): Promise<unknown>
  /** The body as it comes, for watches and logs; ends with the signal. */
  stream(request: ApiRequest): Promise<Readable>
  close(): Promise<void>
}

/** At a time, for requests. Each watch has one more of its own: it keeps it, and must never keep requests waiting. */
const connections = 32
const timeoutMs = 30_000
const maxAnswerBytes = 256 * 1024 * 1024
const attempts = 6
const firstDelayMs = 150
const maxDelayMs = 5000

export function openClient(connection: ClusterConnection, variables: NodeJS.ProcessEnv): ApiClient {
  const credentials = openCredentials(connection, variables)
  /** A connection says who it is: another certificate takes others. */
  let pools: { requests: Dispatcher; streams: Dispatcher; for: Credentials['certificate'] } | null = null

  function dispatcherFor(current: Credentials, isStream: boolean): Dispatcher {
    if (pools === null || pools.for !== current.certificate) {
      for (const old of [pools?.requests, pools?.streams]) void old?.close().catch(() => {})
      const requests = openPool(connection, current, connections)
      pools = { requests, streams: openPool(connection, current, null), for: current.certificate }
    }
    return isStream ? pools.streams : pools.requests
  }

  async function send(request: ApiRequest, isStream: boolean): Promise<Dispatcher.ResponseData> {
    for (let attempt = 1; ; attempt += 1) {
      request.signal.throwIfAborted()
      const current = await credentials.get(request.signal)
      const outcome = await dispatch(dispatcherFor(current, isStream), connection, current, request, isStream)
      if (outcome.kind === 'response') {
        const { response } = outcome
        if (response.statusCode < 400) return response
        const problem = new ApiError(response.statusCode, await statusOf(response), `${request.method} ${request.path}`)
        if (response.statusCode === 401 && attempt === 1 && credentials.refused(current)) continue
        if (!isWorthRepeating(problem, request.method) || attempt >= attempts) throw problem
        await pause(attempt, retryAfterMs(response, problem), request.signal)
      } else {
        // Whether it was done nobody knows: whoever asked observes, and does what is missing.
        if (!isHarmless(request.method) || attempt >= attempts) throw unreachable(connection, outcome.error, request)
        await pause(attempt, 0, request.signal)
      }
    }
  }

  return {
    name: connection.name,
    connection,
    async request(request) {
      const response = await send(request, false)
      return parseAnswer(await bodyOf(response, connection, request), connection)
    },
    async stream(request) {
      return (await send(request, true)).body
    },
    async close() {
      await Promise.all([pools?.requests.destroy(), pools?.streams.destroy()])
      pools = null
    },
  }
}

function openPool(connection: ClusterConnection, { certificate }: Credentials, most: number | null): Dispatcher {
  const tls = {
    ...(connection.certificateAuthority === null ? {} : { ca: connection.certificateAuthority }),
    ...(connection.serverName === null ? {} : { servername: connection.serverName }),
    ...(connection.skipVerification ? { rejectUnauthorized: false } : {}),
    ...(certificate === null ? {} : { cert: certificate.certificate, key: certificate.key }),
  }
  if (connection.proxy !== null) return new ProxyAgent({ uri: connection.proxy, requestTls: tls, connections: most })
  return new Pool(connection.server, {
    connections: most,
    connect: { ...tls, timeout: 10_000 },
    keepAliveTimeout: 30_000,
    bodyTimeout: 0,
    headersTimeout: 0,
  })
}

type Outcome = { kind: 'response'; response: Dispatcher.ResponseData } | { kind: 'fault'; error: unknown }

async function dispatch(
  dispatcher: Dispatcher,
  connection: ClusterConnection,
  { authorization }: Credentials,
  request: ApiRequest,
  isStream: boolean,
): Promise<Outcome> {
  const { origin, pathname } = new URL(connection.server)
  const limit = AbortSignal.timeout(request.timeoutMs ?? timeoutMs)
  try {
    const response = await dispatcher.request({
      origin,
      path: `${pathname.replace(/\/$/, '')}${request.path}${queryOf(request.query)}`,
      method: request.method,
      headers: {
        accept: request.accept ?? 'application/json',
        'user-agent': 'trunkline',
        ...(authorization === null ? {} : { authorization }),
        ...(request.body === undefined ? {} : { 'content-type': request.contentType ?? 'application/json' }),
      },
      body: request.body === undefined ? null : JSON.stringify(request.body),
      // A watch has no end of its own; it is over with the signal.
      signal: isStream ? request.signal : AbortSignal.any([request.signal, limit]),
    })
    return { kind: 'response', response }
  } catch (error) {
    if (request.signal.aborted) throw cancelledError()
    return { kind: 'fault', error }
  }
}

const queryOf = (query: ApiRequest['query'] = {}): string => {
  const given = Object.entries(query).flatMap(
    ([name, value]): Array<[string, string]> => (value === undefined ? [] : [[name, String(value)]]),
  )
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}

/** Reading changes nothing; applying and deleting twice is the same as once. */
const isHarmless = (method: ApiRequest['method']): boolean => method !== 'POST'

/** What was refused before anything was done. */
const isWorthRepeating = ({ status, body }: ApiError, method: ApiRequest['method']): boolean =>
  status === 429 ||
  status === 503 ||
  (isHarmless(method) && (status === 500 || status === 502 || status === 504)) ||
  (status === 404 && method === 'PATCH' && /could not find the requested resource/.test(body.message ?? ''))

function retryAfterMs({ headers }: Dispatcher.ResponseData, { body }: ApiError): number {
  const header = Number(headers['retry-after'])
  return 1000 * Math.min(30, Number.isFinite(header) ? header : (body.details?.retryAfterSeconds ?? 0))
}

async function pause(attempt: number, atLeastMs: number, signal: AbortSignal): Promise<void> {
  const delayMs = Math.max(atLeastMs, Math.min(maxDelayMs, firstDelayMs * 2 ** (attempt - 1)))
  await sleep(delayMs, undefined, { signal }).catch(() => {
    throw cancelledError()
  })
}

function unreachable(connection: ClusterConnection, error: unknown, { method, path }: ApiRequest) {
  const why =
    error instanceof Error
      ? error.name === 'TimeoutError'
        ? 'it did not answer in time'
        : error.message
      : String(error)
  return erroredError(
    'CLUSTER_UNREACHABLE',
    `the cluster ${connection.name} (${connection.server}) cannot be reached: ${why}`,
    {
      hint: `asked was ${method} ${path.split('?')[0]}`,
      cause: error,
    },
  )
}

async function bodyOf(
  { body }: Dispatcher.ResponseData,
  connection: ClusterConnection,
  request: ApiRequest,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of body) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxAnswerBytes) throw new Error(`the answer is larger than ${maxAnswerBytes} bytes`)
    }
  } catch (error) {
    if (request.signal.aborted) throw cancelledError()
    throw unreachable(connection, error, request)
  }
  return Buffer.concat(chunks)
}

function parseAnswer(bytes: Buffer, connection: ClusterConnection): unknown {
  if (bytes.length === 0) return null
  try {
    return JSON.parse(bytes.toString('utf8'))
  } catch {
    throw erroredError('CLUSTER_ERROR', `${connection.server} answered something that is not JSON`, {
      hint: 'is a proxy or a login page in between?',
    })
  }
}

/** Whatever a server, or something in front of it, says about a refusal. */
async function statusOf({ body, statusCode }: Dispatcher.ResponseData): Promise<StatusBody> {
  const text = await body.text().catch(() => '')
  try {
    const parsed: unknown = JSON.parse(text)
    if (typeof parsed === 'object' && parsed !== null) return parsed
  } catch {
    // Not of Kubernetes itself.
  }
  return { message: text.trim().slice(0, 300) || `status ${statusCode}` }
}
