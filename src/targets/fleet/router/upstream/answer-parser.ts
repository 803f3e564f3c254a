/**
 * Reads HTTP/1.1 answers of a backend, strictly (RFC 9112): what leaves any doubt about where an answer ends is
 * refused, and so is what could not be passed on as it is. Works on the bytes of one read at a time and keeps none of them.
 */
import { maxResponseHeaderBytes } from '../limits.ts'
import { readFields } from './fields.ts'
import { type Framing, frame, keptForMs } from './framing.ts'

/** Who gets an answer, part by part. */
export type AnswerSink = {
  /** A final answer has begun. Flat list of names and values. */
  onHead(status: number, phrase: string, headers: string[]): void
  /** Bytes of its body, valid during the call only. `isLast`: none come after these. False: no more for now. */
  onData(bytes: Buffer, from: number, to: number, isLast: boolean): boolean
  onEnd(trailers: string[]): void
}

/** The backend's answer cannot be understood, or leaves doubt. */
export class MalformedAnswer extends Error {
  override name = 'MalformedAnswer'
}

const maxChunkLineBytes = 4096
/** Interim answers before a final one. */
const maxInterim = 32
/** A text is looked for in steps of this size, so that a body behind it is not taken for text. */
const windowBytes = 2048
const statusLine = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?(?:\r\n|$)/

type State = 'head' | 'sized' | 'until-close' | 'chunk-size' | 'chunk-data' | 'chunk-end' | 'trailers' | 'over'

/** Never added to. */
const noTrailers: string[] = []

export class AnswerParser {
  /** How long its connection may be kept once it is over: 0, not at all. */
  keepMs = 0
  /** Some of it has been read. */
  hasBegun = false
  /** Its head has been read as a whole. */
  hasHead = false
  private state: State = 'over'
  private sink: AnswerSink | null = null
  private isHead = false
  private interim = 0
  /** Of the body, or of the chunk. */
  private leftBytes = 0
  /** Text whose end has not come yet. */
  private partial = ''
  /** Where what was taken last ends. */
  private next = 0
  private trailers = noTrailers
  private trailerBytes = 0
  private isTaking = true

  /** An answer is expected. `isHead`: to a request that wants no body. */
  expect(sink: AnswerSink, isHead: boolean): void {
    this.sink = sink
    this.isHead = isHead
    this.state = 'head'
    this.hasBegun = false
    this.hasHead = false
    this.interim = 0
    this.keepMs = 0
    this.partial = ''
    this.isTaking = true
  }

  /** Nobody wants the rest. */
  stop(): void {
    this.state = 'over'
    this.sink = null
    this.keepMs = 0
  }

  get isOver(): boolean {
    return this.state === 'over'
  }

  /** The connection has ended; whether the answer has, too. */
  end(): boolean {
    if (this.state !== 'until-close') return false
    this.finish(noTrailers)
    return true
  }

  /**
   * Reads the first `length` bytes. Answers whether the sink takes more now. Throws `MalformedAnswer`.
   */
  read(bytes: Buffer, length: number): boolean {
    this.isTaking = true
    this.hasBegun = true
    for (let at = 0; at < length; at = this.next) {
      // Told to stop by its sink: the connection ends.
      if (this.sink === null) return true
      this.step(bytes, at, length)
      if (this.isOver) {
        // Bytes after its end answer nothing: whose are they?
        if (this.next < length) this.keepMs = 0
        return true
      }
    }
    return this.isTaking
  }

  private step(bytes: Buffer, at: number, length: number): void {
    switch (this.state) {
      case 'head':
        this.takeHead(bytes, at, length)
        break
      case 'sized':
        this.takeSized(bytes, at, length)
        break
      case 'until-close':
        this.next = length
        this.give(bytes, at, length, false)
        break
      case 'chunk-size':
        this.takeChunkSize(bytes, at, length)
        break
      case 'chunk-data':
        this.takeChunk(bytes, at, length)
        break
      case 'chunk-end':
        if (this.takeText('\r\n', bytes, at, length, 0) !== null) this.state = 'chunk-size'
        break
      case 'trailers':
        this.takeTrailer(bytes, at, length)
        break
      case 'over':
        break
    }
  }

