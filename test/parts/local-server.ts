/** A server program of this machine, run by a test on a free loopback port for as long as the test needs it. */
import { type ChildProcess, spawn } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** The program in one of these folders, else on `PATH`; null where it is not installed. */
export function findProgram(
  name: string,
  environment: NodeJS.ProcessEnv,
  folders: readonly string[] = [],
): string | null {
  for (const folder of [...folders, ...(environment['PATH'] ?? '').split(delimiter)]) {
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/**
 * For `test({ skip })`: false where the part can be run, else why not. In CI a missing part is a failure, which starting
 * it then reports.
 */
export function missingPart(found: string | null, advice: string, environment: NodeJS.ProcessEnv): string | false {
  return found !== null || environment['CI'] === 'true' ? false : advice
}

/** A port that was free a moment ago, for programs that cannot choose one themselves. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer()
    server.once('error', reject)
    server.listen({ port: 0, host: '127.0.0.1' }, () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

export type LocalServer = {
  pid: number | undefined
  /** Ends it, by force where it does not end by itself. */
  stop(): Promise<void>
}

export type LocalServerOptions = {
  argv: readonly [string, ...string[]]
  /** What its output says when it takes connections. */
  ready: RegExp
  /** Asks it to end at once, without waiting for connections; default SIGTERM. */
  stopSignal?: NodeJS.Signals
  user?: { uid: number; gid: number }
  /** Default: that of the tests. */
  cwd?: string
  environment: Record<string, string>
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 5000
const maxLogLength = 64 * 1024

/** Resolves when it is ready; rejects with its output when it ends before. It dies with this process. */
export async function startLocalServer(options: LocalServerOptions): Promise<LocalServer> {
  const [program, ...args] = options.argv
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: options.environment,
    ...(options.cwd !== undefined && { cwd: options.cwd }),
    ...options.user,
  })
  const endWithUs = () => child.kill('SIGKILL')
  process.once('exit', endWithUs)
  const stop = async () => {
    process.removeListener('exit', endWithUs)
    await endOf(child, options.stopSignal ?? 'SIGTERM')
  }
  try {
    await readiness(child, options.ready, program)
    return { pid: child.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function readiness(child: ChildProcess, ready: RegExp, program: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = ''
    const timer = setTimeout(() => reject(new Error(`${program} did not get ready:\n${log}`)), startTimeoutMs)
    const settle = (end: () => void) => {
      clearTimeout(timer)
      end()
    }
    child.once('error', (error) => settle(() => reject(error)))
    child.once('exit', (code) => settle(() => reject(new Error(`${program} ended with code ${code}:\n${log}`))))
    const listen = (chunk: Buffer) => {
      log = (log + chunk.toString('utf8')).slice(-maxLogLength)
      if (ready.test(log)) settle(resolve)
    }
    child.stdout?.on('data', listen)
    child.stderr?.on('data', listen)
  })
}

async function endOf(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return
  const exit = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
  await exit
  clearTimeout(timer)
}
