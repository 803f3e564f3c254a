/** A TCP way to a server that a test can close and open again, as a network does, without ending the server. */
import { connect, createServer, type Socket } from 'node:net'

export type Detour = AsyncDisposable & {
  /** `127.0.0.1:<port>`: reaches the server as long as the way is open. */
  readonly host: string
  /** Cuts what is under way, and every new connection at once. */
  close(): void
  open(): void
}

/** `destination` is `<host>:<port>`. */
export async function startDetour(destination: string): Promise<Detour> {
  const [host = '', port = ''] = destination.split(':')
  const sockets = new Set<Socket>()
  let isOpen = true
  const keep = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
  }
  const server = createServer((client) => {
    keep(client)
    if (!isOpen) return client.resetAndDestroy()
    const onward = connect({ host, port: Number(port) })
    keep(onward)
    client.pipe(onward).pipe(client)
    client.once('close', () => onward.destroy())
    onward.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('a TCP server has an address with a port')
  const cut = () => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    host: `127.0.0.1:${address.port}`,
    open() {
      isOpen = true
    },
    close() {
      isOpen = false
      cut()
    },
    async [Symbol.asyncDispose]() {
      cut()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
