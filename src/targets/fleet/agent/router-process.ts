/** Starts the router and watches it. It is detached: it outlives the agent, and comes back with its own state. */
import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { isSameProcessAlive } from '../../../process/index.ts'
import { programCommand } from '../../../program/index.ts'
import type { RouterClient, RouterHealth } from '../router/index.ts'
import type { Host } from './host.ts'

export type RouterProcess = {
  /** Starts it where it is not running; returns when it answers, or after a bounded while. */
  ensureRunning(): Promise<void>
  /** Ends it, with its services. */
  stop(): Promise<void>
}

const startTimeoutMs = 10_000
const pollMs = 50
const stopTimeoutMs = 5000

export const defaultRouterCommand = (directory: string): [string, ...string[]] => programCommand('router', directory)

export function createRouterProcess(
  host: Host,
  client: RouterClient,
  command: readonly [string, ...string[]],
): RouterProcess {
  const { clock } = host
  let starting: Promise<void> | null = null
  let isWanted = true

  const health = async (): Promise<RouterHealth | null> => {
    try {
      return await client.health()
    } catch {
      return null
    }
  }

  const waitFor = async (timeoutMs: number, isReached: () => Promise<boolean>): Promise<boolean> => {
    const deadlineMs = clock.monotonicMs() + timeoutMs
    while (!(await isReached())) {
      if (clock.monotonicMs() > deadlineMs) return false
      await clock.sleep(pollMs, AbortSignal.timeout(timeoutMs + 1000))
    }
    return true
  }

  const start = async (): Promise<void> => {
    if ((await health()) !== null || !isWanted) return
    host.log('starting the router')
    spawnRouter(host, command)
    const answers = await waitFor(startTimeoutMs, async () => (await health()) !== null)
    if (!answers) host.log(`the router did not answer within ${startTimeoutMs / 1000} s`)
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
      const running = await health()
      if (running === null) return
      const isGone = async () => !isSameProcessAlive(running.pid, running.startedAt)
      for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
        if (await isGone()) return
        process.kill(running.pid, signal)
        if (await waitFor(stopTimeoutMs, isGone)) return
      }
    },
  }
}

function spawnRouter(host: Host, [program, ...parameters]: readonly [string, ...string[]]): void {
  const log = openSync(join(host.paths.router, 'router.log'), 'a', 0o600)
  try {
    const child = spawn(program, parameters, {
      cwd: host.paths.root,
      env: host.baseEnvironment,
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
