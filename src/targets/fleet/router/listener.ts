/** The public socket of one service. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { answerRaw, answers } from './answers.ts'
import {
  clientKeepAliveMs,
  clientStallMs,
  maxClientConnections,
  maxRequestHeaderBytes,
  requestHeadersTimeoutMs,
  tcpKeepAliveMs,
} from './limits.ts'
import { proxyRequest } from './proxy-request.ts'
import type { Service } from './service.ts'
import { mayUpgrade, tunnelUpgrade } from './tunnel.ts'

export type Listener = {
  readonly host: string
  readonly port: number
  /** Accepts no more connections from now on, ends idle ones, and the others with their answer. Resolves when none is left. */
  close(): Promise<void>
  /** Ends every connection that is no tunnel. */
  cutAll(): void
}

/** Listens. Rejects with the system's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`) where it cannot. */
export async function listen(service: Service, host: string, port: number): Promise<Listener> {
  const server = createServer({
    maxHeaderSize: maxRequestHeaderBytes,
    headersTimeout: requestHeadersTimeoutMs,
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

  let isClosing = false
  const closing = () => isClosing
  const plain = { expectsContinue: false, isClosing: closing }
  const hesitant = { expectsContinue: true, isClosing: closing }
  server.on('request', (req, res) => proxyRequest(service, req, res, plain))
  server.on('checkContinue', (req: IncomingMessage, res: ServerResponse) => proxyRequest(service, req, res, hesitant))
  // Both events give a net.Socket; their types say Duplex for TLS's sake.
  server.on('upgrade', (req, socket, head) => tunnelUpgrade(service, req, socket as Socket, head))
  server.on('connect', (_req, socket) => answerRaw(socket as Socket, answers.methodNotAllowed))

  await bind(server, host, port)
  return {
    host,
    // A bound TCP server has an address of this form.
    port: (server.address() as AddressInfo).port,
    close() {
      isClosing = true
      return new Promise((resolve) => server.close(() => resolve()))
    },
    cutAll: () => server.closeAllConnections(),
  }
}

function bind(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', reject)
      // Out of file descriptors, for instance: it goes on with the connections it has.
      server.on('error', () => {})
      resolve()
    })
  })
}
