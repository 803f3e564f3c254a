/** The agent's control socket: HTTP and JSON, for this user only. */
import { chmodSync, rmSync } from 'node:fs'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { TrunklineError, usageError } from '../../../model/index.ts'
import type { ArtifactCache } from './artifact-cache.ts'
import { describeError } from './error-message.ts'
import type { OperationHandlers } from './operations.ts'
import { digestSchema, type OperationName, operations } from './protocol.ts'
import { cutWhenStalled } from './stalled-request.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const { createServer } = process.getBuiltinModule('node:http')

const headersTimeoutMs = 30_000
const maxBodyBytes = 16 * 1024 * 1024

export type AgentServer = {
  listen(socket: string): Promise<void>
  /** Takes no new requests and gives those under way a moment. */
  close(): Promise<void>
}

export function createAgentServer(
  handlers: OperationHandlers,
  artifacts: ArtifactCache,
  log: (message: string) => void,
): AgentServer {
  const server = createServer((request, response) => {
    cutWhenStalled(request)
    const ended = new AbortController()
    response.once('close', () => ended.abort(new Error('the caller is gone')))
    answer(request, ended.signal).then(
      (ok) => send(response, 200, { ok }),
      (error: unknown) => {
        if (ended.signal.aborted) return
        if (!(error instanceof TrunklineError)) log(`${request.url}: ${error instanceof Error ? error.stack : error}`)
        send(response, error instanceof TrunklineError ? 409 : 500, { error: describeError(error, 'AGENT_FAULT') })
      },
    )
  })
  // An artifact may take as long as it needs, as long as it comes (`cutWhenStalled`).
  server.requestTimeout = 0
  server.headersTimeout = headersTimeoutMs

  const answer = async (request: IncomingMessage, signal: AbortSignal): Promise<unknown> => {
    const [, path = '', argument = ''] = (request.url ?? '').split('/')
    if (request.method === 'PUT' && path === 'blobs') {
      const digest = digestSchema.safeParse(argument)
      if (!digest.success) throw usageError('BAD_REQUEST', 'blobs are named by their digest')
      await artifacts.receive(digest.data, request, signal)
      return {}
    }
    if (request.method !== 'POST' || !isOperation(path)) {
      throw usageError('UNKNOWN_OPERATION', `the agent does not know ${request.method} /${path}`)
    }
    return carryOut(handlers, path, await readBody(request), signal)
  }

  return {
    listen: (socket) => listenOn(server, socket),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeIdleConnections()
        setTimeout(() => server.closeAllConnections(), 500).unref()
      }),
  }
}

const isOperation = (name: string): name is OperationName => Object.hasOwn(operations, name)

async function carryOut<Name extends OperationName>(
  handlers: OperationHandlers,
  name: Name,
  body: unknown,
  signal: AbortSignal,
): Promise<unknown> {
  const parsed = operations[name].safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw usageError('BAD_REQUEST', `${name}: ${issue?.path.join('.') ?? ''} ${issue?.message ?? ''}`)
  }
  // The schema of this very name has just parsed it; the compiler does not follow an index through a generic.
  const handler = handlers[name] as (input: unknown, signal: AbortSignal) => Promise<unknown>
  return handler(parsed.data, signal)
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request) {
    size += chunk.length
    if (size > maxBodyBytes) throw usageError('BAD_REQUEST', 'the request is too large')
    chunks.push(chunk)
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'))
  } catch {
    throw usageError('BAD_REQUEST', 'the request is not JSON')
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  if (response.destroyed) return
  response.writeHead(status, { 'content-type': 'application/json', connection: 'close' })
  response.end(JSON.stringify(body))
}

/** The lock is held, so a socket that is there is one that a dead agent left. */
function listenOn(server: Server, socket: string): Promise<void> {
  rmSync(socket, { force: true })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, () => {
      chmodSync(socket, 0o600)
      resolve()
    })
  })
}
