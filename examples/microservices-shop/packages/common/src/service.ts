/** The shell of a service: an HTTP server with a health endpoint that stops without dropping a request. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Answer, jsonAnswer } from './answer.ts'
import { optionalVariable } from './environment.ts'
import { HttpError, httpErrorOf } from './http-error.ts'
import { errorText, type Logger } from './logger.ts'
import { createRequest } from './request.ts'
import { matchRoute, type Route } from './routes.ts'

export type ServiceOptions = {
  routes: readonly Route[]
  logger: Logger
  /** How an error is shown; JSON unless the service talks to people. */
  onError?: (error: HttpError) => Answer
  /** Port to listen on; default: the variable `PORT`, else any free one. The address is `LISTEN_ADDRESS`, else this machine's own. */
  port?: number
}

export type Service = {
  url: string
  /** Takes no more connections, lets running requests finish, then resolves. */
  stop(): Promise<void>
}

/** Longer than what is in front keeps idle connections, so that this side is never the first to close one. */
const keepAliveMs = 65_000
/** Shorter than the time from SIGTERM to SIGKILL. */
const maxStopMs = 8_000

export async function startService(options: ServiceOptions): Promise<Service> {
  const { logger } = options
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 })
  let isStopping = false
  server.on('request', async (message, response) => {
    const answer = await answerTo(message, options)
    // Read here, not at the start of the request: the stop may have begun meanwhile.
    if (isStopping) response.setHeader('connection', 'close')
    send(answer, message, response)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(
      options.port ?? Number(optionalVariable('PORT') ?? 0),
      optionalVariable('LISTEN_ADDRESS') ?? '127.0.0.1',
      resolve,
    )
  })
  const { port } = server.address() as AddressInfo // it listens on TCP
  logger.info('listening', { port })
  return {
    url: `http://127.0.0.1:${port}`,
    stop() {
      isStopping = true
      return closeServer(server)
    },
  }
}

/** Ends the process cleanly on SIGTERM and Ctrl-C: first requests, then `release` (connections to databases). */
export function stopOnSignal(service: Service, logger: Logger, release: () => Promise<void> = async () => {}): void {
  let isStopping = false
  const stop = async (signal: string) => {
    if (isStopping) return
    isStopping = true
    await service.stop()
    await release().catch((error) => logger.error('not released', { error: errorText(error) }))
    logger.info('stopped', { signal })
    process.exit(0)
  }
  process.on('SIGTERM', stop)
  process.on('SIGINT', stop)
}

async function answerTo(message: IncomingMessage, { routes, logger, onError }: ServiceOptions): Promise<Answer> {
  const method = message.method ?? 'GET'
  const path = (message.url ?? '/').split('?', 1)[0] ?? '/'
  if (path === '/healthz') return jsonAnswer({ ok: true })
  try {
    const match = matchRoute(routes, method, path)
    if (match.kind === 'no-path') throw new HttpError(404, 'not-found', 'there is nothing here')
    if (match.kind === 'no-method') throw new HttpError(405, 'no-such-method', `${method} is not possible here`)
    return await match.route.handle(createRequest(message, new URL(message.url ?? '/', 'http://service'), match.params))
  } catch (thrown) {
    const error = httpErrorOf(thrown)
    // A caller that hung up in the middle of its body is no fault of ours.
    const hungUp = message.destroyed && !message.complete
    if (error.status >= 500 && !hungUp) {
      const cause = error.cause === undefined ? undefined : errorText(error.cause)
      logger.error(error.message, { method, path, status: error.status, code: error.code, cause })
    }
    return onError ? onError(error) : jsonAnswer(error, error.status)
  }
}

function send({ status, headers, body }: Answer, message: IncomingMessage, response: ServerResponse): void {
  // A body that nobody read would be taken for the next request.
  if (!message.complete) message.resume()
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(body) })
  response.end(message.method === 'HEAD' ? undefined : body)
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
