/**
 * A small repository of four services in plain Node, made to be rolled out under load: `web` answers quickly, slowly and
 * takes uploads, `live` streams and talks over WebSockets, `accounts` has a secret, `worker` serves nothing. A file
 * `version.txt` in each says what it answers, and how it behaves: `sick…` is never healthy, `wrong…` is healthy and
 * fails verification.
 */
import type { FileChanges } from '../fixtures/repository.ts'

export const project = 'steady'

/** Each environment rolls out in its own way, all of them at every push. */
export const environments = {
  single: { rollout: 'one-at-a-time', replicas: 2 },
  half: { rollout: 'half', replicas: 3 },
  whole: { rollout: 'all-at-once', replicas: 2 },
} as const
export type EnvironmentName = keyof typeof environments
export const environmentNames = ['single', 'half', 'whole'] as const satisfies readonly EnvironmentName[]

export const servedServices = ['web', 'live', 'accounts'] as const
export type ServedService = (typeof servedServices)[number]
export const services = [...servedServices, 'worker'] as const
export type ServiceName = (typeof services)[number]

/** How long a request may go on when its instance is drained: longer than any of the load, shorter than an endless stream. */
export const drainTimeoutMs = 8000

/** Commands need a secret of each environment. */
export const secretsOf = (secret: string): Record<string, string> =>
  Object.fromEntries(environmentNames.map((name) => [`${name.toUpperCase()}_TOKEN`, `${secret}-of-${name}`]))

export const versions = (version: string, changed: readonly ServiceName[] = services): FileChanges =>
  Object.fromEntries(changed.map((service) => [`services/${service}/version.txt`, `${version}\n`]))

export const steadyRepository = (): FileChanges => ({
  'README.md': '# Four services\n',
  'trunkline.yaml': configuration(),
  'services/worker/main.js': `
console.log('works on version', require('node:fs').readFileSync('version.txt', 'utf8').trim())
setInterval(() => {}, 1000)
process.on('SIGTERM', () => process.exit(0))
`,
  ...Object.fromEntries(servedServices.map((service) => [`services/${service}/main.js`, server])),
  ...versions('1'),
})

/** `startTimeout` is short where a commit is to fail. */
export function configuration({ startTimeoutOfLive = '30s' } = {}): string {
  const service = (name: ServiceName, startTimeout = '30s') => {
    const served = name === 'worker' ? '' : 'port: PORT, health: /health, '
    const timeouts = `startTimeout: ${startTimeout}, drainTimeout: ${drainTimeoutMs}ms, stopTimeout: 5s`
    return `  ${name}:
    path: services/${name}
    run: { command: node main.js, ${served}${timeouts} }
${name === 'accounts' ? '    env: { TOKEN: { from: TOKEN, secret: true } }\n' : ''}`
  }
  return `project: ${project}
services:
${services.map((name) => service(name, name === 'live' ? startTimeoutOfLive : undefined)).join('')}environments:
${environmentNames
  .map((name) => {
    const { rollout, replicas } = environments[name]
    return `  ${name}:
    on: { branch: main }
    target: { fleet: { replicas: ${replicas} } }
    rollout: ${rollout}
    variables: { prefix: ${name.toUpperCase()}_ }
    verify: [{ name: it is right, service: web, http: /verdict, contains: right, timeout: 3s }]
`
  })
  .join('')}`
}

/** One program for all that serve; each is asked for what is its own. */
const server = `
const { createHash } = require('node:crypto')
const http = require('node:http')
const version = require('node:fs').readFileSync('version.txt', 'utf8').trim()
const token = createHash('sha256').update(process.env.TOKEN ?? '').digest('hex')
const about = (more = {}) => JSON.stringify({ version, pid: process.pid, token, ...more })

const server = http.createServer(async (request, response) => {
  const url = new URL(request.url, 'http://instance')
  const ms = Number(url.searchParams.get('ms') ?? 0)
  switch (url.pathname) {
    case '/health':
      return response.writeHead(version.startsWith('sick') ? 503 : 200).end()
    case '/verdict':
      return response.end(version.startsWith('wrong') ? 'wrong' : 'right')
    case '/upload': {
      const hash = createHash('sha256')
      for await (const chunk of request) hash.update(chunk)
      return response.end(about({ sha256: hash.digest('hex') }))
    }
    case '/events':
      return stream(request, response, ms)
    default:
      request.resume()
      setTimeout(() => response.end(about()), ms)
  }
})

/** Server-sent events, for so long; 0: without end. */
function stream(request, response, ms) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let count = 0
  const began = Date.now()
  const timer = setInterval(() => {
    if (ms === 0 || Date.now() - began < ms) return response.write('data: ' + ++count + '\\n\\n')
    clearInterval(timer)
    response.end('data: that was all ' + count + '\\n\\n')
  }, 100)
  request.on('close', () => clearInterval(timer))
}

/** WebSockets (RFC 6455), as far as echoing short texts goes. */
server.on('upgrade', (request, socket) => {
  const magic = request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
  const accept = createHash('sha1').update(magic).digest('base64')
  socket.write('HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
  let pending = Buffer.alloc(0)
  socket.on('error', () => {})
  socket.on('data', (chunk) => {
    pending = Buffer.concat([pending, chunk])
    while (pending.length >= 6 && pending.length >= 6 + (pending[1] & 0x7f)) {
      const length = pending[1] & 0x7f
      const mask = pending.subarray(2, 6)
      const payload = Buffer.from(pending.subarray(6, 6 + length).map((byte, index) => byte ^ mask[index % 4]))
      const isClose = (pending[0] & 0x0f) === 8
      socket.write(Buffer.concat([Buffer.from([isClose ? 0x88 : 0x81, length]), payload]))
      if (isClose) socket.end()
      pending = pending.subarray(6 + length)
    }
  })
})

server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => {
  server.close(() => process.exit(0))
  server.closeIdleConnections()
})
`
