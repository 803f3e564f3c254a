/**
 * One request on its way to a backend and its answer on the way back: nothing is gathered, each side is read only as
 * fast as the other takes it. This is the hot path: it works on raw headers and allocates little.
 */
import type { IncomingMessage } from 'node:http'
import { type Answer, answer, answers, discardRest } from './answers.ts'
import type { Backend, Exchange } from './backend.ts'
import { clientStallMs, maxConnectAttempts, maxResets } from './limits.ts'
import {
  passedTrailers,
  type RequestHead,
  requestHead,
  responseHeaders,
  trailerPairs,
  wireHead,
} from './message-headers.ts'
import type { Answered, PublicResponse } from './public-response.ts'
import { RequestBody } from './request-body.ts'
import type { Service } from './service.ts'
import type { Attempt, AttemptFault, UpstreamExchange } from './upstream/index.ts'

/** RFC 9110, 9.2.2: these may be sent again when nobody knows whether they arrived. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export type ProxyOptions = {
  /** It waits for a `100 Continue`. */
  expectsContinue: boolean
  /** The listener is closing: connections end with their answer. */
  isClosing(): boolean
}

/** Proxies the request; never throws, and ends every request somehow. */
export function proxyRequest(service: Service, req: IncomingMessage, res: PublicResponse, options: ProxyOptions): void {
  service.totals.requests += 1
  const path = pathOf(req.url ?? '')
  const asked = requestHead(req)
  if (path === null || asked.hosts > 1) answer(req, res, answers.badRequest)
  else new ProxiedRequest(service, req, res, path, asked, options).start()
}

