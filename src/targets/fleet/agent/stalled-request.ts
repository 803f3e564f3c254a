/** A caller that begins a request and never ends it: its connection is closed, so that such do not pile up. */
import type { IncomingMessage } from 'node:http'

/** Longer than any link that works is quiet in the middle of a request. */
export const maxStallMs = 120_000

/** Closes the connection once nothing more of the request has come for that long; how long the answer takes is no matter. */
export function cutWhenStalled(request: IncomingMessage, stallMs = maxStallMs): void {
  const { socket } = request
  let seenBytes = socket.bytesRead
  // Looked at from time to time: listening for data would take it from who reads the request.
  const timer = setInterval(() => {
    if (socket.bytesRead === seenBytes) socket.destroy()
    seenBytes = socket.bytesRead
  }, stallMs)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
  request.once('end', () => clearInterval(timer))
}
