/** One HTTP exchange, with a limit on every wait. Follows nothing, repeats nothing, knows no registry. */
import { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { erroredError } from '../../model/index.ts'
import { abortReason, throwIfAborted } from '../artifact-errors.ts'

export type RequestBody = {
  size: number
  /** Called anew for each attempt. */
  open(): AsyncIterable<Uint8Array>
}

export type HttpRequest = {
  method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  url: string
  headers: Record<string, string>
  body?: RequestBody | undefined
}

export type HttpResponse = {
  url: string
  status: number
  /** Names in lower case; the first of several values. */
  headers: Record<string, string>
  body: Readable
}

export type Timeouts = {
  connectMs: number
  /** From the end of the request to the response's headers. */
  headersMs: number
  /** Without one byte of progress, in either direction. */
  idleMs: number
}

export const defaultTimeouts: Timeouts = { connectMs: 10_000, headersMs: 120_000, idleMs: 60_000 }

export type Transport = (request: HttpRequest, signal: AbortSignal) => Promise<HttpResponse>

/**
 * Exchanges through undici, over a proxy where the environment names one. What goes wrong on the way is errored
 * `REGISTRY_UNREACHABLE`; a body that breaks off later fails as a stream does.
 */
export function createTransport(environment: NodeJS.ProcessEnv, timeouts: Timeouts = defaultTimeouts): Transport {
  let dispatcher: Promise<Dispatcher> | null = null
  return async (request, signal) => {
    throwIfAborted(signal)
    dispatcher ??= createDispatcher(environment, timeouts)
    const stall = new AbortController()
    const body = request.body && Readable.from(watched(request.body.open(), timeouts.idleMs, () => stall.abort()))
    const url = new URL(request.url)
    try {
      const response = await (await dispatcher).request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: { 'user-agent': 'trunkline', ...request.headers, ...lengthOf(request) },
        body: body ?? null,
        signal: AbortSignal.any([signal, stall.signal]),
      })
      return {
        url: request.url,
        status: response.statusCode,
        headers: firstValues(response.headers),
        body: response.body,
      }
    } catch (error) {
      if (signal.aborted) throw abortReason(signal)
      throw unreachable(url, stall.signal.aborted ? 'it took no more of the upload' : describe(error), error)
    }
  }
}

async function createDispatcher(environment: NodeJS.ProcessEnv, timeouts: Timeouts): Promise<Dispatcher> {
  const { Agent, EnvHttpProxyAgent } = await import('undici')
  const options = {
    connect: { timeout: timeouts.connectMs },
    headersTimeout: timeouts.headersMs,
    bodyTimeout: timeouts.idleMs,
    connections: 8,
  }
  const proxy = (name: string) => environment[name.toLowerCase()] || environment[name.toUpperCase()] || ''
  if (!proxy('http_proxy') && !proxy('https_proxy')) return new Agent(options)
  const httpProxy = proxy('http_proxy')
  const httpsProxy = proxy('https_proxy')
  return new EnvHttpProxyAgent({
    ...options,
    ...(httpProxy && { httpProxy }),
    ...(httpsProxy && { httpsProxy }),
    noProxy: proxy('no_proxy'),
  })
}

/** undici's time limits start when the request was sent; this one is for the sending. */
async function* watched(
  source: AsyncIterable<Uint8Array>,
  idleMs: number,
  onStall: () => void,
): AsyncGenerator<Uint8Array> {
  let timer: NodeJS.Timeout | undefined
  try {
    for await (const chunk of source) {
      timer = setTimeout(onStall, idleMs)
      yield chunk
      clearTimeout(timer)
    }
  } finally {
    clearTimeout(timer)
  }
}

function lengthOf({ method, body }: HttpRequest): Record<string, string> {
  if (body !== undefined) return { 'content-length': String(body.size) }
  return method === 'GET' || method === 'HEAD' ? {} : { 'content-length': '0' }
}

const firstValues = (headers: Record<string, string | string[] | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) => {
      // Challenges may come as several headers; they are one list.
      const text = Array.isArray(value) ? (name === 'www-authenticate' ? value.join(', ') : value[0]) : value
      return text === undefined ? [] : [[name, text]]
    }),
  )

export const unreachable = (url: URL, what: string, cause?: unknown) =>
  erroredError('REGISTRY_UNREACHABLE', `no answer from ${url.host}: ${what}`, {
    hint: 'check the network, the proxy variables (HTTPS_PROXY, NO_PROXY) and the address in artifacts',
    cause,
  })

/** Node's code where there is one: `ECONNREFUSED` says more than undici's wrapping. */
function describe(error: unknown): string {
  const cause = error instanceof AggregateError ? error.errors[0] : error
  if (!(cause instanceof Error)) return String(cause)
  const code = (cause as NodeJS.ErrnoException).code
  return cause.message === '' ? (code ?? cause.name) : cause.message
}
