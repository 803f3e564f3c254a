/** Talks to the router of this host. */
import type { Agent, IncomingMessage } from 'node:http'
import type { ZodType } from 'zod'
import { erroredError, TrunklineError } from '../../../model/index.ts'
import {
  maxStatusWaitMs,
  type RouterHealth,
  routerErrorSchema,
  routerHealthSchema,
  type ServiceSpec,
  type ServiceStatus,
  serviceStatusSchema,
  servicesSchema,
} from './protocol.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const http = process.getBuiltinModule('node:http')

const answerTimeoutMs = 10_000
/** A thousand backends of each of a hundred services fit. */
const maxAnswerBytes = 64 * 1024 * 1024

export type WaitFor = {
  /** Answers once the service is no longer at this revision… */
  revision: number
  /** …or after this long (at most `maxStatusWaitMs`). */
  waitMs: number
}

/**
 * Every call throws errored `ROUTER_UNREACHABLE` where no router answers in time, and errored with the router's own
 * code and sentence (`PORT_TAKEN`, `INVALID_REQUEST`, …) where it refuses.
 */
export type RouterClient = {
  health(signal?: AbortSignal): Promise<RouterHealth>
  services(signal?: AbortSignal): Promise<ServiceStatus[]>
  /** null: no such service (any more). */
  service(key: string, wait?: WaitFor, signal?: AbortSignal): Promise<ServiceStatus | null>
  /** Makes the service exactly so; when it returns, that is in effect and durable. Repeating it changes nothing. */
  putService(key: string, spec: ServiceSpec, signal?: AbortSignal): Promise<ServiceStatus>
  /** Closes its port; what is under way ends (see `service` until null). Deleting what is not there does nothing. */
  deleteService(key: string, signal?: AbortSignal): Promise<void>
  close(): void
}

type Call = {
  method: 'GET' | 'PUT' | 'DELETE'
  path: string
  body?: unknown
  timeoutMs?: number
  signal?: AbortSignal | undefined
}

type TimedCall = Call & { signal: AbortSignal }
type Answer = { status: number; body: unknown }

/** A client of the router behind a unix socket. Connects at each call; `close` ends idle connections. */
export function createRouterClient(socketPath: string): RouterClient {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 32 })
  const call = (options: Call): Promise<Answer> => exchange(agent, socketPath, options)
  const pathOf = (key: string) => `/services/${encodeURIComponent(key)}`

  return {
    async health(signal) {
      return parse(routerHealthSchema, await call({ method: 'GET', path: '/healthz', signal }))
    },
    async services(signal) {
      return parse(servicesSchema, await call({ method: 'GET', path: '/services', signal })).services
    },
    async service(key, wait, signal) {
      const waitMs = wait ? Math.min(wait.waitMs, maxStatusWaitMs) : 0
      const query = wait ? `?revision=${wait.revision}&waitMs=${waitMs}` : ''
      const path = `${pathOf(key)}${query}`
      const answer = await call({ method: 'GET', path, timeoutMs: answerTimeoutMs + waitMs, signal })
      return answer.status === 404 ? null : parse(serviceStatusSchema, answer)
    },
    async putService(key, spec, signal) {
      return parse(serviceStatusSchema, await call({ method: 'PUT', path: pathOf(key), body: spec, signal }))
    },
    async deleteService(key, signal) {
      const answer = await call({ method: 'DELETE', path: pathOf(key), signal })
      if (answer.status !== 404) parse(serviceStatusSchema, answer)
    },
    close: () => agent.destroy(),
  }
}

function parse<T>(schema: ZodType<T>, answer: Answer): T {
  if (answer.status === 200) {
    const parsed = schema.safeParse(answer.body)
    if (parsed.success) return parsed.data
    throw erroredError('ROUTER_ANSWER', 'the router answered something this version of Trunkline does not understand', {
      hint: 'restart the router, so that both are of the same version',
      cause: parsed.error,
    })
  }
  const refusal = routerErrorSchema.safeParse(answer.body)
  if (!refusal.success) throw erroredError('ROUTER_ANSWER', `the router answered ${answer.status}`)
  const { code, message, hint } = refusal.data.error
  throw erroredError(code, message, hint === undefined ? {} : { hint })
}

async function exchange(agent: Agent, socketPath: string, call: Call): Promise<Answer> {
  const timeout = AbortSignal.timeout(call.timeoutMs ?? answerTimeoutMs)
  const signal = call.signal ? AbortSignal.any([call.signal, timeout]) : timeout
  try {
    return await attempt(agent, socketPath, { ...call, signal })
  } catch (cause) {
    // The caller's own reason, unchanged: it knows why it gave up.
    call.signal?.throwIfAborted()
    if (cause instanceof TrunklineError) throw cause
    throw erroredError('ROUTER_UNREACHABLE', `the router does not answer at ${socketPath}`, { cause })
  }
}

async function attempt(agent: Agent, socketPath: string, call: TimedCall): Promise<Answer> {
  try {
    return await send(agent, socketPath, call)
  } catch (cause) {
    // A kept connection that the router closed meanwhile. Every call is idempotent.
    const wasReset =
      cause instanceof Error && 'code' in cause && (cause.code === 'ECONNRESET' || cause.code === 'EPIPE')
    if (!wasReset || call.signal.aborted) throw cause
    return send(false, socketPath, call)
  }
}

function send(agent: Agent | false, socketPath: string, call: TimedCall): Promise<Answer> {
  const { method, path, signal } = call
  const body = call.body === undefined ? undefined : Buffer.from(JSON.stringify(call.body))
  const headers = body ? { 'content-type': 'application/json', 'content-length': body.length } : {}
  return new Promise((resolve, reject) => {
    const outgoing = http.request({ socketPath, method, path, headers, agent, signal })
    outgoing.once('response', (response) => readJson(response).then(resolve, reject))
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

async function readJson(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of response) {
    sizeBytes += chunk.length
    if (sizeBytes > maxAnswerBytes) throw erroredError('ROUTER_ANSWER', 'the answer of the router is too large')
    chunks.push(chunk)
  }
  return { status: response.statusCode ?? 0, body: JSON.parse(Buffer.concat(chunks).toString('utf8')) }
}
