/** What all three services are: an HTTP server of JSON that says when it is ready and stops without dropping a request. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { HttpError } from './http-error.ts'
import { createLog, type Log } from './log.ts'

export type Asked = { path: string; query: URLSearchParams }

export type ServiceOptions = {
  /** Also the first part of its paths: one ingress leads `/discount` to `discount`. */
  name: string
  /** Throws `HttpError` for what it cannot answer; `path` is what follows the name, without slashes around it. */
  answer(asked: Asked): unknown
  /** Default: `PORT`, else 8080. */
  port?: number
  log?: Log
}

export type Service = {
  url: string
  /** Takes no more connections and lets running requests finish. */
  stop(): Promise<void>
}

/** Longer than a load balancer keeps a connection that is not used, so that this side is never the first to close it. */
const keepAliveMs = 75_000
/** Shorter than the time that a pod is given to end. */
const longestStopMs = 20_000

export async function startService(options: ServiceOptions): Promise<Service> {
  const { name, log = createLog(name) } = options
  let isStopping = false
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 }, (request, response) => {
    const { status, body } = answerTo(request.method ?? 'GET', request.url ?? '/', options, log)
    request.resume() // A body that nobody read would be taken for the next request.
    if (isStopping) response.setHeader('connection', 'close')
    const json = Buffer.from(`${JSON.stringify(body)}\n`)
    response.writeHead(status, { 'content-type': 'application/json', 'content-length': json.length })
    response.end(request.method === 'HEAD' ? undefined : json)
  })
  await new Promise<void>((resolve, reject) => {
    const { PORT = '8080', LISTEN_ADDRESS = '127.0.0.1' } = process.env
    server.once('error', reject).listen(options.port ?? Number(PORT), LISTEN_ADDRESS, resolve)
  })
  const { port } = server.address() as AddressInfo // It listens on TCP.
  log('info', 'listening', { port })
  return {
    url: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        isStopping = true
        const impatience = setTimeout(() => server.closeAllConnections(), longestStopMs)
        server.close(() => {
          clearTimeout(impatience)
          log('info', 'stopped')
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/** A service as a process: ends on SIGTERM, once what was asked is answered. */
export async function runService(options: ServiceOptions): Promise<void> {
  const service = await startService(options)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void service.stop().then(() => process.exit(0)))
  }
}

function answerTo(method: string, target: string, { name, answer }: ServiceOptions, log: Log) {
  const url = URL.parse(target, 'http://service')
  if (url === null) return { status: 400, body: { error: 'this is no address' } }
  if (url.pathname === '/healthz') return { status: 200, body: { ok: true } }
  const [first, ...rest] = url.pathname.split('/').filter((part) => part !== '')
  log('debug', 'asked', { method, path: url.pathname })
  if (first !== name) return { status: 404, body: { error: 'there is nothing here' } }
  if (method !== 'GET' && method !== 'HEAD') return { status: 405, body: { error: `${method} is not possible here` } }
  try {
    return { status: 200, body: answer({ path: rest.join('/'), query: url.searchParams }) }
  } catch (error) {
    if (error instanceof HttpError) return { status: error.status, body: { error: error.message } }
    log('error', 'not answered', { path: url.pathname, error: String(error) })
    return { status: 500, body: { error: 'something went wrong' } }
  }
}
