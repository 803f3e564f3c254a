/** One POST with a bound on everything. Its answer names no URL: where a webhook lives is a secret. */
import type { IncomingMessage } from 'node:http'
import type { OutgoingRequest } from './channel.ts'

export type PostResult =
  | { kind: 'accepted' }
  /** `retryAfter` as the receiver sent it: seconds or a date. */
  | { kind: 'answered'; status: number; retryAfter: string | null; word: string | null }
  | { kind: 'unreachable'; why: string }

/** More of an answer than this is not read. */
const readBytes = 1024

/**
 * Posts JSON and reads the answer's status; redirects are not followed, they would carry the message elsewhere.
 * Never throws; an abort or the time limit answers `unreachable`.
 */
export async function post(
  url: URL,
  request: OutgoingRequest,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<PostResult> {
  const { request: open } = url.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const body = Buffer.from(request.body)
  return new Promise((resolve) => {
    const end = (result: PostResult) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve(result)
      outgoing.destroy()
    }
    const onAbort = () => end({ kind: 'unreachable', why: 'time was up' })
    const outgoing = open(
      url,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'content-length': body.length,
          'user-agent': 'trunkline',
          connection: 'close',
          ...request.headers,
        },
      },
      (answer) =>
        void readAnswer(answer, url).then(end, (error: unknown) => end({ kind: 'unreachable', why: faultOf(error) })),
    )
    const timer = setTimeout(
      () => end({ kind: 'unreachable', why: `no answer within ${timeoutMs / 1000} s` }),
      timeoutMs,
    )
    outgoing.on('error', (error) => end({ kind: 'unreachable', why: faultOf(error) }))
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    else outgoing.end(body)
  })
}

/** The status says it; of a refusal's body the first word (Slack: `invalid_payload`), where it is one. */
async function readAnswer(answer: IncomingMessage, url: URL): Promise<PostResult> {
  // Ending early, as we do, is an error to the stream and none to us.
  answer.on('error', () => {})
  const status = answer.statusCode ?? 0
  if (status >= 200 && status < 300) return { kind: 'accepted' }
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of answer) {
    // An HTTP message without an encoding yields buffers.
    chunks.push(chunk as Buffer)
    size += (chunk as Buffer).length
    if (size >= readBytes) break
  }
  const [word = null] =
    Buffer.concat(chunks)
      .toString('utf8')
      .match(/^[a-z_]{3,40}$/) ?? []
  const isEcho = word !== null && url.href.includes(word)
  return { kind: 'answered', status, retryAfter: answer.headers['retry-after'] ?? null, word: isEcho ? null : word }
}

/** The system's code alone: messages of network errors name hosts. */
function faultOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const words: Record<string, string> = {
    ECONNREFUSED: 'connection refused',
    ECONNRESET: 'connection cut off',
    ENOTFOUND: 'host not found',
    EAI_AGAIN: 'host name could not be looked up',
    ETIMEDOUT: 'no connection',
    EHOSTUNREACH: 'host not reachable',
    ENETUNREACH: 'network not reachable',
  }
  return words[code] ?? (/^[A-Z][A-Z0-9_]+$/.test(code) ? code : 'network error')
}
