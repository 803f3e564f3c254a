/** A client of another service: JSON in and out, kept-alive connections, a timeout, and a second try where that is safe. */
import { Agent, request as startRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { HttpError } from './http-error.ts'
import { object, read, type Shape, text } from './shape.ts'

export type Client = {
  get<T>(path: string, shape: Shape<T>): Promise<T>
  put<T>(path: string, body: unknown, shape: Shape<T>): Promise<T>
  post<T>(path: string, body: unknown, shape: Shape<T>): Promise<T>
  delete(path: string): Promise<void>
  close(): void
}

export type ClientOptions = {
  /** What people call the other service. */
  name: string
  /** `http://host:port` */
  url: string
  timeoutMs?: number
}

const maxAnswerBytes = 1024 * 1024
const retryDelayMs = 50
/** Asking twice for one of these does no more than asking once (RFC 9110, 9.2.2). */
const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'PUT', 'DELETE'])
const brokenConnection: ReadonlySet<unknown> = new Set(['ECONNRESET', 'ECONNREFUSED', 'EPIPE'])

/** Errors of the other service come back as they were; 502 `unreachable` and 504 `too-slow` where there was no answer. */
export function createClient({ name, url, timeoutMs = 5000 }: ClientOptions): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 128, maxFreeSockets: 32 })

  async function ask<T>(method: string, path: string, body: unknown, shape: Shape<T>): Promise<T> {
    const { status, content } = await askPatiently(method, path, body)
    if (status >= 400) throw errorFrom(name, status, content)
    try {
      return read(shape, content === '' ? null : JSON.parse(content))
    } catch (cause) {
      throw new HttpError(502, 'not-understood', `${name} gave an answer that makes no sense`, { cause })
    }
  }

  async function askPatiently(method: string, path: string, body: unknown): Promise<RawAnswer> {
    const once = () => exchange({ agent, method, url: new URL(path, url), body, timeoutMs })
    try {
      return await once().catch(async (error) => {
        if (!idempotentMethods.has(method) || !brokenConnection.has(error.code)) throw error
        await sleep(retryDelayMs)
        return once()
      })
    } catch (cause) {
      if (cause instanceof HttpError) throw cause
      const isLate = cause instanceof Error && cause.name === 'TimeoutError'
      if (isLate) throw new HttpError(504, 'too-slow', `${name} did not answer within ${timeoutMs} ms`, { cause })
      throw new HttpError(502, 'unreachable', `${name} cannot be reached`, { cause })
    }
  }

  return {
    get: (path, shape) => ask('GET', path, undefined, shape),
    put: (path, body, shape) => ask('PUT', path, body, shape),
    post: (path, body, shape) => ask('POST', path, body, shape),
    delete: (path) => ask('DELETE', path, undefined, () => undefined),
    close: () => agent.destroy(),
  }
}

type Exchange = { agent: Agent; method: string; url: URL; body: unknown; timeoutMs: number }
type RawAnswer = { status: number; content: string }

function exchange({ agent, method, url, body, timeoutMs }: Exchange): Promise<RawAnswer> {
  const content = body === undefined ? null : JSON.stringify(body)
  const headers =
    content === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(content) }
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs)
    const outgoing = startRequest(url, { agent, method, headers, signal })
    outgoing.on('error', (error) => reject(signal.aborted ? signal.reason : error))
    outgoing.on('response', async (incoming) => {
      try {
        const chunks: Buffer[] = []
        let bytes = 0
        for await (const chunk of incoming) {
          bytes += chunk.length
          if (bytes > maxAnswerBytes) throw new HttpError(502, 'not-understood', `${url.host} answers without an end`)
          chunks.push(chunk)
        }
        resolve({ status: incoming.statusCode ?? 0, content: Buffer.concat(chunks).toString('utf8') })
      } catch (error) {
        reject(signal.aborted ? signal.reason : error)
      }
    })
    outgoing.end(content)
  })
}

const fieldShape: Shape<string | null> = (value) => (typeof value === 'string' ? value : null)
const errorShape = object({ error: object({ code: text(), message: text({ max: 1000 }), field: fieldShape }) })

function errorFrom(name: string, status: number, content: string): HttpError {
  try {
    const { error } = read(errorShape, JSON.parse(content))
    // The other's fault is not our caller's.
    const passed = status >= 500 ? 502 : status
    return new HttpError(passed, error.code, status >= 500 ? `${name}: ${error.message}` : error.message, {
      field: error.field,
    })
  } catch (cause) {
    return new HttpError(502, 'not-understood', `${name} answered ${status}`, { cause })
  }
}
