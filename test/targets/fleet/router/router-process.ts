/** A real router process in a folder of its own, and small real backends, for tests. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type RequestListener, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { programCommand } from '../../../../src/program/index.ts'
import {
  type BackendSpec,
  createRouterClient,
  type RouterClient,
  routerSocketPath,
  type ServiceSpec,
  type ServiceStatus,
} from '../../../../src/targets/fleet/router/index.ts'

const patienceMs = 20_000

export type TestRouter = {
  directory: string
  client: RouterClient
  /** Starts it again after `kill` or `terminate`, and waits until it answers. */
  start(): Promise<void>
  kill(): Promise<void>
  /** SIGTERM; answers the exit code. */
  terminate(): Promise<number | null>
  process(): ChildProcess
  log(): string
  dispose(): Promise<void>
}

export async function startRouter(): Promise<TestRouter> {
  const directory = mkdtempSync(join(tmpdir(), 'router-'))
  const client = createRouterClient(routerSocketPath(directory))
  let child: ChildProcess
  const start = async () => {
    const log = openSync(join(directory, 'log'), 'a')
    const [program, ...parameters] = programCommand('router', directory)
    child = spawn(program, parameters, { stdio: ['ignore', log, log], detached: true })
    await until(async () => (await client.health()).pid === child.pid)
  }
  const end = async (signal: NodeJS.Signals) => {
    const exited = child.exitCode === null && child.signalCode === null ? once(child, 'exit') : null
    child.kill(signal)
    await exited
    return child.exitCode
  }
  await start()
  return {
    directory,
    client,
    start,
    kill: async () => void (await end('SIGKILL')),
    terminate: () => end('SIGTERM'),
    process: () => child,
    log: () => readFileSync(join(directory, 'log'), 'utf8'),
    async dispose() {
      client.close()
      await end('SIGKILL')
      // Those of a test that failed, too: they would keep this process from ending.
      await Promise.all([...listening].map((backend) => backend.close()))
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

let keys = 0
/** A key that no other test uses, in this run or one beside it: it decides which port is tried first. */
export const newKey = (name = 'carts'): string => `shop-${process.pid}-${Date.now()}/stage-${++keys}/${name}`

export type TestBackend = { id: string; port: number; server: Server; requests: number; close(): Promise<void> }

const listening = new Set<TestBackend>()
let backends = 0
/** Listens on a free port, or the given one; `/healthz` answers 200 unless the handler wants it. */
export async function startBackend(handler: RequestListener, port = 0, id = `b${++backends}`): Promise<TestBackend> {
  const server = createServer((req, res) => {
    if (req.url === '/healthz') res.end('well')
    else {
      backend.requests += 1
      handler(req, res)
    }
  })
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const backend: TestBackend = {
    id,
    port: (server.address() as AddressInfo).port,
    server,
    requests: 0,
    async close() {
      listening.delete(backend)
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
  listening.add(backend)
  return backend
}

export const specOf = (backend: { id: string; port: number }, changes: Partial<BackendSpec> = {}): BackendSpec => ({
  id: backend.id,
  host: '127.0.0.1',
  port: backend.port,
  weight: 1,
  health: { path: '/healthz', intervalMs: 200, timeoutMs: 2000 },
  drain: false,
  ...changes,
})

export const serviceOf = (backends: BackendSpec[], changes: Partial<ServiceSpec> = {}): ServiceSpec => ({
  listen: { host: '127.0.0.1', port: null },
  backends,
  drainTimeoutMs: 20_000,
  ...changes,
})

/** Publishes and waits until every backend that takes requests is healthy; answers the public port. */
export async function publish(router: Pick<TestRouter, 'client'>, key: string, spec: ServiceSpec): Promise<number> {
  const { listen } = await router.client.putService(key, spec)
  await untilStatus(router, key, (status) =>
    status.backends.every((backend) => backend.removed || backend.state === 'healthy'),
  )
  return listen.port
}

export const untilStatus = (
  router: Pick<TestRouter, 'client'>,
  key: string,
  isSo: (status: ServiceStatus) => boolean,
): Promise<void> =>
  until(async () => {
    const status = await router.client.service(key)
    return status !== null && isSo(status)
  })

/** Polls; a check that throws has not been met yet. Fails after a long while. */
export async function until(check: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + patienceMs
  let fault: unknown
  while (performance.now() < deadline) {
    try {
      if (await check()) return
    } catch (cause) {
      fault = cause
    }
    await sleep(20)
  }
  throw new Error('it did not come to that in time', { cause: fault })
}

export type Got = { status: number; text: string; headers: IncomingMessage['headers']; message: IncomingMessage }

type Ask = { port: number; path?: string; method?: string; headers?: Record<string, string>; body?: string | Buffer }

/** One request on a connection of its own, read to its end. Rejects where the answer breaks off. */
export function ask({ port, path = '/', method = 'GET', headers = {}, body }: Ask): Promise<Got> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
    outgoing.once('response', async (message) => {
      try {
        const chunks: Buffer[] = []
        for await (const chunk of message) chunks.push(chunk)
        const text = Buffer.concat(chunks).toString('utf8')
        resolve({ status: message.statusCode ?? 0, text, headers: message.headers, message })
      } catch (cause) {
        reject(cause)
      }
    })
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

/** Sends bytes as they are and answers everything that comes until the connection ends, as Latin-1. */
export async function sendRaw(port: number, text: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  let got = ''
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1')
  })
  socket.write(text)
  await once(socket, 'close')
  return got
}
