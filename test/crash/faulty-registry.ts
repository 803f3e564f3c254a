/** A real registry behind a way that misbehaves as it is told: what hosts, proxies and disks do to requests. */
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'

export type Fault =
  | { kind: 'status'; status: number; headers?: Record<string, string> }
  /** The answer's body ends in the middle, its connection with it. */
  | { kind: 'truncated' }
  /** As long as it should be, and other bytes. */
  | { kind: 'other-bytes' }
  /** Never answered. */
  | { kind: 'silent' }

export type FaultyRegistry = AsyncDisposable & {
  /** `127.0.0.1:<port>` */
  readonly host: string
  /** The next `count` requests that match get this; then all is well. */
  fault(fault: Fault, count: number, isMeant?: (method: string, path: string) => boolean): void
  /** Method, path and time (monotonic) of every request. */
  readonly requests: ReadonlyArray<{ method: string; path: string; atMs: number }>
  /** How many faults were dealt out. */
  readonly dealt: number
}

type Waiting = { fault: Fault; left: number; isMeant: (method: string, path: string) => boolean }

export async function startFaultyRegistry(realHost: string): Promise<FaultyRegistry> {
  const requests: Array<{ method: string; path: string; atMs: number }> = []
  let waiting: Waiting | null = null
  let dealt = 0

  const next = (method: string, path: string): Fault | null => {
    if (waiting === null || waiting.left === 0 || !waiting.isMeant(method, path)) return null
    waiting.left -= 1
    dealt += 1
    return waiting.fault
  }
  const server = createServer((incoming, answer) => {
    const { method = 'GET', url: path = '/' } = incoming
    requests.push({ method, path, atMs: performance.now() })
    const fault = next(method, path)
    if (fault?.kind === 'silent') return
    if (fault?.kind === 'status') {
      incoming.resume()
      answer.writeHead(fault.status, fault.headers).end()
    } else forward(incoming, answer, realHost, fault)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port')
  return {
    host: `127.0.0.1:${address.port}`,
    requests,
    get dealt() {
      return dealt
    },
    fault(fault, count, isMeant = () => true) {
      dealt = 0
      waiting = { fault, left: count, isMeant }
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function forward(incoming: IncomingMessage, answer: ServerResponse, realHost: string, fault: Fault | null): void {
  const [host, port] = realHost.split(':')
  const onward = request({ host, port, method: incoming.method, path: incoming.url, headers: incoming.headers })
  onward.on('error', () => answer.destroy())
  onward.on('response', (response) => {
    if (fault === null) {
      answer.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(answer)
      return
    }
    const chunks: Buffer[] = []
    response.on('data', (chunk: Buffer) => chunks.push(chunk))
    response.on('end', () => {
      const body = Buffer.concat(chunks)
      answer.writeHead(response.statusCode ?? 502, response.headers)
      if (fault.kind === 'other-bytes') answer.end(Buffer.alloc(body.length, 'x'))
      else answer.write(body.subarray(0, Math.floor(body.length / 2)), () => answer.destroy())
    })
  })
  incoming.pipe(onward)
}
