/** The proxies that are compared, each ready to pass requests on to the same upstream. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism, homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { programCommand } from '../../src/program/index.ts'
import { createRouterClient, routerSocketPath } from '../../src/targets/fleet/router/index.ts'
import { findProgram, freePort, startLocalServer } from '../../test/parts/local-server.ts'

const execute = promisify(execFile)

export type Place = 'one core' | 'all cores'
type Setting = { folder: string; upstream: number; place: Place }
type Proxy = {
  port: number
  pid: number | undefined
  /** Where it leaves what it saw of itself. */
  report?: string
  stop(): Promise<void>
}
/** `start` answers why it cannot, where a part is missing. */
export type Peer = { name: string; start(setting: Setting): Promise<Proxy | string> }

const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'trunkline-bench', 'bin')
const environment = { PATH: process.env['PATH'] ?? '', HOME: homedir() }
const find = (name: string) => findProgram(name, process.env, ['/usr/sbin', cache])

/** A proxy has the first core, what loads and answers it the second, where there are two and they can be told apart. */
export function pinned(argv: string[], place: Place, role: 'proxy' | 'load'): string[] {
  const taskset = findProgram('taskset', process.env)
  if (place === 'all cores' || taskset === null || availableParallelism() < 2) return argv
  return [taskset, '-c', role === 'proxy' ? '0' : '1', ...argv]
}

const answer = JSON.stringify({ id: 4711, name: 'a small answer', tags: ['of', 'a', 'service'] })

/** nginx answering by itself, so that the upstream is never what is measured. */
export async function startUpstream(folder: string): Promise<Proxy & { name: string }> {
  const port = await freePort()
  const site = `server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${answer}'; } }`
  const proxy = await startNginx(join(folder, 'upstream'), site, 1, 'load', 'one core')
  if (typeof proxy === 'string') throw new Error(proxy)
  return { ...proxy, port, name: 'nginx, answering by itself' }
}

async function startNginx(folder: string, site: string, workers: number, role: 'proxy' | 'load', place: Place) {
  const program = find('nginx')
  if (program === null) return 'nginx is not installed (apt-get install nginx)'
  mkdirSync(folder, { recursive: true })
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  )
  const http = [`access_log off;`, 'keepalive_requests 1000000000;', ...temporary, site]
  const lines = ['daemon off;', `worker_processes ${workers};`, `pid ${folder}/pid;`, 'error_log stderr notice;']
  writeFileSync(
    join(folder, 'nginx.conf'),
    `${[...lines, 'events { worker_connections 4096; }', `http {`, ...http, '}'].join('\n')}\n`,
  )
  const argv = pinned([program, '-p', folder, '-c', join(folder, 'nginx.conf')], place, role)
  return { port: 0, ...(await serving(argv, /start worker process \d+/, environment)) }
}

async function serving(argv: string[], ready: RegExp, env: Record<string, string>) {
  const [program = '', ...parameters] = argv
  const { stop, pid } = await startLocalServer({ argv: [program, ...parameters], ready, environment: env })
  return { stop, pid }
}

