/** Answers that the router gives itself, where no backend does. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { maxDiscardMs } from './limits.ts'

/** What happened, in words for the person who sees it; says nothing about what is behind the router. */
export const answers = {
  badRequest: { status: 400, phrase: 'Bad Request', text: 'The request is malformed.' },
  methodNotAllowed: { status: 405, phrase: 'Method Not Allowed', text: 'This is not a forward proxy.' },
  requestTimeout: { status: 408, phrase: 'Request Timeout', text: 'The rest of the request did not come.' },
  badGateway: { status: 502, phrase: 'Bad Gateway', text: 'The service broke off.' },
  noBackend: { status: 503, phrase: 'Service Unavailable', text: 'The service is not ready.' },
  gatewayTimeout: { status: 504, phrase: 'Gateway Timeout', text: 'The service did not answer in time.' },
} as const

export type Answer = (typeof answers)[keyof typeof answers]

const headersOf = ({ status, text }: Answer): string[] => [
  ...['content-type', 'text/plain; charset=utf-8'],
  ...['content-length', String(text.length + 1)],
  ...['cache-control', 'no-store'],
  ...(status === 503 ? ['retry-after', '1'] : []),
]

/** Answers a request of which nothing has been answered yet. */
export function answer(req: IncomingMessage, res: ServerResponse, answer: Answer): void {
  res.writeHead(answer.status, answer.phrase, headersOf(answer))
  res.end(`${answer.text}\n`)
  discardRest(req)
}

/** Answers on a connection that was to be upgraded, and closes it. */
export function answerRaw(socket: Socket, answer: Answer): void {
  const headers = [...headersOf(answer), 'connection', 'close']
  let head = `HTTP/1.1 ${answer.status} ${answer.phrase}\r\n`
  for (let at = 0; at < headers.length; at += 2) head += `${headers[at]}: ${headers[at + 1]}\r\n`
  // It may be reset meanwhile, which is no fault of ours.
  socket.on('error', () => {})
  socket.end(`${head}\r\n${answer.text}\n`)
  const timer = setTimeout(() => socket.destroy(), maxDiscardMs)
  socket.once('close', () => clearTimeout(timer))
}

/**
 * Reads and drops what is left of a request's body, for a while: closing at once would reset the connection before
 * the client has read the answer.
 */
export function discardRest(req: IncomingMessage): void {
  if (req.complete || req.destroyed) {
    req.resume()
    return
  }
  const timer = setTimeout(() => req.socket.destroy(), maxDiscardMs)
  req.once('close', () => clearTimeout(timer))
  req.resume()
}