/** The path to ask for; null where it cannot be passed on. A request may name the whole URL (RFC 9112, 3.2.2). */
function pathOf(url: string): string | null {
  if (url.startsWith('/')) return url
  const whole = /^https?:\/\/[^/?#]+(.*)$/i.exec(url)
  if (!whole) return null
  const rest = whole[1] ?? ''
  return rest.startsWith('/') ? rest : `/${rest}`
}

const nothing = Buffer.alloc(0)
/** Bodies up to this size are sent with the head of their answer, in one write. */
const maxJoinedBytes = 8 * 1024

class ProxiedRequest implements Exchange, Answered, UpstreamExchange {
  readonly isTunnel = false
  readonly isHead: boolean
  readonly isChunked: boolean
  readonly body: RequestBody | null
  /** The attempt under way. */
  attempt: Attempt | null = null
  head = ''
  private readonly service: Service
  private readonly req: IncomingMessage
  private readonly res: PublicResponse
  private readonly options: ProxyOptions
  private readonly path: string
  private readonly asked: RequestHead
  private backend: Backend | null = null
  private connectFailures = 0
  private resets = 0
  /** Kept connections have failed it: the next one shall be new. */
  private needsFresh = false
  private isContinued = false
  private hasData = false
  private isCut = false
  /** The client has its answer, or is gone. */
  private isOver = false

  constructor(
    service: Service,
    req: IncomingMessage,
    res: PublicResponse,
    path: string,
    asked: RequestHead,
    options: ProxyOptions,
  ) {
    this.service = service
    this.req = req
    this.res = res
    this.path = path
    this.asked = asked
    this.options = options
    this.isHead = req.method === 'HEAD'
    this.isChunked = asked.isChunked
    this.body = asked.hasBody ? new RequestBody(req) : null
  }

  start(): void {
    this.res.answers(this)
    this.service.assign(this)
  }

  // What the service says.

  proceed(backend: Backend): void {
    this.backend = backend
    this.head = wireHead(this.req.method ?? 'GET', this.path, this.asked, backend)
    if (this.needsFresh) backend.connections.dispatchFresh(this)
    else backend.connections.dispatch(this)
  }

  giveUp(): void {
    this.fail(answers.noBackend)
  }

  cut(): void {
    const { backend } = this
    if (backend === null || this.isOver) return
    this.isCut = true
    this.endAttempt()
    this.afterBreak(backend, new Error('cut at the end of draining'))
  }

  // What its connection says.

  onConnected(): void {
    if (!this.options.expectsContinue || this.isContinued) return
    this.isContinued = true
    this.res.writeContinue()
  }

  onHead(status: number, phrase: string, headers: string[]): void {
    const { req, res } = this
    const canTrail = req.httpVersionMinor > 0 && !this.isHead && status !== 204 && status !== 304
    if (this.options.isClosing()) res.shouldKeepAlive = false
    res.writeHead(status, phrase, responseHeaders(headers, canTrail))
  }

  /** Where its body takes its time, what is known of the answer is passed on without it. */
  onPause(): void {
    // Not `flushHeaders`, which writes them as UTF-8.
    if (!this.hasData && this.res.headersSent) this.res.write(nothing)
  }

  onData(bytes: Buffer, from: number, to: number): boolean {
    const { res } = this
    const isFirst = !this.hasData
    this.hasData = true
    // As a string a small body joins the head in one plain write, which costs a third of a gathering one.
    if (isFirst && to - from <= maxJoinedBytes && !res.chunkedEncoding) {
      const isTaken = res.write(bytes.toString('latin1', from, to), 'latin1')
      // Node corks until the end of the tick; by then `end` would have added a part, and made a gathering write of it.
      this.req.socket.uncork()
      return isTaken
    }
    return res.write(Buffer.copyBytesFrom(bytes, from, to - from))
  }

  onEnd(trailers: string[]): void {
    this.leaveBackend()
    this.isOver = true
    if (trailers.length > 0 && this.res.chunkedEncoding) this.res.addTrailers(trailerPairs(passedTrailers(trailers)))
    this.res.end()
    this.endBody()
  }

  onFault({ kind, cause, isStale }: AttemptFault): void {
    const { backend } = this
    this.body?.stop()
    this.leaveBackend()
    if (this.isOver || backend === null) return
    this.needsFresh ||= isStale
    if (kind === 'unsent') this.afterConnectFailure(backend, cause)
    else if (kind === 'late') this.afterLateAnswer(backend, cause)
    else this.afterBreak(backend, cause)
  }

  // What the client does.

  onDrain(): void {
    this.attempt?.resume()
  }

  onClientClose(): void {
    if (this.isOver) return
    this.isOver = true
    this.body?.stop()
    if (this.backend === null) this.service.abandon(this)
    this.endAttempt()
  }

  /** Nothing has moved for a while: whose turn is it? */
  onClientQuiet(): void {
    const { req, res, body } = this
    if (body?.isAwaited && !res.headersSent) this.fail(answers.requestTimeout)
    else if (body?.isAwaited || res.writableLength > 0) req.socket.destroy()
    else req.socket.setTimeout(clientStallMs)
  }

  // How it goes on, or ends.

  /** Nothing was sent. */
  private afterConnectFailure(backend: Backend, cause: Error): void {
    backend.noteConnectFailure(cause)
    this.connectFailures += 1
    if (this.connectFailures < maxConnectAttempts) this.service.assign(this)
    else this.fail(answers.badGateway)
  }

  private afterLateAnswer(backend: Backend, cause: Error): void {
    backend.noteBrokenExchange(cause)
    this.fail(answers.gatewayTimeout)
  }

  private afterBreak(backend: Backend, cause: Error): void {
    if (!this.isCut) backend.noteBrokenExchange(cause)
    if (this.res.headersSent) this.breakOff()
    else if (this.mayBeSentAgain()) this.service.assign(this)
    else this.fail(this.isCut ? answers.noBackend : answers.badGateway)
  }

  private mayBeSentAgain(): boolean {
    this.resets += 1
    const isSafe = idempotentMethods.has(this.req.method ?? '') && !this.body?.isTaken
    if (!isSafe || this.resets > maxResets) return false
    this.isCut = false
    return true
  }

  private fail(why: Answer): void {
    if (this.isOver) return
    this.isOver = true
    if (why.status >= 500) this.service.totals.failures += 1
    this.body?.stop()
    this.endAttempt()
    if (this.options.isClosing()) this.res.shouldKeepAlive = false
    answer(this.req, this.res, why)
  }

  /** The answer has begun and will never be whole: the client must see that, so its connection is reset. */
  private breakOff(): void {
    this.isOver = true
    this.service.totals.failures += 1
    this.req.socket.resetAndDestroy()
  }

  private endAttempt(): void {
    this.body?.stop()
    this.attempt?.abort()
    this.leaveBackend()
  }

  private leaveBackend(): void {
    const { backend } = this
    this.backend = null
    this.attempt = null
    backend?.end(this)
  }

  private endBody(): void {
    if (this.body === null) return
    this.body.stop()
    if (!this.req.complete) discardRest(this.req)
  }
}
