/** The application: a page, and whether it is well. It stops without dropping a request. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { page } from './page.ts'
import type { Settings } from './settings.ts'
import type { Visits } from './visits.ts'

type Answer = { status: number; type: string; text: string }

export type Running = { url: string; stop(): Promise<void> }

/** Longer than the load balancer keeps a connection that is not used (60 s), so that this side never closes it first. */
const keepAliveMs = 75_000
/** Shorter than systemd waits before it kills. */
const longestStopMs = 20_000

export async function startServer(settings: Settings, visits: Visits): Promise<Running> {
  let isStopping = false
  const server = createServer({ keepAliveTimeout: keepAliveMs, requestTimeout: 30_000 }, async (request, response) => {
    request.resume()
    const answered = await answer(request.method ?? 'GET', request.url ?? '/', settings, visits).catch(() => broken)
    send(response, answered, isStopping)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(settings.port, settings.address, resolve)
  })
  const { port } = server.address() as AddressInfo // It listens on TCP.
  return {
    url: `http://127.0.0.1:${port}/`,
    async stop() {
      isStopping = true
      await closed(server)
      visits.close()
    },
  }
}

const broken: Answer = { status: 500, type: 'text/plain', text: 'Something went wrong.\n' }

async function answer(method: string, target: string, { release }: Settings, visits: Visits): Promise<Answer> {
  if (method !== 'GET' && method !== 'HEAD') {
    return { status: 405, type: 'text/plain', text: 'Only GET is possible here.\n' }
  }
  switch (URL.parse(target, 'http://fleet')?.pathname) {
    case '/':
      return {
        ...{ status: 200, type: 'text/html' },
        text: page({ host: hostname(), release, visits: await visits.count() }),
      }
    case '/healthz':
      return { status: 200, type: 'application/json', text: `${JSON.stringify({ ok: true, release })}\n` }
    default:
      return { status: 404, type: 'text/plain', text: 'There is nothing here.\n' }
  }
}

function send(response: ServerResponse, { status, type, text }: Answer, isLast: boolean): void {
  response.writeHead(status, {
    'content-type': `${type}; charset=utf-8`,
    'content-length': Buffer.byteLength(text),
    'x-content-type-options': 'nosniff',
    ...(isLast && { connection: 'close' }),
  })
  response.end(response.req.method === 'HEAD' ? undefined : text)
}

/** Running requests end; connections that stay open all the same are cut. */
function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    const impatience = setTimeout(() => server.closeAllConnections(), longestStopMs)
    server.close(() => {
      clearTimeout(impatience)
      resolve()
    })
    server.closeIdleConnections()
  })
}
