/**
 * Keeps the public sockets open while routers come and go: it accepts nothing itself, so that a connection made while no
 * router runs waits in the system's queue instead of being refused. It starts the router, starts it again when it dies,
 * and hands over from one to the next.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { isSameProcessAlive } from '../../../process/index.ts'
import { addressKey, type Channel, type ChannelMessage, channelOf, type SocketHandle } from './socket-channel.ts'

export type RouterCommand = readonly [string, ...string[]]

/** From the start of a program to its first word, and for everything it then has to do. */
const loadTimeoutMs = 20_000
const takeOverTimeoutMs = 30_000
const freezeTimeoutMs = 10_000
/** A router that dies again and again is not started faster than this. */
const firstRestartMs = 50
const maxRestartMs = 5000
/** One that served this long died of something new. */
const stableAfterMs = 30_000
const stopTimeoutMs = 4000

type HolderLog = (fields: object, message: string) => void

/** A router as the holder knows it: where to talk to it, and which process it is. */
type Peer = {
  channel: Channel
  child: ChildProcess | null
  identity: { pid: number; startedAt: string | null } | null
  readyAtMs: number
  isGone: boolean
  /** Resolves with the next message of that kind; rejects when it is gone or late. */
  next(kind: ChannelMessage['kind'], timeoutMs: number): Promise<ChannelMessage>
}

export class SocketHolder {
  private readonly log: HolderLog
  private readonly sockets = new Map<string, { host: string; port: number; socket: SocketHandle }>()
  private readonly peers = new Set<Peer>()
  private current: Peer | null = null
  private command: RouterCommand
  private turn: Promise<unknown> = Promise.resolve()
  private restarts = 0
  private isStopping = false

  constructor(command: RouterCommand, log: HolderLog) {
    this.command = command
    this.log = log
  }

  get routerCommand(): RouterCommand {
    return this.command
  }

  get routerPid(): number | null {
    return this.current?.identity?.pid ?? null
  }

  /** Takes a router over whose holder has died: it sends its sockets, and that it is ready. */
  async adopt(channel: Channel): Promise<void> {
    const peer = this.meet(channel, null)
    await peer.next('ready', takeOverTimeoutMs)
    this.current = peer
  }

  /** Lets another router take over; rejects where it does not come up, and then the one before goes on. */
  replace(command: RouterCommand): Promise<void> {
    const replaced = this.turn.then(() => this.handOver(command))
    this.turn = replaced.catch(() => {})
    return replaced
  }

  /** Starts the first router, or one in the place of one that died: again and again until it serves. */
  async revive(): Promise<void> {
    while (!this.isStopping && this.isWanting) {
      const delayMs = this.restarts === 0 ? 0 : Math.min(maxRestartMs, firstRestartMs * 2 ** (this.restarts - 1))
      this.restarts = Math.min(this.restarts + 1, 20)
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      const revived = this.turn.then(() => (this.isWanting ? this.handOver(this.command) : undefined))
      this.turn = revived.catch(() => {})
      await revived.catch((err) => this.log({ err }, 'the router does not come up'))
    }
  }

  private get isWanting(): boolean {
    return this.current === null || this.current.isGone
  }

  /** Ends every router, draining for a moment, and gives the sockets back. */
  async stop(): Promise<void> {
    this.isStopping = true
    for (const peer of this.peers) if (!peer.channel.send({ kind: 'end' })) signal(peer, 'SIGTERM')
    await this.untilNoneIsLeft()
    for (const peer of this.peers) signal(peer, 'SIGKILL')
    await this.untilNoneIsLeft()
    for (const { socket } of this.sockets.values()) socket.close()
    this.sockets.clear()
  }

  /** Retired routers have closed their channel, yet they are there until they end. */
  private async untilNoneIsLeft(): Promise<void> {
    const deadlineMs = performance.now() + stopTimeoutMs
    while ([...this.peers].some(isRunning) && performance.now() < deadlineMs) {
      await new Promise((wake) => setTimeout(wake, 20))
    }
  }

