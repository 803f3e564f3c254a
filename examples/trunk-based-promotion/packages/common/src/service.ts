/** The shell of a service: JSON over HTTP, a health endpoint, and a stop that drops no request. */
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HttpError } from './http-error.ts'

export type Answer = { status: number; body: unknown }

export type Route = {
  method: 'GET' | 'PUT'
  /** `:id` stands for one part. */
  path: string
  handle(id: string, body: unknown): Promise<Answer> | Answer
}

export type Logger = (message: string, facts?: Record<string, unknown>) => void

export type Service = {
  url: string
  /** Takes no more connections, lets running requests finish, then resolves. */
  stop(): Promise<void>
}

const maxBodyBytes = 64 * 1024
/** Longer than load balancers keep idle connections, so that this side is never the first to close one. */
const keepAliveMs = 65_000
/** Kubernetes kills after 30 s. */
const maxStopMs = 20_000

/** One JSON line for each message, on standard output. */
export const createLogger =
  (service: string): Logger =>
  (message, facts = {}) =>
    void process.stdout.write(`${JSON.stringify({ at: new Date().toISOString(), service, message, ...facts })}\n`)

export async function startService(
  routes: readonly Route[],
  log: Logger,
  { port = Number(process.env['PORT'] || 8080), host = process.env['HOST'] || '0.0.0.0' } = {},
): Promise<Service> {
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 })
  let isStopping = false
  server.on('request', async (message, response) => {
    const { status, body } = await answerTo(message, routes, log)
    // Read here, not when the request began: the stop may have begun meanwhile.
    if (isStopping) response.setHeader('connection', 'close')
    message.resume()
    const text = JSON.stringify(body)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) })
    response.end(message.method === 'HEAD' ? undefined : text)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, resolve)
  })
  const address = server.address() as AddressInfo // it listens on TCP
  log('listening', { port: address.port })
  return {
    url: `http://127.0.0.1:${address.port}`,
    stop() {
      isStopping = true
      return closeServer(server)
    },
  }
}

/** Ends the process cleanly on SIGTERM and Ctrl-C. */
export function stopOnSignal(service: Service, log: Logger): void {
  const stop = async (signal: string) => {
    await service.stop()
    log('stopped', { signal })
    process.exit(0)
  }
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
}

async function answerTo(message: IncomingMessage, routes: readonly Route[], log: Logger): Promise<Answer> {
  const path = (message.url ?? '/').split('?', 1)[0] ?? '/'
  if (path === '/healthz') return { status: 200, body: { ok: true } }
  try {
    const [route, id] = routeOf(routes, message.method ?? 'GET', path)
    return await route.handle(id, route.method === 'PUT' ? await bodyOf(message) : undefined)
  } catch (error) {
    if (error instanceof HttpError) return { status: error.status, body: { code: error.code, message: error.message } }
    log('failed', { path, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
    return { status: 500, body: { code: 'internal', message: 'something went wrong here' } }
  }
}

function routeOf(routes: readonly Route[], method: string, path: string): [route: Route, id: string] {
  const parts = path.split('/')
  for (const route of routes) {
    const wanted = route.path.split('/')
    const fits =
      wanted.length === parts.length && wanted.every((part, index) => part === ':id' || part === parts[index])
    if (!fits || (route.method !== method && !(route.method === 'GET' && method === 'HEAD'))) continue
    const id = parts[wanted.indexOf(':id')] ?? ''
    if (route.path.includes(':id') && !/^[A-Za-z0-9-]{1,64}$/.test(id)) {
      throw new HttpError(422, 'invalid', 'an id has 1 to 64 letters, digits and hyphens')
    }
    return [route, id]
  }
  throw new HttpError(404, 'not-found', 'there is nothing here')
}

async function bodyOf(message: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of message) {
    size += chunk.length
    if (size > maxBodyBytes) throw new HttpError(413, 'too-large', `at most ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw new HttpError(400, 'no-json', 'the body is no JSON')
  }
}

function closeServer(server: Server): Promise<void> {
  const timer = setTimeout(() => server.closeAllConnections(), maxStopMs)
  return new Promise((resolve) => {
    server.close(() => {
      clearTimeout(timer)
      resolve()
    })
    server.closeIdleConnections()
  })
}
