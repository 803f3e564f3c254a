/** An HTTP server that says when it is ready, bounds what it reads, and stops without dropping a request. */
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Asked = { method: string; path: string; headers: IncomingMessage['headers']; body: string }
export type Answer = { status: number; type: string; body: string }

export type Server = {
  url: string
  /** Takes no more connections and lets running requests finish. */
  stop(): Promise<void>
}

export type ServeOptions = {
  answer(asked: Asked): Promise<Answer> | Answer
  /** Default: `PORT`, else 8080. */
  port?: number
  /** Default: `LISTEN_ADDRESS`, else every address: in a pod that is what its probes need. */
  host?: string
}

const maxBodyBytes = 256 * 1024
/** Longer than a load balancer keeps a connection that is not used, so that this side is never the first to close it. */
const keepAliveMs = 75_000
/** Shorter than the time that a pod is given to end. */
const longestStopMs = 20_000

export const json = (status: number, value: unknown): Answer => ({
  status,
  type: 'application/json',
  body: JSON.stringify(value),
})

/** Answered as it says; everything else that goes wrong is a 500 that tells nothing. */
export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly status: number
  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

export async function serve({ answer, port, host }: ServeOptions): Promise<Server> {
  let isStopping = false
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 }, (request, response) => {
    void answerTo(request, answer).then(({ status, type, body }) => {
      const bytes = Buffer.from(body)
      if (isStopping) response.setHeader('connection', 'close')
      response.writeHead(status, { 'content-type': type, 'content-length': bytes.length })
      response.end(request.method === 'HEAD' ? undefined : bytes)
    })
  })
  await new Promise<void>((resolve, reject) => {
    const { PORT = '8080', LISTEN_ADDRESS = '0.0.0.0' } = process.env
    server.once('error', reject).listen(port ?? Number(PORT), host ?? LISTEN_ADDRESS, resolve)
  })
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        isStopping = true
        const impatience = setTimeout(() => server.closeAllConnections(), longestStopMs)
        server.close(() => {
          clearTimeout(impatience)
          resolve()
        })
        server.closeIdleConnections()
      }),
  }
}

/** A service as a process: ends on SIGTERM, once what was asked is answered. */
export async function run(options: ServeOptions): Promise<void> {
  const server = await serve(options)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => void server.stop().then(() => process.exit(0)))
  }
}

async function answerTo(request: IncomingMessage, answer: ServeOptions['answer']): Promise<Answer> {
  try {
    const path = URL.parse(request.url ?? '/', 'http://service')?.pathname ?? '/'
    if (path === '/healthz') return json(200, { ok: true })
    const body = await bodyOf(request)
    return await answer({ method: request.method ?? 'GET', path, headers: request.headers, body })
  } catch (error) {
    if (error instanceof HttpError) return json(error.status, { message: error.message })
    console.error(JSON.stringify({ level: 'error', path: request.url, error: String(error) }))
    return json(500, { message: 'something went wrong' })
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > maxBodyBytes) throw new HttpError(413, 'the request is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}
