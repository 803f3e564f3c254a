/** Talks to an agent over anything that gives a byte stream: a unix socket here, an SSH channel later. */
import { connect } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { z } from 'zod'
import { cancelledError, type Digest, erroredError, TrunklineError } from '../../../model/index.ts'
import { errorFrom, errorMessageSchema } from './error-message.ts'
import type { OperationInput, OperationName, OperationOutput } from './protocol.ts'

export type AgentConnection = {
  /** For people: `the agent on this host`. */
  readonly label: string
  /** A new stream to the agent; its errors come as events. */
  open(): Duplex
}

export type AgentClient = {
  /** Errors of the agent are thrown as they were there; no agent: errored `AGENT_UNREACHABLE`. */
  call<Name extends OperationName>(
    name: Name,
    input: OperationInput<Name>,
    signal: AbortSignal,
  ): Promise<OperationOutput[Name]>
  putBlob(digest: Digest, size: number, content: Readable, signal: AbortSignal): Promise<void>
}

/** Not imported: a module's import of `node:http` makes Node load all of its fetch for one export, 12 ms a command. */
const { request: httpRequest } = process.getBuiltinModule('node:http')

/** Longer than the longest poll. */
const callTimeoutMs = 60_000
/** Unpacking and removing take their time. */
const slowCallTimeoutMs = 10 * 60_000
const slowCalls: ReadonlySet<OperationName> = new Set(['installArtifact', 'removeProject', 'shutdown'])
const maxAnswerBytes = 256 * 1024 * 1024

const answerSchema = z.union([z.object({ ok: z.unknown() }), z.object({ error: errorMessageSchema })])

export const localConnection = (socketPath: string): AgentConnection => ({
  label: 'the agent on this host',
  open: () => connect(socketPath),
})

export function createAgentClient(connection: AgentConnection): AgentClient {
  return {
    async call(name, input, signal) {
      const body = JSON.stringify(input)
      const timeoutMs = slowCalls.has(name) ? slowCallTimeoutMs : callTimeoutMs
      const answer = await exchange(connection, { method: 'POST', path: `/${name}`, body, timeoutMs, signal })
      // Both ends are the same program: `describe` has compared the protocol versions.
      return answer as OperationOutput[typeof name]
    },
    async putBlob(digest, size, body, signal) {
      await exchange(connection, {
        method: 'PUT',
        path: `/blobs/${digest}`,
        body,
        contentLength: size,
        timeoutMs: slowCallTimeoutMs,
        signal,
      })
    },
  }
}

type Exchange = {
  method: 'POST' | 'PUT'
  path: string
  body: string | Readable
  contentLength?: number
  timeoutMs: number
  signal: AbortSignal
}

async function exchange(connection: AgentConnection, { method, path, body, ...options }: Exchange): Promise<unknown> {
  if (options.signal.aborted) throw cancelledError()
  const timeout = AbortSignal.timeout(options.timeoutMs)
  const signal = AbortSignal.any([options.signal, timeout])
  try {
    const answered = new Promise<string>((resolve, reject) => {
      const request = httpRequest({
        createConnection: () => connection.open(),
        method,
        path,
        signal,
        headers: {
          host: 'agent',
          'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
          'content-length': typeof body === 'string' ? Buffer.byteLength(body) : (options.contentLength ?? 0),
        },
      })
      request.once('error', reject)
      request.once('response', (response) => {
        readText(response).then(resolve, reject)
      })
      if (typeof body === 'string') request.end(body)
      else pipeline(body, request).catch(reject)
    })
    return readAnswer(await answered)
  } catch (cause) {
    if (options.signal.aborted) throw cancelledError()
    if (cause instanceof TrunklineError) throw cause
    const why = timeout.aborted ? `no answer within ${options.timeoutMs / 1000} s` : messageOf(cause)
    throw erroredError('AGENT_UNREACHABLE', `cannot reach ${connection.label}: ${why}`, { cause })
  }
}

async function readText(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response) {
    size += chunk.length
    if (size > maxAnswerBytes) throw erroredError('AGENT_ANSWER', 'the agent answers more than can be read')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function readAnswer(text: string): unknown {
  const parsed = answerSchema.safeParse(parseJson(text))
  if (!parsed.success) throw erroredError('AGENT_ANSWER', 'the agent answers in a way this version does not understand')
  if ('ok' in parsed.data) return parsed.data.ok
  throw errorFrom(parsed.data.error)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
