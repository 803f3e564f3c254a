/**
 * One connection to a backend: one exchange at a time, then idle until the next. All connections read into the same
 * memory, since what was read is passed on, or copied, before the next read.
 */
import { connect, type Socket } from 'node:net'
import { backendConnectTimeoutMs, backendHeadersTimeoutMs, tcpKeepAliveMs } from '../limits.ts'
import { AnswerParser, type AnswerSink, MalformedAnswer } from './answer-parser.ts'

/** Why an attempt failed. `unsent`: nothing of the request left; `late`: no answer came in time. */
export type AttemptFault = {
  kind: 'unsent' | 'broken' | 'late'
  cause: Error /** On a connection that had been used before, of which nothing came any more. */
  isStale: boolean
}

/** What the body of a request is written to. */
export type BodySink = {
  /** False: no more until it is told to resume. */
  writeBody(chunk: Buffer): boolean
  endBody(trailers: readonly string[]): void
}

export type OutgoingBody = {
  start(sink: BodySink): void
  resume(): void
}

/** A request for a backend, and who gets its answer. */
export type UpstreamExchange = AnswerSink & {
  /** Method, path and headers as they go over the wire, without the empty line. */
  readonly head: string
  readonly isHead: boolean
  readonly body: OutgoingBody | null
  /** The body's length is not known: it is sent in chunks. */
  readonly isChunked: boolean
  /** How to end it while it is under way. */
  attempt: Attempt | null
  /** The connection stands, and the request is about to be sent. */
  onConnected(): void
  /** What has come of the answer was passed on; more will come. */
  onPause(): void
  onFault(fault: AttemptFault): void
}

export type Attempt = {
  /** Ends it; its exchange hears nothing more. */
  abort(): void
  /** Reads on after `onData` answered false. */
  resume(): void
}

/** Who owns connections. */
export type ConnectionOwner = {
  onIdle(connection: Connection): void
  onGone(connection: Connection): void
}

const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

export class Connection implements Attempt, BodySink {
  /** Idle: until when it is kept. Monotonic, ms. */
  keptUntil = 0
  private readonly owner: ConnectionOwner
  private readonly socket: Socket
  private readonly parser = new AnswerParser()
  private exchange: UpstreamExchange | null
  private isConnected = false
  private isUsed = false
  /** The request has left as a whole. */
  private isSent = false
  private isGone = false
  /** When connecting, or the wait for the answer, has taken too long; monotonic, ms. */
  private dueAt = performance.now() + backendConnectTimeoutMs

  constructor(owner: ConnectionOwner, { host, port }: { host: string; port: number }, first: UpstreamExchange) {
    this.owner = owner
    this.exchange = first
    first.attempt = this
    const onread = { buffer: readBuffer, callback: (length: number) => this.onRead(length) }
    this.socket = connect({ host, port, onread, noDelay: true, keepAlive: true, keepAliveInitialDelay: tcpKeepAliveMs })
    this.socket.resume()
    this.socket.once('connect', () => this.onConnect())
    this.socket.on('drain', () => this.exchange?.body?.resume())
    this.socket.on('error', (cause) => this.fail(cause))
    this.socket.once('end', () => this.onEnd())
    this.socket.once('close', () => this.fail(new Error('the connection was closed')))
  }

  /** Sends a request; only while idle. */
  send(exchange: UpstreamExchange): void {
    this.exchange = exchange
    exchange.attempt = this
    this.isUsed = true
    this.begin(exchange)
  }

  abort(): void {
    this.exchange = null
    this.leave()
  }

  resume(): void {
    if (!this.isGone) this.socket.resume()
  }

  /** Whether something took too long, and it has ended for that. */
  endIfLate(now: number): void {
    if (this.exchange === null || this.dueAt > now) return
    const cause = new Error(this.isConnected ? 'no answer in time' : 'no connection in time')
    this.fail(cause, this.isConnected ? 'late' : 'unsent')
  }

  writeBody(chunk: Buffer): boolean {
    const { socket } = this
    if (this.isGone) return false
    if (this.exchange?.isChunked !== true) return socket.write(chunk)
    socket.cork()
    socket.write(`${chunk.length.toString(16)}\r\n`, 'latin1')
    socket.write(chunk)
    const isTaken = socket.write('\r\n', 'latin1')
    socket.uncork()
    return isTaken
  }

  endBody(trailers: readonly string[]): void {
    if (this.isGone) return
    if (this.exchange?.isChunked === true) {
      let end = '0\r\n'
      for (let at = 0; at < trailers.length; at += 2) end += `${trailers[at]}: ${trailers[at + 1]}\r\n`
      this.socket.write(`${end}\r\n`, 'latin1')
    }
    this.noteSent()
  }

  private onConnect(): void {
    this.isConnected = true
    if (this.exchange !== null) this.begin(this.exchange)
  }

  private begin(exchange: UpstreamExchange): void {
    this.isSent = false
    this.dueAt = Number.POSITIVE_INFINITY
    this.parser.expect(exchange, exchange.isHead)
    exchange.onConnected()
    // It may have found out that nobody wants it any more.
    if (this.exchange !== exchange) return
    if (exchange.body === null) {
      this.socket.write(`${exchange.head}\r\n`, 'latin1')
      this.noteSent()
      return
    }
    this.socket.cork()
    this.socket.write(
      exchange.isChunked ? `${exchange.head}transfer-encoding: chunked\r\n\r\n` : `${exchange.head}\r\n`,
      'latin1',
    )
    exchange.body.start(this)
    this.socket.uncork()
  }

  private noteSent(): void {
    this.isSent = true
    if (!this.parser.hasHead) this.dueAt = performance.now() + backendHeadersTimeoutMs
  }

  private onRead(length: number): boolean {
    const { exchange, parser } = this
    // Nothing was asked.
    if (exchange === null) {
      this.leave()
      return false
    }
    let isTaking: boolean
    try {
      isTaking = parser.read(readBuffer, length)
    } catch (cause) {
      if (!(cause instanceof MalformedAnswer)) throw cause
      this.fail(cause)
      return false
    }
    if (parser.isOver) this.afterAnswer()
    else if (parser.hasHead) this.pause(exchange)
    return isTaking
  }

  /** More of the answer will come. */
  private pause(exchange: UpstreamExchange): void {
    // A stream may be quiet for as long as it likes; a dead peer is found by TCP keep-alive.
    this.dueAt = Number.POSITIVE_INFINITY
    exchange.onPause()
  }

  /** The whole answer was passed on, or nobody wants the rest. */
  private afterAnswer(): void {
    this.exchange = null
    if (this.isGone) return
    const { keepMs } = this.parser
    // A backend that answered before it had the whole request cannot take another on this connection.
    if (keepMs === 0 || !this.isSent) {
      this.leave()
      return
    }
    this.keptUntil = performance.now() + keepMs
    this.owner.onIdle(this)
  }

  private onEnd(): void {
    if (this.exchange !== null && this.parser.end()) this.afterAnswer()
    else this.fail(new Error('the backend closed the connection'))
  }

  private fail(cause: Error, kind: AttemptFault['kind'] = this.isConnected ? 'broken' : 'unsent'): void {
    const { exchange, parser } = this
    const isStale = this.isUsed && !parser.hasBegun
    this.exchange = null
    this.leave()
    exchange?.onFault({ kind, cause, isStale })
  }

  /** Closes it. */
  private leave(): void {
    if (this.isGone) return
    this.isGone = true
    this.parser.stop()
    this.socket.destroy()
    this.owner.onGone(this)
  }
}
