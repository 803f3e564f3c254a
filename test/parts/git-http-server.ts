/**
 * A real smart-HTTP git server for tests: node:http in front of `git http-backend`, pushes allowed, on 127.0.0.1.
 * It can ask for a password and can be told to fail.
 */
import { spawn } from 'node:child_process'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type GitHttpServerOptions = {
  /** Folder whose bare repositories are served: `<root>/remote.git` stands at `<url>/remote.git`. */
  root: string
  /** Basic authentication, asked of every request. */
  credentials?: { user: string; password: string }
  /** Environment of `git http-backend`; default just PATH, without the machine's git configuration. */
  environment?: Record<string, string>
}

export type GitHttpServer = AsyncDisposable & {
  /** `http://127.0.0.1:<port>`, without credentials. */
  readonly url: string
  /** The same with the user and the password in it. */
  readonly urlWithCredentials: string
  /** Method and path of every request so far, without query. */
  readonly requests: ReadonlyArray<{ method: string; path: string; status: number }>
  /** Answers the next requests with this status, then serves again. */
  failNext(count: number, status?: number): void
  /** Whether requests are taken and never answered, until told otherwise. */
  hang(hanging: boolean): void
  close(): Promise<void>
}

export async function startGitHttpServer(options: GitHttpServerOptions): Promise<GitHttpServer> {
  const requests: Array<{ method: string; path: string; status: number }> = []
  const failures = { left: 0, status: 500 }
  let hanging = false

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const note = (status: number) => requests.push({ method: request.method ?? 'GET', path: pathname, status })
    const refuse = (status: number, headers: Record<string, string> = {}) => {
      note(status)
      request.resume()
      response.writeHead(status, headers).end()
    }
    if (hanging) return
    if (failures.left > 0) {
      failures.left--
      return refuse(failures.status)
    }
    if (!isAuthorized(request, options.credentials)) return refuse(401, { 'www-authenticate': 'Basic realm="git"' })
    runBackend(request, response, options, note)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo // listening on TCP
  const url = `http://127.0.0.1:${port}`
  const login = options.credentials
    ? `${encodeURIComponent(options.credentials.user)}:${encodeURIComponent(options.credentials.password)}@`
    : ''
  const close = () => closeServer(server)

  return {
    url,
    urlWithCredentials: `http://${login}127.0.0.1:${port}`,
    requests,
    failNext(count, status = 500) {
      failures.left = count
      failures.status = status
    },
    hang(value) {
      hanging = value
      if (!value) server.closeAllConnections()
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

function isAuthorized(request: IncomingMessage, credentials: GitHttpServerOptions['credentials']): boolean {
  if (!credentials) return true
  const expected = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64')
  const [scheme, given] = request.headers.authorization?.split(' ') ?? []
  return scheme?.toLowerCase() === 'basic' && given === expected
}

/** One request through CGI (RFC 3875): the request's facts as variables, headers and a body back. */
function runBackend(
  request: IncomingMessage,
  response: ServerResponse,
  options: GitHttpServerOptions,
  note: (status: number) => void,
): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const backend = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env['PATH'],
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      ...options.environment,
      GIT_PROJECT_ROOT: options.root,
      GIT_HTTP_EXPORT_ALL: '1',
      REQUEST_METHOD: request.method,
      PATH_INFO: decodeURIComponent(url.pathname),
      QUERY_STRING: url.search.slice(1),
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      // Absent for a chunked body, which http-backend then reads to its end.
      ...(request.headers['content-length'] ? { CONTENT_LENGTH: request.headers['content-length'] } : {}),
      ...(request.headers['content-encoding'] ? { HTTP_CONTENT_ENCODING: request.headers['content-encoding'] } : {}),
      ...gitProtocolOf(request),
      REMOTE_ADDR: '127.0.0.1',
      REMOTE_USER: options.credentials?.user ?? 'test',
    },
  })
  request.pipe(backend.stdin)
  backend.stdin.on('error', () => {})
  response.on('close', () => backend.kill())

  let head: Buffer | null = Buffer.alloc(0)
  backend.stdout.on('data', (chunk: Buffer) => {
    if (head === null) {
      response.write(chunk)
      return
    }
    head = Buffer.concat([head, chunk])
    const end = head.indexOf('\r\n\r\n')
    if (end === -1) return
    const { status, headers } = parseCgiHead(head.subarray(0, end).toString('latin1'))
    note(status)
    response.writeHead(status, headers)
    response.write(head.subarray(end + 4))
    head = null
  })
  backend.stdout.on('end', () => {
    if (head !== null) {
      note(500)
      response.writeHead(500)
    }
    response.end()
  })
}

function gitProtocolOf(request: IncomingMessage): Record<string, string> {
  const protocol = request.headers['git-protocol']
  return typeof protocol === 'string' ? { GIT_PROTOCOL: protocol } : {}
}

function parseCgiHead(head: string): { status: number; headers: Record<string, string> } {
  const headers: Record<string, string> = {}
  let status = 200
  for (const line of head.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    const value = line.slice(colon + 1).trim()
    if (name === 'status') status = Number.parseInt(value, 10)
    else headers[name] = value
  }
  return { status, headers }
}

async function closeServer(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  server.closeAllConnections()
  await closed
}
