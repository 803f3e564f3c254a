/**
 * One request on its way to a backend and its answer on the way back: nothing is gathered, each side is read only as
 * fast as the other takes it. This is the hot path: it works on raw headers and allocates little.
 */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import { type Answer, answer, answers, discardRest } from './answers.ts'
import type { Backend, Exchange } from './backend.ts'
import { clientStallMs, maxConnectAttempts, maxResets } from './limits.ts'
import { requestHead, responseHeaders, trailerPairs } from './message-headers.ts'
import { RequestBody } from './request-body.ts'
import type { Service } from './service.ts'

/** RFC 9110, 9.2.2: these may be sent again when nobody knows whether they arrived. */
const idempotentMethods = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

export type ProxyOptions = {
  /** It waits for a `100 Continue`. */
  expectsContinue: boolean
  /** The listener is closing: connections end with their answer. */
  isClosing(): boolean
}

/** Proxies the request; never throws, and ends every request somehow. */
export function proxyRequest(service: Service, req: IncomingMessage, res: ServerResponse, options: ProxyOptions): void {
  service.totals.requests += 1
  const path = pathOf(req.url ?? '')
  if (path === null) answer(req, res, answers.badRequest)
  else new ProxiedRequest(service, req, res, path, options).start()
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

/** The handler that undici calls as the exchange goes on (its raw form: headers come as they were on the wire). */
class ProxiedRequest implements Exchange, Dispatcher.DispatchHandler {
  readonly isTunnel = false
  private readonly service: Service
  private readonly req: IncomingMessage
  private readonly res: ServerResponse
  private readonly options: ProxyOptions
  private readonly path: string
  private readonly headers: string[]
  private readonly body: RequestBody | null
  private backend: Backend | null = null
  /** Ends the attempt under way; null until its connection stands. */
  private abort: ((cause: Error) => void) | null = null
  private resume: (() => void) | null = null
  private connectFailures = 0
  private resets = 0
  private isContinued = false
  private hasData = false
  private isCut = false
  /** The client has its answer, or is gone. */
  private isOver = false

  constructor(service: Service, req: IncomingMessage, res: ServerResponse, path: string, options: ProxyOptions) {
    this.service = service
    this.req = req
    this.res = res
    this.path = path
    this.options = options
    const { headers, hasBody } = requestHead(req)
    this.headers = headers
    this.body = hasBody ? new RequestBody(req) : null
  }

  start(): void {
    this.res.once('close', this.onClientClose)
    this.res.on('timeout', this.onClientQuiet)
    this.service.assign(this)
  }

  // What the service says.

  proceed(backend: Backend): void {
    this.backend = backend
    this.abort = null
    const { path, headers } = this
    const method = this.req.method ?? 'GET'
    // undici takes any iterable; its type names streams only.
    const body = this.body as unknown as NonNullable<Dispatcher.DispatchOptions['body']> | null
    backend.connections.dispatch({ path, method, headers, body }, this)
  }

  giveUp(): void {
    this.fail(answers.noBackend)
  }

  cut(): void {
    this.isCut = true
    this.abort?.(new Error('cut at the end of draining'))
  }

  // What undici says.

  onConnect(abort: (cause?: Error) => void): void {
    this.abort = abort
    if (this.isOver || this.isCut) {
      abort(new Error('no longer wanted'))
    } else if (this.options.expectsContinue && !this.isContinued) {
      this.isContinued = true
      this.res.writeContinue()
    }
  }

  onHeaders(status: number, raw: Buffer[], resume: () => void, statusText: string): boolean {
    const { req, res } = this
    // Interim answers are hints, which the final answer repeats.
    if (status < 200) return true
    const canTrail = req.httpVersionMinor > 0 && req.method !== 'HEAD' && status !== 204 && status !== 304
    if (this.options.isClosing()) res.shouldKeepAlive = false
    this.resume = resume
    res.writeHead(status, statusText, responseHeaders(raw, canTrail))
    // Where its body takes its time, what is known of the answer is passed on without it.
    process.nextTick(this.sendHead)
    return true
  }

  private readonly sendHead = (): void => {
    // Not `flushHeaders`, which writes them as UTF-8.
    if (!this.hasData && !this.isOver) this.res.write(nothing)
  }

  onData(chunk: Buffer): boolean {
    const isFirst = !this.hasData
    this.hasData = true
    // As a string a small body joins the head in one plain write, which costs a third of a gathering one.
    const isSmall = isFirst && chunk.length <= maxJoinedBytes && !this.res.chunkedEncoding
    const isTaken = isSmall ? this.res.write(chunk.toString('latin1'), 'latin1') : this.res.write(chunk)
    // Node corks until the end of the tick; by then `end` would have added a part, and made a gathering write of it.
    if (isSmall) this.req.socket.uncork()
    if (isTaken) return true
    this.res.once('drain', this.onDrain)
    return false
  }

  onComplete(trailers: ReadonlyArray<Buffer | string> | null): void {
    this.leaveBackend()
    this.isOver = true
    if (trailers !== null && trailers.length > 0 && this.res.chunkedEncoding) {
      this.res.addTrailers(trailerPairs(trailers))
    }
    this.res.end()
    this.endBody()
  }

  onError(cause: Error & { code?: string }): void {
    const { backend } = this
    const wasConnected = this.abort !== null
    this.leaveBackend()
    if (this.isOver || backend === null) return
    const isRefusedByUndici = cause.code === 'UND_ERR_INVALID_ARG' || cause.code === 'UND_ERR_NOT_SUPPORTED'
    if (isRefusedByUndici) this.fail(answers.badRequest)
    else if (wasConnected) this.afterBreak(backend, cause)
    else this.afterConnectFailure(backend, cause)
  }

  // What the client does.

  private readonly onDrain = (): void => this.resume?.()

  private readonly onClientClose = (): void => {
    if (this.isOver) return
    this.isOver = true
    this.body?.stop()
    if (this.backend === null) this.service.abandon(this)
    else this.abort?.(new Error('the client is gone'))
  }

  /** Nothing has moved for a while: whose turn is it? */
  private readonly onClientQuiet = (): void => {
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

  private afterBreak(backend: Backend, cause: Error & { code?: string }): void {
    if (!this.isCut) backend.noteBrokenExchange(cause)
    if (this.res.headersSent) this.breakOff()
    else if (cause.code === 'UND_ERR_HEADERS_TIMEOUT') this.fail(answers.gatewayTimeout)
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
    this.abort?.(new Error(why.text))
    this.body?.stop()
    if (this.options.isClosing()) this.res.shouldKeepAlive = false
    answer(this.req, this.res, why)
  }

  /** The answer has begun and will never be whole: the client must see that, so its connection is reset. */
  private breakOff(): void {
    this.isOver = true
    this.service.totals.failures += 1
    this.body?.stop()
    this.req.socket.resetAndDestroy()
  }

  private leaveBackend(): void {
    const { backend } = this
    this.backend = null
    this.abort = null
    backend?.end(this)
  }

  private endBody(): void {
    if (this.body === null) return
    this.body.stop()
    if (!this.req.complete) discardRest(this.req)
  }
}
