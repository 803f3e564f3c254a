/** A service with its public socket: opened, kept, moved and closed without losing what is under way. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Listener, listen } from './listener.ts'
import type { ListeningSockets } from './listening-sockets.ts'
import type { ServiceSpec, ServiceStatus } from './protocol.ts'
import { Service, type ServiceLog } from './service.ts'

const rebindIntervalMs = 500

export class PublishedService {
  readonly key: string
  readonly service: Service
  spec: ServiceSpec
  private listener: Listener | null = null
  private listen: ServiceStatus['listen']
  /** Attempts to listen, one after the other. */
  private binding: Promise<void> = Promise.resolve()
  private isDeleted = false
  private readonly sockets: ListeningSockets
  private readonly stopped = new AbortController()

  constructor(key: string, spec: ServiceSpec, port: number, parts: { sockets: ListeningSockets; log: ServiceLog }) {
    const { sockets, log } = parts
    this.key = key
    this.spec = spec
    this.sockets = sockets
    this.service = new Service(key, spec, log)
    this.listen = { host: spec.listen.host, port, error: 'not yet' }
  }

  get port(): number {
    return this.listen.port
  }

  isListeningAt(host: string, port: number): boolean {
    return this.listener !== null && this.listener.host === host && this.listener.port === port
  }

  /** Opens the socket, or moves it: the old one goes on until the new one is there. Rejects with the system's error. */
  listenAt(host: string, port: number): Promise<void> {
    const bound = this.binding.then(() => this.bind(host, port))
    this.binding = bound.catch(() => {})
    return bound
  }

  private async bind(host: string, port: number): Promise<void> {
    if (this.isListeningAt(host, port)) return
    const before = this.listener
    this.listener = await listen(this.service, host, port, this.sockets)
    this.listen = { host, port, error: null }
    this.service.touch()
    if (before) await drain(before, this.spec.drainTimeoutMs).free
  }

  /** After a restart: tries until the port is free. */
  async listenWhenFree(log: ServiceLog): Promise<void> {
    while (!(await this.tryToListen(log))) {
      await sleep(rebindIntervalMs, undefined, { signal: this.stopped.signal }).catch(() => {})
    }
  }

  /** Whether there is nothing more to try. */
  private async tryToListen(log: ServiceLog): Promise<boolean> {
    const { host, port } = this.listen
    try {
      if (!this.stopped.signal.aborted) await this.listenAt(host, port)
      return true
    } catch (cause) {
      // It may have been told to listen elsewhere meanwhile, and does.
      if (this.listener !== null) return true
      const error = cause instanceof Error ? cause.message : String(cause)
      if (this.listen.error === error) return false
      log({ service: this.key, error }, 'cannot listen yet')
      this.listen = { host, port, error }
      this.service.touch()
      return false
    }
  }

  apply(spec: ServiceSpec): void {
    this.spec = spec
    this.service.apply(spec)
  }

  /**
   * Accepts nothing more, ends what is under way, or cuts it when draining has taken too long. `free`: its address may
   * be given to another.
   */
  close(): { free: Promise<void>; ended: Promise<void> } {
    this.isDeleted = true
    this.stopped.abort()
    this.service.touch()
    const { listener, service, spec } = this
    const draining = listener && drain(listener, spec.drainTimeoutMs, () => service.cutAll())
    const ended = (draining?.ended ?? Promise.resolve()).then(() => service.dispose())
    return { free: draining?.free ?? Promise.resolve(), ended }
  }

  /** Another router serves it; resolves when nothing of it is under way here. */
  async retire(): Promise<void> {
    this.stopped.abort()
    await this.listener?.retire()
  }

  status(): ServiceStatus {
    const { key, service, listen, isDeleted: deleted } = this
    const { revision, waiting, totals } = service
    return { key, revision, listen, deleted, waiting, totals: { ...totals }, backends: service.backendStatuses() }
  }
}

function drain(listener: Listener, timeoutMs: number, cut = () => {}): { free: Promise<void>; ended: Promise<void> } {
  const timer = setTimeout(() => {
    cut()
    listener.cutAll()
  }, timeoutMs)
  const { free, ended } = listener.close()
  return { free, ended: ended.then(() => clearTimeout(timer)) }
}
