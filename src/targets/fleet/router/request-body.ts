/**
 * A client's body on its way to a backend: read chunk by chunk as the backend takes them. The client's connection is
 * left alone when the backend breaks off, so that the client can still be answered, and as long as nothing was taken
 * it can be started again for another backend.
 */
import type { IncomingMessage } from 'node:http'
import { passedTrailers } from './message-headers.ts'
import type { BodySink, OutgoingBody } from './upstream/index.ts'

export class RequestBody implements OutgoingBody {
  /** Some of it was handed over: it cannot be sent again. */
  isTaken = false
  /** It is the client's turn to send. */
  isAwaited = false
  private readonly req: IncomingMessage
  private sink: BodySink | null = null
  private isListening = false

  constructor(req: IncomingMessage) {
    this.req = req
  }

  start(sink: BodySink): void {
    this.sink = sink
    if (!this.isListening) {
      this.isListening = true
      this.req.on('readable', this.pass)
      this.req.on('end', this.pass)
    }
    this.pass()
  }

  resume(): void {
    this.pass()
  }

  /** Nobody takes any more of it. */
  stop(): void {
    this.sink = null
    this.isAwaited = false
    if (!this.isListening) return
    this.isListening = false
    this.req.off('readable', this.pass)
    this.req.off('end', this.pass)
  }

  private readonly pass = (): void => {
    const { req } = this
    this.isAwaited = false
    while (this.sink !== null) {
      const chunk: Buffer | null = req.read()
      if (chunk === null) break
      this.isTaken = true
      if (!this.sink.writeBody(chunk)) return
    }
    const { sink } = this
    if (sink === null) return
    if (!req.readableEnded) {
      this.isAwaited = true
      return
    }
    this.stop()
    sink.endBody(passedTrailers(req.rawTrailers))
  }
}