  private takeHead(bytes: Buffer, at: number, length: number): void {
    const text = this.takeText('\r\n\r\n', bytes, at, length, maxResponseHeaderBytes)
    if (text === null) return
    const line = statusLine.exec(text)
    if (line === null) throw new MalformedAnswer('no status line of HTTP/1.x')
    const status = Number(line[2])
    const headers: string[] = []
    const isWell = readFields(text, line[0].length, headers)
    if (!isWell) throw new MalformedAnswer('a malformed header')
    if (status < 200) {
      this.interim += 1
      // An upgrade was not asked for. Interim answers are hints, which the final answer repeats.
      if (status === 101 || this.interim > maxInterim) throw new MalformedAnswer(`an unexpected answer ${status}`)
      return
    }
    const isBare = this.isHead || status === 204 || status === 304
    const framing = frame(headers, { minor: Number(line[1]) })
    if (framing === null) throw new MalformedAnswer('headers that leave doubt about its end')
    this.hasHead = true
    this.keepMs = keptForMs(framing)
    this.sink?.onHead(status, line[3] ?? '', headers)
    this.beginBody(framing, isBare)
  }

  private beginBody({ lengthBytes, isChunked }: Framing, isBare: boolean): void {
    // Its sink may have told it to stop.
    if (this.sink === null) return
    if (isBare || lengthBytes === 0) {
      this.finish(noTrailers)
    } else if (isChunked) {
      this.state = 'chunk-size'
    } else if (lengthBytes === null) {
      this.state = 'until-close'
      this.keepMs = 0
    } else {
      this.state = 'sized'
      this.leftBytes = lengthBytes
    }
  }

  private takeSized(bytes: Buffer, at: number, length: number): void {
    const to = Math.min(length, at + this.leftBytes)
    this.leftBytes -= to - at
    this.next = to
    const isLast = this.leftBytes === 0
    this.give(bytes, at, to, isLast)
    if (isLast) this.finish(noTrailers)
  }

  private takeChunkSize(bytes: Buffer, at: number, length: number): void {
    const line = this.takeText('\r\n', bytes, at, length, maxChunkLineBytes)
    if (line === null) return
    const size = /^([0-9a-f]{1,12})[\t ]*(?:;[\t\x20-\x7e\x80-\xff]*)?$/i.exec(line)
    if (size === null) throw new MalformedAnswer('a malformed chunk')
    this.leftBytes = Number.parseInt(size[1] ?? '', 16)
    this.state = this.leftBytes === 0 ? 'trailers' : 'chunk-data'
    this.trailers = noTrailers
    this.trailerBytes = 0
  }

  private takeChunk(bytes: Buffer, at: number, length: number): void {
    const to = Math.min(length, at + this.leftBytes)
    this.leftBytes -= to - at
    this.next = to
    if (this.leftBytes === 0) this.state = 'chunk-end'
    this.give(bytes, at, to, false)
  }

  private takeTrailer(bytes: Buffer, at: number, length: number): void {
    const line = this.takeText('\r\n', bytes, at, length, maxResponseHeaderBytes)
    if (line === null) return
    if (line === '') {
      this.finish(this.trailers)
      return
    }
    this.trailerBytes += line.length
    if (this.trailers === noTrailers) this.trailers = []
    const isWell = this.trailerBytes <= maxResponseHeaderBytes && readFields(line, 0, this.trailers)
    if (!isWell) throw new MalformedAnswer('a malformed trailer')
  }

  private give(bytes: Buffer, from: number, to: number, isLast: boolean): void {
    const { sink } = this
    if (sink !== null && !sink.onData(bytes, from, to, isLast)) this.isTaking = false
  }

  private finish(trailers: string[]): void {
    const { sink } = this
    this.state = 'over'
    this.sink = null
    sink?.onEnd(trailers)
  }

  /** What stands before the terminator; null where that has not come yet. */
  private takeText(terminator: string, bytes: Buffer, at: number, length: number, maxBytes: number): string | null {
    const { partial } = this
    const to = Math.min(length, at + windowBytes)
    const text = partial + bytes.toString('latin1', at, to)
    const end = text.indexOf(terminator, Math.max(0, partial.length - terminator.length + 1))
    if ((end < 0 ? text.length - terminator.length : end) > maxBytes) throw new MalformedAnswer('a line too long')
    if (end < 0) {
      this.partial = text
      this.next = to
      return null
    }
    this.partial = ''
    this.next = at + end + terminator.length - partial.length
    return text.slice(0, end)
  }
}
