/** What the router's owner may ask, over a unix socket that only this user can open (see protocol.ts). */
import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { TrunklineError, usageError } from '../../../model/index.ts'
import { maxControlBodyBytes, maxControlConnections } from './limits.ts'
import { maxStatusWaitMs, type RouterHealth, serviceKeySchema, serviceSpecSchema } from './protocol.ts'
import type { ControlledRouter } from './router.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const { createServer } = process.getBuiltinModule('node:http')

export type ControlApi = {
  /** Takes no more calls, and its socket is gone; answers may still be on their way. */
  close(): void
}

type Reply = { status: number; body: unknown }
type Call = { req: IncomingMessage; url: URL; signal: AbortSignal }

const notFound: Reply = {
  status: 404,
  body: { error: { code: 'NOT_FOUND', message: 'there is nothing of that name' } },
}

/** Listens on the socket; one that is there already is a dead router's, since only one router runs for a folder. */
export async function serveControlApi(
  router: ControlledRouter,
  health: RouterHealth,
  socketPath: string,
  fault: (cause: unknown) => void,
): Promise<ControlApi> {
  const server = createServer({ requestTimeout: 10_000, headersTimeout: 5000, connectionsCheckingInterval: 1000 })
  server.maxConnections = maxControlConnections
  let isClosed = false
  server.on('request', async (req, res) => {
    const gone = new AbortController()
    res.once('close', () => gone.abort())
    const { status, body } = await answer(router, health, req, gone.signal).catch((cause) => replyOf(cause, fault))
    send(req, res, { status, body }, isClosed)
  })
  rmSync(socketPath, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socketPath, resolve)
  })
  chmodSync(socketPath, 0o600)
  return {
    close() {
      isClosed = true
      server.close()
      server.closeIdleConnections()
    },
  }
}

async function answer(
  router: ControlledRouter,
  health: RouterHealth,
  req: IncomingMessage,
  signal: AbortSignal,
): Promise<Reply> {
  const url = URL.parse(req.url ?? '', 'http://router')
  if (url === null) return notFound
  const [, collection, name, ...rest] = url.pathname.split('/')
  if (rest.length > 0) return notFound
  if (collection === 'healthz' && name === undefined) return only(req, 'GET', () => health)
  if (collection !== 'services') return notFound
  if (name === undefined) return only(req, 'GET', () => ({ services: router.statuses() }))
  return answerService(router, keyOf(name), { req, url, signal })
}

async function answerService(router: ControlledRouter, key: string, call: Call): Promise<Reply> {
  switch (call.req.method) {
    case 'GET':
      return found(await statusOf(router, key, call))
    case 'PUT': {
      const spec = serviceSpecSchema.safeParse(await readJson(call.req))
      if (spec.success) return found(await router.put(key, spec.data))
      const [issue] = spec.error.issues
      throw invalid(`${issue?.path.join('.') || 'the service'}: ${issue?.message ?? 'not valid'}`)
    }
    case 'DELETE':
      return found(await router.delete(key))
    default:
      return methodNotAllowed
  }
}

async function statusOf(router: ControlledRouter, key: string, { url, signal }: Call) {
  const revision = Number(url.searchParams.get('revision') ?? Number.NaN)
  const waitMs = Math.min(Number(url.searchParams.get('waitMs') ?? 0), maxStatusWaitMs)
  if (!(waitMs > 0) || Number.isNaN(revision)) return router.status(key)
  return router.statusAfter(key, revision, AbortSignal.any([signal, AbortSignal.timeout(waitMs)]))
}

function keyOf(name: string): string {
  try {
    return serviceKeySchema.parse(decodeURIComponent(name))
  } catch {
    throw invalid('the key of the service is not valid')
  }
}

const methodNotAllowed: Reply = {
  status: 405,
  body: { error: { code: 'METHOD_NOT_ALLOWED', message: 'that cannot be done with it' } },
}

const only = (req: IncomingMessage, method: string, body: () => unknown): Reply =>
  req.method === method ? { status: 200, body: body() } : methodNotAllowed

const found = (status: object | null): Reply => (status === null ? notFound : { status: 200, body: status })

const invalid = (message: string) => usageError('INVALID_REQUEST', message)

async function readJson(req: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of req) {
    sizeBytes += chunk.length
    if (sizeBytes > maxControlBodyBytes) throw invalid(`a request has at most ${maxControlBodyBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw invalid('the request is not JSON')
  }
}

function replyOf(cause: unknown, fault: (cause: unknown) => void): Reply {
  if (cause instanceof TrunklineError) {
    const { code, message, hint } = cause
    return { status: cause.kind === 'usage' ? 400 : 409, body: { error: { code, message, hint } } }
  }
  fault(cause)
  return { status: 500, body: { error: { code: 'ROUTER_FAULT', message: 'the router made a mistake; see its log' } } }
}

function send(req: IncomingMessage, res: ServerResponse, { status, body }: Reply, isLast: boolean): void {
  if (res.destroyed) return
  // What is left of a request that was refused is not read.
  const headers = { 'content-type': 'application/json', ...(req.complete && !isLast ? {} : { connection: 'close' }) }
  res.writeHead(status, headers)
  res.end(`${JSON.stringify(body)}\n`)
}