/** Ours first: the others are compared with it. */
export const peers: Peer[] = [
  {
    name: "Trunkline's router",
    async start({ folder, upstream, place }) {
      const directory = join(folder, `router-${place.replace(' ', '-')}`)
      const [node, ...parameters] = programCommand('router', directory)
      // It tells at its end what kept its thread: see thread-witness.ts.
      const witness = fileURLToPath(new URL('./thread-witness.ts', import.meta.url))
      const report = join(directory, 'witness.json')
      const argv = pinned([node, '--import', witness, ...parameters], place, 'proxy')
      const server = await serving(argv, /"ready"/, {
        ...environment,
        THREAD_WITNESS: report,
        OWN_TIME: process.env['OWN_TIME'] ?? '',
      })
      const client = createRouterClient(routerSocketPath(directory))
      const health = { path: '/', intervalMs: 2000, timeoutMs: 2000 }
      const backends = [{ id: 'only', host: '127.0.0.1', port: upstream, weight: 1, health, drain: false }]
      const spec = { listen: { host: '127.0.0.1', port: null }, backends, drainTimeoutMs: 1000 }
      const { listen } = await client.putService(`bench/${process.pid}/${place}`, spec)
      client.close()
      return { ...server, port: listen.port, report }
    },
  },
  {
    name: 'kamal-proxy',
    async start({ folder, upstream, place }) {
      const program = await built('kamal-proxy', ['install', 'github.com/basecamp/kamal-proxy/cmd/kamal-proxy@latest'])
      if (!program.found) return program.why
      const port = await freePort()
      const home = join(folder, 'kamal')
      mkdirSync(home, { recursive: true })
      const env = { ...environment, ...oneCore(place), HOME: home, XDG_RUNTIME_DIR: home, XDG_STATE_HOME: home }
      const argv = [program.path, 'run', '--http-port', String(port), '--https-port', String(await freePort())]
      const server = await serving(pinned(argv, place, 'proxy'), /started|listening/i, env)
      const target = ['--target', `127.0.0.1:${upstream}`, '--health-check-path', '/']
      await execute(program.path, ['deploy', 'bench', ...target], { env, timeout: 30_000 })
      return { ...server, port }
    },
  },
  {
    name: 'ReverseProxy, access log',
    start: ({ folder, ...setting }) => goPeer('logging-proxy', setting, join(folder, 'access.log')),
  },
  { name: "Go's ReverseProxy", start: (setting) => goPeer('reverse-proxy', setting) },
  {
    name: 'nginx',
    async start({ folder, upstream, place }) {
      const port = await freePort()
      const workers = place === 'one core' ? 1 : availableParallelism()
      const site = [
        `upstream bench { server 127.0.0.1:${upstream}; keepalive 256; keepalive_requests 1000000000; }`,
        `server { listen 127.0.0.1:${port}; location / { proxy_pass http://bench; proxy_http_version 1.1;`,
        '  proxy_set_header Connection ""; proxy_set_header Host $host; proxy_set_header X-Forwarded-For $remote_addr; } }',
      ]
      const proxy = await startNginx(join(folder, `nginx-${workers}`), site.join('\n'), workers, 'proxy', place)
      return typeof proxy === 'string' ? proxy : { ...proxy, port }
    },
  },
  {
    name: 'HAProxy',
    async start({ folder, upstream, place }) {
      const program = find('haproxy')
      if (program === null) return 'haproxy is not installed (apt-get install haproxy)'
      const port = await freePort()
      const configuration = join(folder, `haproxy-${port}.cfg`)
      const threads = place === 'one core' ? 1 : availableParallelism()
      const timeouts = ['connect', 'client', 'server'].map((name) => `  timeout ${name} 30s`)
      const lines = ['global', `  nbthread ${threads}`, 'defaults', '  mode http', '  option forwardfor', ...timeouts]
      const proxy = [
        'listen bench',
        `  bind 127.0.0.1:${port}`,
        '  http-reuse always',
        `  server only 127.0.0.1:${upstream}`,
      ]
      writeFileSync(configuration, `${[...lines, ...proxy].join('\n')}\n`)
      const argv = pinned([program, '-W', '-db', '-f', configuration], place, 'proxy')
      return { ...(await serving(argv, /Loading success|New worker.*forked/i, environment)), port }
    },
  },
]

const oneCore = (place: Place): Record<string, string> => (place === 'one core' ? { GOMAXPROCS: '1' } : {})

/** One of `bench/peers`, built anew where its text is another. */
async function goPeer(name: string, { upstream, place }: Omit<Setting, 'folder'>, ...parameters: string[]) {
  const source = fileURLToPath(new URL(`../peers/${name}.go`, import.meta.url))
  const file = `${name}-${createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 12)}`
  const program = await built(file, ['build', '-o', join(cache, file), source])
  if (!program.found) return program.why
  const port = await freePort()
  const argv = pinned([program.path, String(upstream), String(port), ...parameters], place, 'proxy')
  return { ...(await serving(argv, /ready/, { ...environment, ...oneCore(place) })), port }
}

type Built = { found: true; path: string } | { found: false; why: string }

/** Once, into the cache. */
async function built(name: string, go: string[]): Promise<Built> {
  const path = join(cache, name)
  if (existsSync(path)) return { found: true, path }
  const installed = find(name)
  if (installed !== null) return { found: true, path: installed }
  const compiler = findProgram('go', process.env, ['/usr/local/go/bin'])
  if (compiler === null) return { found: false, why: 'it is not installed, and neither is Go to build it' }
  mkdirSync(cache, { recursive: true })
  try {
    await execute(compiler, go, { env: { ...process.env, GOBIN: cache }, timeout: 300_000 })
    return { found: true, path }
  } catch (cause) {
    const said = cause instanceof Error && 'stderr' in cause ? String(cause.stderr).trim().split('\n').at(-1) : ''
    return { found: false, why: `it cannot be built: ${said?.slice(0, 200)}` }
  }
}
