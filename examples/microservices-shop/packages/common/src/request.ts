/** A request as a handler sees it. */
import type { IncomingMessage } from 'node:http'
import { HttpError } from './http-error.ts'
import { read, type Shape } from './shape.ts'

export type Request<Name extends string = string> = {
  params: Record<Name, string>
  query: URLSearchParams
  headers: IncomingMessage['headers']
  json<T>(shape: Shape<T>): Promise<T>
  form(): Promise<URLSearchParams>
}

const maxBodyBytes = 64 * 1024

export function createRequest(message: IncomingMessage, url: URL, params: Record<string, string>): Request {
  return {
    params,
    query: url.searchParams,
    headers: message.headers,
    async json(shape) {
      return read(shape, parseJson(await readBody(message)))
    },
    async form() {
      return new URLSearchParams(await readBody(message))
    },
  }
}

async function readBody(message: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message) {
    bytes += chunk.length
    if (bytes > maxBodyBytes) throw new HttpError(413, 'too-large', `a body has at most ${maxBodyBytes} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (cause) {
    throw new HttpError(400, 'not-json', 'the body is not JSON', { cause })
  }
}