  private async handOver(command: RouterCommand): Promise<void> {
    if (this.isStopping) throw new Error('the router is ending')
    const before = this.current?.isGone === false ? this.current : null
    const child = startProgram(command)
    const next = this.meet(channelOf(child), child)
    let isFrozen = false
    try {
      await next.next('loaded', loadTimeoutMs)
      isFrozen = before?.channel.send({ kind: 'freeze' }) ?? false
      // One that dies of being asked leaves its state on disk all the same.
      if (isFrozen) await before?.next('frozen', freezeTimeoutMs).catch(() => {})
      for (const { host, port, socket } of this.sockets.values())
        next.channel.send({ kind: 'socket', host, port }, socket)
      const ready = next.next('ready', takeOverTimeoutMs)
      next.channel.send({ kind: 'take-over' })
      await ready
    } catch (cause) {
      child.kill('SIGKILL')
      if (isFrozen) before?.channel.send({ kind: 'thaw' })
      throw cause
    }
    this.current = next
    this.command = command
    before?.channel.send({ kind: 'retire' })
    this.log({ pid: child.pid, before: before?.identity?.pid ?? null }, 'a router has taken over')
  }

  private meet(channel: Channel, child: ChildProcess | null): Peer {
    const waiting = new Set<{ kind: string; resolve(message: ChannelMessage): void; reject(cause: Error): void }>()
    const peer: Peer = {
      channel,
      child,
      identity: child?.pid === undefined ? null : { pid: child.pid, startedAt: null },
      readyAtMs: Number.POSITIVE_INFINITY,
      isGone: false,
      next: (kind, timeoutMs) =>
        new Promise((resolve, reject) => {
          if (peer.isGone) return reject(new Error('the router has ended'))
          const settle = () => {
            clearTimeout(timer)
            waiting.delete(entry)
          }
          const entry = {
            kind,
            resolve: (message: ChannelMessage) => {
              settle()
              resolve(message)
            },
            reject: (cause: Error) => {
              settle()
              reject(cause)
            },
          }
          const timer = setTimeout(() => entry.reject(new Error(`no \`${kind}\` from the router in time`)), timeoutMs)
          waiting.add(entry)
        }),
    }
    this.peers.add(peer)
    channel.onMessage((message, socket) => {
      this.hear(peer, message, socket)
      for (const entry of [...waiting]) if (entry.kind === message.kind) entry.resolve(message)
    })
    const gone = () => {
      for (const each of this.peers) if (!isRunning(each)) this.peers.delete(each)
      if (peer.isGone) return
      peer.isGone = true
      for (const entry of [...waiting]) entry.reject(new Error('the router has ended'))
      if (peer === this.current) this.afterLoss(peer)
    }
    channel.onClose(gone)
    child?.once('error', gone)
    child?.once('exit', gone)
    return peer
  }

  private hear(peer: Peer, message: ChannelMessage, socket: SocketHandle | undefined): void {
    switch (message.kind) {
      case 'hold':
        this.keep(message.host, message.port, socket)
        peer.channel.send({ kind: 'done', id: message.id })
        break
      case 'release':
        this.keep(message.host, message.port, undefined)
        peer.channel.send({ kind: 'done', id: message.id })
        break
      case 'ready':
        peer.identity = { pid: message.pid, startedAt: message.startedAt }
        peer.readyAtMs = performance.now()
        if (peer.child === null) this.command = message.command
        break
      case 'ending':
        if (peer === this.current && !this.isStopping) void this.replace(this.command).catch(() => {})
        break
    }
  }

  private keep(host: string, port: number, socket: SocketHandle | undefined): void {
    const key = addressKey(host, port)
    this.sockets.get(key)?.socket.close()
    if (socket === undefined) this.sockets.delete(key)
    else this.sockets.set(key, { host, port, socket })
  }

  private afterLoss({ identity, readyAtMs }: Peer): void {
    if (this.isStopping) return
    if (performance.now() - readyAtMs > stableAfterMs) this.restarts = 0
    this.log({ pid: identity?.pid ?? null }, 'the router has died; connections wait for the next')
    void this.revive()
  }
}

const isRunning = ({ child, identity }: Peer): boolean => {
  if (child) return child.pid !== undefined && child.exitCode === null && child.signalCode === null
  return identity !== null && isSameProcessAlive(identity.pid, identity.startedAt)
}

function signal(peer: Peer, name: NodeJS.Signals): void {
  if (!isRunning(peer)) return
  if (peer.child) peer.child.kill(name)
  else if (peer.identity) process.kill(peer.identity.pid, name)
}

/** In a session of its own: a router outlives its holder. */
function startProgram([program, ...parameters]: RouterCommand): ChildProcess {
  const child = spawn(program, parameters, { stdio: ['ignore', 2, 2, 'ipc'], detached: true })
  child.once('error', () => {})
  return child
}
