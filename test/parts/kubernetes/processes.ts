/** The processes of one cluster: each writes a log file, and none outlives the test, however that ends. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { findProgram } from '../local-server.ts'

export type RunningProcess = {
  readonly name: string
  readonly pid: number
  isRunning(): boolean
  /** What it wrote last. */
  log(): string
  signal(signal: NodeJS.Signals): void
  /** Sends the signal and waits for the end; by force after five seconds. */
  end(signal?: NodeJS.Signals): Promise<void>
}

export type Processes = {
  start(name: string, argv: readonly string[], environment?: Record<string, string>): RunningProcess
  /** Throws with its log where one of them has ended by itself. */
  check(): void
  /** Ends all, the newest first. */
  stop(): Promise<void>
}

const endTimeoutMs = 5000
const maxLogLength = 4000

export function createProcesses(folder: string, basics: Record<string, string>): Processes {
  mkdirSync(folder, { recursive: true })
  const running: RunningProcess[] = []
  const endWithUs = () => {
    for (const each of running) each.signal('SIGKILL')
  }
  process.once('exit', endWithUs)
  // The kernel ends them even where this process is killed; where that cannot be asked for, its exit handler has to do.
  const setpriv = findProgram('setpriv', process.env)
  const dyingWithUs = setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--']

  return {
    start(name, argv, environment = {}) {
      const logFile = join(folder, `${name}.log`)
      const log = openSync(logFile, 'a')
      const [program = '', ...args] = [...dyingWithUs, ...argv]
      const child = spawn(program, args, {
        cwd: folder,
        env: { ...basics, ...environment },
        stdio: ['ignore', log, log],
      })
      closeSync(log)
      const forget = (ended: RunningProcess) => {
        if (running.includes(ended)) running.splice(running.indexOf(ended), 1)
      }
      const one = runningProcess(name, child, logFile, forget)
      running.push(one)
      return one
    },
    check() {
      const ended = running.find((each) => !each.isRunning())
      if (ended !== undefined) throw new Error(`${ended.name} has ended:\n${ended.log()}`)
    },
    async stop() {
      for (const each of [...running].reverse()) await each.end('SIGKILL')
      process.removeListener('exit', endWithUs)
    },
  }
}

function runningProcess(
  name: string,
  child: ChildProcess,
  logFile: string,
  forget: (ended: RunningProcess) => void,
): RunningProcess {
  let failure = ''
  child.once('error', (error) => {
    failure = String(error)
  })
  const isRunning = () => child.pid !== undefined && child.exitCode === null && child.signalCode === null
  const one: RunningProcess = {
    name,
    pid: child.pid ?? 0,
    isRunning,
    log: () => failure + readFileSync(logFile, 'utf8').slice(-maxLogLength),
    signal: (signal) => child.kill(signal),
    async end(signal = 'SIGTERM') {
      forget(one)
      if (!isRunning()) return
      const exit = new Promise((resolve) => child.once('exit', resolve))
      child.kill(signal)
      const timer = setTimeout(() => child.kill('SIGKILL'), endTimeoutMs)
      await exit
      clearTimeout(timer)
    },
  }
  return one
}

const steadyPorts = { from: 12_000, to: 32_000 }
const portsOfAProcess = 64
let portsTaken = 0

/**
 * A free port that stays free: below those that the kernel hands out, so that no connection takes it between this and
 * the program's start, nor while the program is being started again. Each process looks in a range of its own first.
 */
export async function steadyPort(): Promise<number> {
  const { from, to } = steadyPorts
  const begin = (process.pid * portsOfAProcess) % (to - from)
  while (portsTaken < to - from) {
    const port = from + ((begin + portsTaken++) % (to - from))
    if (await canListen(port)) return port
  }
  throw new Error('no free port was found')
}

function canListen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)))
  })
}

/** Whether somebody listens on this port of loopback. */
export function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    const answer = (taken: boolean) => {
      socket.destroy()
      resolve(taken)
    }
    socket.once('connect', () => answer(true))
    socket.once('error', () => answer(false))
  })
}

export type Waiting = { timeoutMs?: number; intervalMs?: number }

const waitTimeoutMs = 90_000
const waitIntervalMs = 100

/** Asks until the answer is truthy, and answers it; what it threw last is told where time runs out. */
export async function until<T>(
  what: string,
  ask: () => Promise<T | false | null | undefined> | T | false | null | undefined,
  { timeoutMs = waitTimeoutMs, intervalMs = waitIntervalMs }: Waiting = {},
): Promise<T> {
  const end = performance.now() + timeoutMs
  for (;;) {
    let reason: unknown
    try {
      const answer = await ask()
      if (answer) return answer
    } catch (error) {
      if (error instanceof HopelessError) throw error
      reason = error
    }
    if (performance.now() > end) throw new Error(`${what} was not so within ${timeoutMs} ms`, { cause: reason })
    await new Promise((resolve) => setTimeout(resolve, intervalMs))
  }
}

/** Thrown within `until`: waiting longer will not help. */
export class HopelessError extends Error {}
