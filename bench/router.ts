/**
 * What the router costs: small requests over keep-alive connections through it, through a bare `http.request` proxy,
 * and straight to the backend, one after the other on this machine. Prints requests a second, and requests a second of
 * the proxy's own CPU time, which says more where the load generator shares the cores.
 *
 *     node bench/router.ts [seconds] [connections]
 */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { Agent, createServer, request } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createRouterClient, routerSocketPath } from '../src/targets/fleet/router/index.ts'

const body = JSON.stringify({ id: 4711, name: 'a small answer', tags: ['of', 'a', 'service'] })

const [role = 'bench', ...parameters] = process.argv.slice(2)
if (role === 'backend') serveBackend()
else if (role === 'bare-proxy') serveBareProxy(Number(parameters[0]))
else await compare(Number(process.argv[2] ?? 5), Number(process.argv[3] ?? 64))

function serveBackend(): void {
  const server = createServer((req, res) => {
    req.resume()
    res.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length })
    res.end(body)
  })
  tellPort(server.listen(0, '127.0.0.1'))
}

function serveBareProxy(port: number): void {
  const agent = new Agent({ keepAlive: true })
  const server = createServer((req, res) => {
    const { method, url: path, headers } = req
    const outgoing = request({ host: '127.0.0.1', port, method, path, headers, agent }, (response) => {
      res.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(res)
    })
    outgoing.on('error', () => res.destroy())
    req.pipe(outgoing)
  })
  tellPort(server.listen(0, '127.0.0.1'))
}

function tellPort(server: ReturnType<typeof createServer>): void {
  server.on('listening', () => process.send?.((server.address() as AddressInfo).port))
}

async function compare(seconds: number, connections: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'router-bench-'))
  const children: ChildProcess[] = []
  const start = (file: string, ...argv: string[]) => {
    const child = fork(file, argv, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] })
    children.push(child)
    return child
  }
  try {
    const self = fileURLToPath(import.meta.url)
    const backend = await portOf(start(self, 'backend'))
    const bare = start(self, 'bare-proxy', String(backend))
    const barePort = await portOf(bare)
    const router = start(fileURLToPath(new URL('../src/targets/fleet/router/main.ts', import.meta.url)), directory)
    const routerPort = await publish(directory, backend)

    console.log(`${connections} connections, ${seconds} s each`)
    report('straight', await load(backend, seconds, connections))
    const proxies = [
      { name: 'bare http.request', port: barePort, child: bare },
      { name: 'router', port: routerPort, child: router },
    ]
    const rates: Record<string, Rate> = {}
    for (const { name, port, child } of proxies) {
      await load(port, 1, connections)
      rates[name] = await load(port, seconds, connections, child.pid)
      report(name, rates[name])
    }
    const [bareRate, routerRate] = [rates['bare http.request'], rates['router']]
    if (bareRate?.perCpuSecond && routerRate?.perCpuSecond) {
      const ratio = (routerRate.perCpuSecond / bareRate.perCpuSecond).toFixed(2)
      console.log(
        `router / bare: ${(routerRate.perSecond / bareRate.perSecond).toFixed(2)} by time, ${ratio} by CPU time`,
      )
    }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

function portOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => child.once('message', (port) => resolve(Number(port))))
}

async function publish(directory: string, port: number): Promise<number> {
  const client = createRouterClient(routerSocketPath(directory))
  const health = { path: '/', intervalMs: 2000, timeoutMs: 2000 }
  const backends = [{ id: 'only', host: '127.0.0.1', port, weight: 1, health, drain: false }]
  const spec = { listen: { host: '127.0.0.1', port: null }, backends, drainTimeoutMs: 1000 }
  for (let attempt = 0; ; attempt++) {
    try {
      return (await client.putService(`bench/${process.pid}`, spec)).listen.port
    } catch (cause) {
      if (attempt === 100) throw cause
      await sleep(100)
    } finally {
      client.close()
    }
  }
}

type Rate = { perSecond: number; perCpuSecond: number | null; failed: number; p50Ms: number; p99Ms: number }

function report(name: string, { perSecond, perCpuSecond, failed, p50Ms, p99Ms }: Rate): void {
  const cpu = perCpuSecond === null ? '' : `${Math.round(perCpuSecond)} per CPU second`.padStart(24)
  const latency = `p50 ${p50Ms.toFixed(1)} ms, p99 ${p99Ms.toFixed(1)} ms`
  console.log(
    `${name.padEnd(18)} ${String(Math.round(perSecond)).padStart(7)} req/s ${cpu.padEnd(24)}  ${latency}, ${failed} failed`,
  )
}

/** Closed loop: each connection sends its next request when it has the answer. Raw sockets, to leave CPU to the proxy. */
async function load(port: number, seconds: number, connections: number, pid?: number): Promise<Rate> {
  const message = `GET /some/path?of=interest HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\naccept: */*\r\nuser-agent: bench\r\n\r\n`
  const latencies: number[] = []
  let failed = 0
  const cpuBefore = cpuSeconds(pid)
  const startedAt = performance.now()
  const end = startedAt + seconds * 1000
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect(port, '127.0.0.1')
      socket.setNoDelay(true)
      socket.on('error', () => {})
      while (performance.now() < end) {
        const sentAt = performance.now()
        socket.write(message)
        if (!(await answered(socket))) {
          failed += 1
          break
        }
        latencies.push(performance.now() - sentAt)
      }
      socket.destroy()
    }),
  )
  const elapsed = (performance.now() - startedAt) / 1000
  const cpu = cpuBefore === null ? null : (cpuSeconds(pid) ?? 0) - cpuBefore
  latencies.sort((left, right) => left - right)
  return {
    perSecond: latencies.length / elapsed,
    perCpuSecond: cpu ? latencies.length / cpu : null,
    failed,
    p50Ms: latencies[Math.floor(latencies.length / 2)] ?? Number.NaN,
    p99Ms: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
  }
}

/** Whether a whole answer of the known length came. */
function answered(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    let got = ''
    const done = (ok: boolean) => {
      socket.off('data', onData).off('close', onClose)
      resolve(ok)
    }
    const onData = (chunk: Buffer) => {
      got += chunk.toString('latin1')
      if (got.endsWith(body) || got.endsWith(`${body}\r\n0\r\n\r\n`)) done(got.startsWith('HTTP/1.1 200'))
    }
    const onClose = () => done(false)
    socket.on('data', onData).on('close', onClose)
  })
}

/** User and system time of a process; null without /proc. */
function cpuSeconds(pid: number | undefined): number | null {
  if (pid === undefined) return null
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / 100
  } catch {
    return null
  }
}
