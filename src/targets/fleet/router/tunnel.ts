/**
 * A connection that is to be upgraded (a WebSocket): its first request goes to a backend, and if that agrees, bytes are
 * passed both ways untouched until one side ends. Only an agreed upgrade opens a tunnel: otherwise a client could send
 * further requests past the router.
 */
import type { ClientRequest, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { answerRaw, answers } from './answers.ts'
import type { Backend, Exchange } from './backend.ts'
import { halfOpenTimeoutMs, maxConnectAttempts, tcpKeepAliveMs, upgradeTimeoutMs } from './limits.ts'
import { requestHead, responseHeaders } from './message-headers.ts'
import type { Service } from './service.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const http = process.getBuiltinModule('node:http')

/**
 * Whether a request that asks for an upgrade may have one. Not to HTTP/2, which the router could not look into, and
 * not with a body, which would be taken for the tunnel's bytes. The others are answered as if they had not asked.
 */
export function mayUpgrade(req: IncomingMessage): boolean {
  const { upgrade, 'content-length': length, 'transfer-encoding': encoding } = req.headers
  const hasBody = (length !== undefined && length !== '0') || encoding !== undefined
  return upgrade !== undefined && !/\bh2c?\b/i.test(upgrade) && !hasBody && (req.url ?? '').startsWith('/')
}

/** Carries an upgrade through; `head` is what the client sent ahead. Never throws. */
export function tunnelUpgrade(service: Service, req: IncomingMessage, socket: Socket, head: Buffer): void {
  service.totals.requests += 1
  const asked = requestHead(req)
  if (asked.hosts > 1) answerRaw(socket, answers.badRequest)
  else new Tunnel(service, req, asked.headers, socket, head).start()
}

class Tunnel implements Exchange {
  readonly isTunnel = true
  private readonly service: Service
  private readonly req: IncomingMessage
  /** As they go to a backend. */
  private readonly headers: readonly string[]
  private readonly client: Socket
  private readonly head: Buffer
  private backend: Backend | null = null
  private outgoing: ClientRequest | null = null
  private upstream: Socket | null = null
  private attempts = 0
  private isOver = false

  constructor(service: Service, req: IncomingMessage, headers: readonly string[], client: Socket, head: Buffer) {
    this.service = service
    this.req = req
    this.headers = headers
    this.client = client
    this.head = head
  }

  start(): void {
    // It is quiet as long as it likes from now on.
    this.client.setTimeout(0)
    this.client.setKeepAlive(true, tcpKeepAliveMs)
    this.client.on('error', () => {})
    this.client.once('close', () => this.end())
    this.service.assign(this)
  }

  proceed(backend: Backend): void {
    this.backend = backend
    const { host, port } = backend
    const { method, url: path, headers: asked } = this.req
    const headers = [...this.headers, 'connection', 'upgrade', 'upgrade', asked.upgrade ?? '']
    const outgoing = http.request({ host, port, method, path, headers, agent: false })
    this.outgoing = outgoing
    let isConnected = false
    outgoing.once('socket', (socket) => socket.once('connect', () => (isConnected = true)))
    const timer = setTimeout(() => outgoing.destroy(new Error('no answer to the upgrade in time')), upgradeTimeoutMs)
    outgoing.once('close', () => clearTimeout(timer))
    outgoing.once('upgrade', (response, upstream, ahead) => {
      clearTimeout(timer)
      // `http.request` over TCP gives a net.Socket; its type says Duplex for TLS's sake.
      this.open(response, upstream as Socket, ahead)
    })
    outgoing.once('response', (response) => {
      clearTimeout(timer)
      this.passRefusal(response)
    })
    outgoing.on('error', (cause) => {
      if (this.isOver || this.backend !== backend || this.upstream !== null) return
      this.leaveBackend()
      if (isConnected) this.afterBreak(backend, cause)
      else this.afterConnectFailure(backend, cause)
    })
    outgoing.end()
  }

  giveUp(): void {
    this.refuse('noBackend')
  }

  cut(): void {
    this.client.destroy()
    this.end()
  }

  private open(response: IncomingMessage, upstream: Socket, ahead: Buffer): void {
    this.upstream = upstream
    const { client } = this
    upstream.on('error', () => client.destroy())
    upstream.once('close', () => (upstream.readableEnded ? client.destroySoon() : client.destroy()))
    if (this.isOver) {
      upstream.destroy()
      return
    }
    upstream.setTimeout(0)
    upstream.setNoDelay(true)
    upstream.setKeepAlive(true, tcpKeepAliveMs)
    client.write(headOf(response))
    if (ahead.length > 0) client.write(ahead)
    if (this.head.length > 0) upstream.write(this.head)
    join(client, upstream)
    join(upstream, client)
  }

  /** An ordinary answer, and the end of the connection. */
  private passRefusal(response: IncomingMessage): void {
    const res = new http.ServerResponse(this.req)
    res.shouldKeepAlive = false
    res.assignSocket(this.client)
    res.writeHead(response.statusCode ?? 502, response.statusMessage, responseHeaders(response.rawHeaders, false))
    response.on('error', () => this.client.resetAndDestroy())
    response.pipe(res)
    res.once('finish', () => this.client.destroySoon())
  }

  /** Nothing was sent. */
  private afterConnectFailure(backend: Backend, cause: Error): void {
    backend.noteConnectFailure(cause)
    this.attempts += 1
    if (this.attempts < maxConnectAttempts) this.service.assign(this)
    else this.refuse('badGateway')
  }

  private afterBreak(backend: Backend, cause: Error): void {
    backend.noteBrokenExchange(cause)
    this.refuse('badGateway')
  }

  private refuse(why: 'noBackend' | 'badGateway'): void {
    if (this.isOver) return
    this.service.totals.failures += 1
    answerRaw(this.client, answers[why])
  }

  private end(): void {
    if (this.isOver) return
    this.isOver = true
    this.service.abandon(this)
    this.outgoing?.destroy()
    this.upstream?.destroy()
    this.leaveBackend()
  }

  private leaveBackend(): void {
    const { backend } = this
    this.backend = null
    this.outgoing = null
    backend?.end(this)
  }
}

/** Passes on bytes and the end of them; a tunnel that is open on one side only must keep moving. */
function join(from: Socket, to: Socket): void {
  from.pipe(to)
  from.once('end', () => {
    for (const socket of [from, to]) socket.setTimeout(halfOpenTimeoutMs, () => socket.destroy())
  })
}

function headOf(response: IncomingMessage): string {
  let head = `HTTP/1.1 101 ${response.statusMessage ?? 'Switching Protocols'}\r\n`
  const { rawHeaders } = response
  for (let at = 0; at < rawHeaders.length; at += 2) head += `${rawHeaders[at]}: ${rawHeaders[at + 1]}\r\n`
  return `${head}\r\n`
}
