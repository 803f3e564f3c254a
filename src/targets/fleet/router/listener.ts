/** The public socket of one service. */
import type { IncomingMessage, Server } from 'node:http'
import { type AddressInfo, Server as NetServer, type Socket } from 'node:net'
import { answerRaw, answers } from './answers.ts'
import {
  clientKeepAliveMs,
  clientStallMs,
  connectionsCheckMs,
  maxClientConnections,
  maxRequestHeaderBytes,
  requestHeadersTimeoutMs,
  tcpKeepAliveMs,
} from './limits.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import { proxyRequest } from './proxy-request.ts'
import { PublicResponse } from './public-response.ts'
import type { Service } from './service.ts'
import type { SocketHandle } from './socket-channel.ts'
import { mayUpgrade, tunnelUpgrade } from './tunnel.ts'

/** Not imported: an import of `node:http` makes Node load all of its fetch, 12 MB in a process that is there for ever. */
const { createServer } = process.getBuiltinModule('node:http')

export type Listener = {
  readonly host: string
  readonly port: number
  /**
   * Accepts no more connections from now on, ends idle ones, and the others with their answer. `free`: the address may
   * be used again. `ended`: no connection is left.
   */
  close(): { free: Promise<void>; ended: Promise<void> }
  /**
   * Another router accepts on the same socket: this one does not from now on. Connections end with their next answer;
   * idle ones are left to their time-out, since a request may be on its way on one. Resolves when none is left.
   */
  retire(): Promise<void>
  /** Ends every connection that is no tunnel. */
  cutAll(): void
}

type PublicServer = Server<typeof IncomingMessage, typeof PublicResponse>

/** The server that clients talk to, with its limits; nothing answers yet. */
export function createPublicServer({
  headersTimeoutMs = requestHeadersTimeoutMs,
  checkMs = connectionsCheckMs,
}: {
  headersTimeoutMs?: number
  checkMs?: number
} = {}): PublicServer {
  const server = createServer({
    ServerResponse: PublicResponse,
    maxHeaderSize: maxRequestHeaderBytes,
    headersTimeout: headersTimeoutMs,
    connectionsCheckingInterval: checkMs,
    // An upload may take as long as it needs, as long as it moves (`clientStallMs`).
    requestTimeout: 0,
    keepAliveTimeout: clientKeepAliveMs,
    keepAlive: true,
    keepAliveInitialDelay: tcpKeepAliveMs,
    noDelay: true,
    insecureHTTPParser: false,
    shouldUpgradeCallback: mayUpgrade,
  })
  server.maxConnections = maxClientConnections
  // Who is to blame is decided in proxy-request.ts; without a request under way Node closes the connection.
  server.timeout = clientStallMs
  return server
}

/** Listens, on a socket that was handed over where there is one. Rejects with the system's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`) where it cannot. */
export async function listen(
  service: Service,
  host: string,
  port: number,
  sockets: ListeningSockets,
): Promise<Listener> {
  const server = createPublicServer()

  let isClosing = false
  const closing = () => isClosing
  const plain = { expectsContinue: false, isClosing: closing }
  const hesitant = { expectsContinue: true, isClosing: closing }
  server.on('request', (req, res) => proxyRequest(service, req, res, plain))
  server.on('checkContinue', (req, res) => proxyRequest(service, req, res, hesitant))
  // Both events give a net.Socket; their types say Duplex for TLS's sake.
  server.on('upgrade', (req, socket, head) => tunnelUpgrade(service, req, socket as Socket, head))
  server.on('connect', (_req, socket) => answerRaw(socket as Socket, answers.methodNotAllowed))

  const handed = sockets.take(host, port)
  await bind(server, handed ?? { host, port })
  // A bound TCP server has an address of this form.
  const { port: bound } = server.address() as AddressInfo
  if (handed === null) await sockets.hold(host, bound, server)
  else sockets.keep(host, bound, handed)

  let retired: Promise<void> | null = null
  return {
    host,
    port: bound,
    close() {
      isClosing = true
      if (retired !== null) {
        server.closeIdleConnections()
        return { free: Promise.resolve(), ended: retired }
      }
      const ended = new Promise<void>((resolve) => server.close(() => resolve()))
      return { free: sockets.release(host, bound), ended }
    },
    retire() {
      isClosing = true
      // Not its own `close`, which would end idle connections at once.
      retired ??= new Promise((resolve) => NetServer.prototype.close.call(server, () => resolve()))
      return retired
    },
    cutAll: () => server.closeAllConnections(),
  }
}

const backlog = 1024

function bind(server: NetServer, where: SocketHandle | { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    const listening = () => {
      server.off('error', reject)
      // Out of file descriptors, for instance: it goes on with the connections it has.
      server.on('error', () => {})
      resolve()
    }
    if ('host' in where) server.listen({ ...where, backlog }, listening)
    else server.listen(where, backlog, listening)
  })
}
