/**
 * Starts the router with its socket holder, watches them and brings them up to date. They are detached: they outlive the
 * agent. A router that dies is started again by its holder; an older one hands over to one of our version.
 */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcessAlive } from '../../../process/index.ts'
import { programCommand, programEnvironment, programVersion } from '../../../program/index.ts'
import {
  askHolder,
  type HolderAnswer,
  type RouterClient,
  type RouterHealth,
  retiredRouters,
  routerProtocol,
} from '../router/index.ts'
import { isOlder } from '../version.ts'
import type { Host } from './host.ts'

export type RouterProcess = {
  /** Starts it where it is not running, and replaces an older one; returns when it answers, or after a bounded while. */
  ensureRunning(): Promise<void>
  /** Ends it, with its services. */
  stop(): Promise<void>
}

export type RouterProcessOptions = {
  /** Program and arguments that run the router for a folder. */
  command?: readonly [string, ...string[]] | undefined
  /** Of that router: an older one is replaced. */
  version?: string | undefined
}

const startTimeoutMs = 20_000
/** A holder that has found its router dead needs this long to start another; after that it is taken for stuck. */
const reviveTimeoutMs = 10_000
const pollMs = 50
const stopTimeoutMs = 5000

export const defaultRouterCommand = (directory: string): [string, ...string[]] =>
  programCommand('router', directory, '--held')

export function createRouterProcess(
  host: Host,
  client: RouterClient,
  options: RouterProcessOptions = {},
): RouterProcess {
  const { clock, paths } = host
  const command = options.command ?? defaultRouterCommand(paths.router)
  const version = options.version ?? programVersion
  let starting: Promise<void> | null = null
  let isWanted = true
  /** Once for each agent: a command that does not give the version it should is not run again and again. */
  let isUpToDate = false

  const health = (): Promise<RouterHealth | null> => client.health().catch(() => null)
  const holder = (): Promise<HolderAnswer | null> => askHolder(paths.router, { ask: 'describe' }).catch(() => null)

  const waitFor = async (timeoutMs: number, isReached: () => Promise<boolean>): Promise<boolean> => {
    const deadlineMs = clock.monotonicMs() + timeoutMs
    while (!(await isReached())) {
      if (clock.monotonicMs() > deadlineMs) return false
      await clock.sleep(pollMs, AbortSignal.timeout(timeoutMs + 1000))
    }
    return true
  }
  const answers = async () => (await health()) !== null

  const start = async (): Promise<void> => {
    if (!isWanted) return
    const running = await health()
    if (running !== null) return bringUpToDate(running)
    if ((await holder()) === null) {
      host.log('starting the router')
      spawnHolder(host, [...programCommand('holder', paths.router), ...command])
    } else if (!(await waitFor(reviveTimeoutMs, answers))) {
      // Its program may be gone, with the version it was of.
      host.log('the router does not come up again: starting one of our version')
      await askHolder(paths.router, { ask: 'replace-router', command: [...command] }).catch((error: Error) =>
        host.log(error.message),
      )
    }
    if (await waitFor(startTimeoutMs, answers)) return
    host.log(`the router did not answer within ${startTimeoutMs / 1000} s`)
  }

  /** The router first, then the holder: what is new knows how to talk to what is older. */
  const bringUpToDate = async (running: RouterHealth): Promise<void> => {
    if (isUpToDate) return
    isUpToDate = true
    try {
      const held = await holder()
      const isOfOurs = !isOlder(running.version, version) && !isOlder(version, running.version)
      // Of this version, and from a folder that may be gone tomorrow.
      const isElsewhere = isOfOurs && held?.routerCommand?.join('\0') !== command.join('\0')
      if (running.protocol < routerProtocol || isOlder(running.version, version) || isElsewhere) {
        host.log(`replacing the router of version ${running.version}`)
        await askHolder(paths.router, { ask: 'replace-router', command: [...command] })
      }
      if (held !== null && isOlder(held.version, programVersion)) {
        host.log(`replacing the socket holder of version ${held.version}`)
        await askHolder(paths.router, { ask: 'leave' })
      }
    } catch (error) {
      host.log(`the router of version ${running.version} goes on: ${error instanceof Error ? error.message : error}`)
    }
  }

  const endRouter = async ({ pid, startedAt }: Pick<RouterHealth, 'pid' | 'startedAt'>): Promise<void> => {
    const isGone = async () => !isSameProcessAlive(pid, startedAt)
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      if (await isGone()) return
      process.kill(pid, signal)
      if (await waitFor(stopTimeoutMs, isGone)) return
    }
  }

  return {
    ensureRunning() {
      starting ??= start().finally(() => {
        starting = null
      })
      return starting
    },
    async stop() {
      isWanted = false
      // One that is on its way would come up later, with nobody to end it.
      await starting?.catch(() => {})
      const held = await holder()
      if (held !== null) {
        await askHolder(paths.router, { ask: 'stop' }).catch(() => {})
        await waitFor(stopTimeoutMs, async () => !isSameProcessAlive(held.pid, held.startedAt))
      }
      const running = await health()
      if (running !== null) await endRouter(running)
      // Their holder may have been another one, which has died.
      await Promise.all(retiredRouters(paths.router).map(endRouter))
    },
  }
}

function spawnHolder(host: Host, [program = process.execPath, ...parameters]: readonly string[]): void {
  const log = openSync(join(host.paths.router, 'router.log'), 'a', 0o600)
  try {
    const child = spawn(program, parameters, {
      cwd: host.paths.root,
      env: { ...host.baseEnvironment, ...programEnvironment() },
      stdio: ['ignore', log, log],
      detached: true,
    })
    // A program that cannot be started shows as a router that does not answer.
    child.once('error', () => {})
    child.unref()
  } finally {
    closeSync(log)
  }
}
