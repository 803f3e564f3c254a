/**
 * A client's body as undici takes it: read chunk by chunk as the backend takes them. Unlike the request's own iterator
 * it leaves the client's connection alone when the backend breaks off, so that the client can still be answered, and
 * as long as nothing was taken it can be started again for another backend.
 */
import type { IncomingMessage } from 'node:http'

type Step = IteratorResult<Buffer, undefined>
type Pending = { resolve(step: Step): void; reject(cause: Error): void }

const over: Step = { done: true, value: undefined }

export class RequestBody implements AsyncIterable<Buffer>, AsyncIterator<Buffer, undefined> {
  /** Some of it was handed over: it cannot be sent again. */
  isTaken = false
  private readonly req: IncomingMessage
  private pending: Pending | null = null
  private isListening = false

  constructor(req: IncomingMessage) {
    this.req = req
  }

  /** It is the client's turn to send. */
  get isAwaited(): boolean {
    return this.pending !== null
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return this
  }

  next(): Promise<Step> {
    this.listen()
    const step = this.take()
    if (step !== null) return Promise.resolve(step)
    if (this.req.destroyed) return Promise.reject(this.brokenOff())
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject }
    })
  }

  return(): Promise<Step> {
    this.stop()
    return Promise.resolve(over)
  }

  /** Nobody takes any more of it. */
  stop(): void {
    if (!this.isListening) return
    this.isListening = false
    this.req.off('readable', this.onReadable)
    this.req.off('end', this.onReadable)
    this.req.off('close', this.onClose)
    this.fail()
  }

  private listen(): void {
    if (this.isListening) return
    this.isListening = true
    this.req.on('readable', this.onReadable)
    this.req.on('end', this.onReadable)
    this.req.on('close', this.onClose)
  }

  /** Not called `read`: undici calls a method of that name on whatever it takes for a stream. */
  private take(): Step | null {
    if (this.req.readableEnded) return over
    const value: Buffer | null = this.req.read()
    if (value === null) return this.req.readableEnded ? over : null
    this.isTaken = true
    return { done: false, value }
  }

  private readonly onReadable = (): void => {
    if (this.pending === null) return
    const step = this.take()
    if (step === null) return
    const { resolve } = this.pending
    this.pending = null
    resolve(step)
  }

  private readonly onClose = (): void => this.fail()

  private fail(): void {
    const { pending } = this
    this.pending = null
    pending?.reject(this.brokenOff())
  }

  private brokenOff(): Error {
    return new Error('the request broke off')
  }
}
