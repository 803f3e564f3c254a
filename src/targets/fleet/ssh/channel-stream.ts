/**
 * A stream of a channel as the plain byte stream it stands for. HTTP/2's own streams, handed to an HTTP/1 client as its
 * socket, lose bytes where text and buffers are written together (Node 24.21): here only buffers reach them.
 */
import type { ClientHttp2Stream } from 'node:http2'
import { Duplex } from 'node:stream'

/** HTTP/2's CANCEL. */
const cancelCode = 8

export function byteStreamOver(stream: ClientHttp2Stream): Duplex {
  const bytes = new Duplex({
    write: (chunk: Buffer, _encoding, done) => stream.write(chunk, done),
    final: (done) => stream.end(done),
    read: () => stream.resume(),
    destroy(fault, done) {
      if (!stream.closed) stream.close(cancelCode)
      done(fault)
    },
  })
  stream.on('data', (chunk: Buffer) => {
    if (!bytes.push(chunk)) stream.pause()
  })
  let hasEnded = false
  stream.once('aborted', () => bytes.destroy(cutShort()))
  stream.once('end', () => {
    hasEnded = !stream.aborted
    if (hasEnded) bytes.push(null)
  })
  stream.on('error', (fault) => bytes.destroy(fault))
  stream.once('close', () => {
    if (!hasEnded) bytes.destroy(cutShort())
  })
  return bytes
}

const cutShort = () => new Error('the agent, or the connection to it, was lost')
