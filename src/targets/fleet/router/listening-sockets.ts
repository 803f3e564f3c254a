/**
 * The router's public sockets, of which the socket holder has a copy each: a router that takes over finds them open, and
 * one that was killed has closed none of them.
 */
import type { Server } from 'node:net'
import { addressKey, type Channel, type SocketHandle } from './socket-channel.ts'

/** A holder that does not answer is as good as none: serving matters more. */
const answerTimeoutMs = 5000

type Open = { host: string; port: number; socket: SocketHandle }

export class ListeningSockets {
  private channel: Channel | null = null
  private readonly handed = new Map<string, Open>()
  private readonly open = new Map<string, Open>()
  private readonly pending = new Map<number, () => void>()
  private lastId = 0

  /** From now on a holder is told. One that comes later, after the first has died, gets everything that is open. */
  connect(channel: Channel): void {
    this.channel = channel
    channel.onMessage((message, socket) => {
      if (message.kind === 'done') this.pending.get(message.id)?.()
      if (message.kind !== 'socket' || socket === undefined) return
      const { host, port } = message
      this.handed.set(addressKey(host, port), { host, port, socket })
    })
    channel.onClose(() => {
      if (this.channel === channel) this.channel = null
      for (const settle of [...this.pending.values()]) settle()
    })
    for (const { host, port, socket } of this.open.values()) void this.tell('hold', host, port, socket)
  }

  /** The socket for an address that an earlier router left open; once. */
  take(host: string, port: number): SocketHandle | null {
    const key = addressKey(host, port)
    const handed = this.handed.get(key)
    this.handed.delete(key)
    return handed?.socket ?? null
  }

  /** The server listens: when this resolves, its socket outlives this process. */
  async hold(host: string, port: number, server: Server): Promise<void> {
    const socket = socketOf(server)
    if (socket === null) return
    this.open.set(addressKey(host, port), { host, port, socket })
    await this.tell('hold', host, port, socket)
  }

  /** It listens on a socket that was handed over: the holder has it already. */
  keep(host: string, port: number, socket: SocketHandle): void {
    this.open.set(addressKey(host, port), { host, port, socket })
  }

  /** Nobody shall listen there any more. When this resolves, and the server is closed, the address is free. */
  async release(host: string, port: number): Promise<void> {
    this.open.delete(addressKey(host, port))
    await this.tell('release', host, port)
  }

  /** What was handed over and nobody wants. */
  releaseRest(): void {
    for (const { host, port, socket } of this.handed.values()) {
      socket.close()
      void this.tell('release', host, port)
    }
    this.handed.clear()
  }

  private tell(kind: 'hold' | 'release', host: string, port: number, socket?: SocketHandle): Promise<void> {
    const id = ++this.lastId
    return new Promise((resolve) => {
      const settle = () => {
        clearTimeout(timer)
        this.pending.delete(id)
        resolve()
      }
      const timer = setTimeout(settle, answerTimeoutMs)
      this.pending.set(id, settle)
      if (!this.channel?.send({ kind, id, host, port }, socket)) settle()
    })
  }
}

/** The handle under a server that listens: Node has no public name for it, though `listen` and `send` take it. */
function socketOf(server: Server): SocketHandle | null {
  return '_handle' in server ? (server._handle as SocketHandle | null) : null
}
