/** HTTP servers that behave as webhook receivers do on good and bad days. */
import { createServer, type IncomingHttpHeaders, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'

export type Received = { headers: IncomingHttpHeaders; body: string }

export type Receiver = { url: string; received: Received[]; close(): Promise<void> }

/** Answers each request as told, the last way for all further ones. */
export async function receiver(...answers: Array<(response: ServerResponse) => void>): Promise<Receiver> {
  const received: Received[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) body += chunk
    const answer = answers[Math.min(received.length, answers.length - 1)] ?? status(200)
    received.push({ headers: request.headers, body })
    answer(response)
  })
  return { ...(await listen(server)), received }
}

/** Takes connections and says nothing at all. */
export async function blackHole(): Promise<Receiver> {
  const sockets = new Set<Socket>()
  const server = createTcpServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: urlOf(server.address()), received: [], close }
}

/** An address where nobody listens. */
export async function nobody(): Promise<string> {
  const { url, close } = await blackHole()
  await close()
  return url
}

export const status =
  (code: number, headers: Record<string, string> = {}, body = '') =>
  (response: ServerResponse): void => {
    response.writeHead(code, headers).end(body)
  }

/** Begins an answer and never ends it, a byte at a time. */
export const drip =
  (code: number) =>
  (response: ServerResponse): void => {
    response.writeHead(code)
    const timer = setInterval(() => response.write('x'), 20)
    response.on('close', () => clearInterval(timer))
    response.on('error', () => {})
  }

async function listen(server: Server): Promise<{ url: string; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const close = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { url: urlOf(server.address()), close }
}

// A server that listens on TCP has an `AddressInfo`.
const urlOf = (address: unknown): string => `http://127.0.0.1:${(address as AddressInfo).port}/services/T0SECRET/hook`
