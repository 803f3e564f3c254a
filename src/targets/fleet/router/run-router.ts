/** The life of a router process: alone, or under a socket holder from which it takes over and to which it hands over. */
import { spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { currentProcess, tryLockFile } from '../../../process/index.ts'
import { programCommand, programVersion } from '../../../program/index.ts'
import { type ControlApi, serveControlApi } from './control-api.ts'
import { calmHelperThreads } from './helper-threads.ts'
import { maxRetirementMs } from './limits.ts'
import { ListeningSockets } from './listening-sockets.ts'
import { openPredecessors, retiredSocketPath } from './predecessors.ts'
import { type RouterHealth, routerProtocol, routerSocketPath } from './protocol.ts'
import { type ControlledRouter, openRouter, type Router } from './router.ts'
import { openLog } from './router-log.ts'
import { type Channel, type ChannelMessage, channelOf } from './socket-channel.ts'

export type RouterOptions = {
  /** A socket holder started it and is at the other end of its channel. */
  isHeld: boolean
  version?: string
}

/** Faults a minute that are survived: one connection's trouble must not end all others'. */
const maxFaultsPerMinute = 20
/** Between attempts to start a socket holder in the place of one that died. */
const holderRetryMs = 1000
/** How long one that was told to end waits for another to take over. */
const successorTimeoutMs = 30_000

/** Runs the router of a folder until SIGTERM, or until another has taken over and its own requests have ended. Answers the exit code: 3 where one runs for it already, 1 where it cannot start. */
export async function runRouter(directory: string, options: RouterOptions): Promise<number> {
  process.umask(0o077)
  mkdirSync(directory, { recursive: true })
  const log = openLog()
  // A holder has the lock for all routers it starts.
  const lock = options.isHeld ? null : await tryLockFile(`${directory}/router.lock`)
  if (lock === null && !options.isHeld) {
    log.error({ directory }, 'a router runs for this folder already')
    return 3
  }
  try {
    calmHelperThreads()
    const life = new RouterLife(directory, options.version ?? programVersion, log)
    await (options.isHeld ? life.runHeld(channelOf(process)) : life.runAlone())
    return 0
  } catch (err) {
    log.fatal({ err }, 'cannot start')
    return 1
  } finally {
    lock?.release()
  }
}

/** A router that serves under a holder: to whom it talks, and how it is brought to its end. */
type HeldLife = { router: Router; control: ControlApi; channel: Channel; retire(): void; end(): void }

class RouterLife {
  private readonly directory: string
  private readonly log: Logger
  private readonly health: RouterHealth
  private readonly sockets = new ListeningSockets()
  private readonly terminated = untilTerminated()

  constructor(directory: string, version: string, log: Logger) {
    const { pid, startedAt } = currentProcess()
    this.directory = directory
    this.log = log
    this.health = { protocol: routerProtocol, version, pid, startedAt }
  }

  async runAlone(): Promise<void> {
    const { router, control } = await this.open()
    await this.terminated
    await this.end(router, control)
  }

  /** Takes over from the router before, serves, and ends when it is told to, or when the next one has taken over. */
  async runHeld(channel: Channel): Promise<void> {
    const told = new Promise<void>((resolve) => {
      channel.onMessage(({ kind }) => kind === 'take-over' && resolve())
    })
    this.sockets.connect(channel)
    channel.send({ kind: 'loaded' })
    await Promise.race([told, this.terminated])
    const { router, control } = await this.open()
    this.sockets.releaseRest()

    const life: HeldLife = { router, control, channel, retire: () => {}, end: () => {} }
    const retired = new Promise<'retired'>((resolve) => {
      life.retire = () => resolve('retired')
    })
    const ended = new Promise<'ended'>((resolve) => {
      life.end = () => resolve('ended')
    })
    this.obey(life)
    channel.send(this.ready())
    void this.terminated.then(async () => {
      // Told by someone else than its holder: another takes its place first, if it can.
      if (life.channel.send({ kind: 'ending' })) await sleep(successorTimeoutMs, undefined, { ref: false })
      life.end()
    })
    if ((await Promise.race([retired, ended])) === 'retired') await this.retire(router)
    else await this.end(router, life.control)
  }

  private ready(): ChannelMessage {
    const { pid, startedAt } = this.health
    return { kind: 'ready', pid, startedAt, command: [process.execPath, ...process.execArgv, ...process.argv.slice(1)] }
  }

  /** Does what a holder says; where the holder dies, starts another and obeys that one. */
  private obey(life: HeldLife): void {
    const { router, channel } = life
    let isRetired = false
    let retiredControl: ControlApi | null = null
    const orders: Partial<Record<ChannelMessage['kind'], () => unknown>> = {
      freeze: async () => {
        await router.freeze()
        retiredControl = await this.serveControl(router.follower, retiredSocketPath(this.directory, this.health))
        life.control.close()
        channel.send({ kind: 'frozen' })
      },
      thaw: async () => {
        router.thaw()
        life.control = await this.serveControl(router, routerSocketPath(this.directory))
        retiredControl?.close()
      },
      retire: () => {
        isRetired = true
        channel.close()
        life.retire()
      },
      end: () => {
        isRetired = true
        life.end()
      },
    }
    channel.onMessage(({ kind }) => void orders[kind]?.())
    channel.onClose(() => {
      if (isRetired) return
      this.log.warn('the socket holder is gone: starting another')
      void this.startHolder().then((next) => {
        if (next === null) return
        life.channel = next
        this.obey(life)
        this.sockets.connect(next)
        next.send(this.ready())
      })
    })
  }

  /** null: this router ends. */
  private async startHolder(): Promise<Channel | null> {
    let isEnding = false
    void this.terminated.then(() => {
      isEnding = true
    })
    for (; !isEnding; await sleep(holderRetryMs)) {
      const [program, ...parameters] = programCommand('holder', this.directory)
      const child = spawn(program, parameters, { stdio: ['ignore', 2, 2, 'ipc'], detached: true })
      const isRunning = await new Promise<boolean>((resolve) => {
        child.once('spawn', () => resolve(true))
        child.once('error', () => resolve(false))
      })
      if (isRunning) return channelOf(child)
    }
    return null
  }

  private async open(): Promise<{ router: Router; control: ControlApi }> {
    const log = (fields: object, message: string) => this.log.info(fields, message)
    const predecessors = await openPredecessors(this.directory, log)
    const router = await openRouter(this.directory, { sockets: this.sockets, predecessors, log })
    const control = await this.serveControl(router, routerSocketPath(this.directory))
    surviveFaults(this.log)
    const { pid, version } = this.health
    this.log.info({ pid, version, services: router.statuses().length }, 'ready')
    return { router, control }
  }

  private serveControl(router: ControlledRouter, path: string): Promise<ControlApi> {
    return serveControlApi(router, this.health, path, (cause) => this.log.error({ err: cause }, 'a call failed'))
  }

  private async end(router: Router, control: ControlApi): Promise<void> {
    this.log.info('ending: no more connections, what is under way goes on')
    control.close()
    await router.close()
    this.log.info('ended')
  }

  /** The next one has all new connections; what is under way here goes on, up to a bound. */
  private async retire(router: Router): Promise<void> {
    const { pid } = this.health
    this.log.info({ pid }, 'another router has taken over; what is under way here goes on')
    const isDone = await Promise.race([
      router.retire().then(() => true),
      // Told again: what was told before has led here.
      untilTerminated().then(() => false),
      sleep(maxRetirementMs, false, { ref: false }),
    ])
    if (!isDone) await router.close()
    this.log.info({ pid, isDone }, 'ended')
  }
}

function surviveFaults(log: Logger): void {
  let faults = 0
  setInterval(() => {
    faults = 0
  }, 60_000).unref()
  process.on('uncaughtException', (err) => {
    faults += 1
    log.error({ err }, 'fault')
    if (faults > maxFaultsPerMinute) process.exit(1)
  })
}

function untilTerminated(): Promise<void> {
  // The terminal of whoever started it is none of its business.
  process.on('SIGHUP', () => {})
  process.on('SIGINT', () => {})
  return new Promise((resolve) => process.once('SIGTERM', () => resolve()))
}
