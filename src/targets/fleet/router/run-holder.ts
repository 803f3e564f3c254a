/** The life of a socket holder's process: one for each folder, under the folder's lock. */
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from 'pino'
import { currentProcess, type FileLock, tryLockFile } from '../../../process/index.ts'
import { programVersion } from '../../../program/index.ts'
import { createRouterClient } from './client.ts'
import {
  type HolderAnswer,
  type HolderRequest,
  holderRequestSchema,
  holderSocketPath,
  maxHolderMessageBytes,
} from './holder-protocol.ts'
import { routerSocketPath } from './protocol.ts'
import { openLog } from './router-log.ts'
import { channelOf } from './socket-channel.ts'
import { type RouterCommand, SocketHolder } from './socket-holder.ts'

const lockPatienceMs = 5000
const lockEveryMs = 50
const requestTimeoutMs = 10_000
const maxControlConnections = 20

export type HolderOptions = {
  directory: string
  /** Starts a router; null: adopt the one that started us. */
  command: RouterCommand | null
  version?: string
}

/** Runs until told to end. Answers the exit code: 3 where another holder, or a router without one, is there already. */
export async function runHolder(options: HolderOptions): Promise<number> {
  const { directory, command } = options
  process.umask(0o077)
  mkdirSync(directory, { recursive: true })
  const log = openLog()
  const lock = await lockSoon(`${directory}/router.lock`, command === null ? lockPatienceMs : 0)
  if (lock === null || (command !== null && (await isRouterThere(directory)))) {
    lock?.release()
    log.error({ directory }, 'a router runs for this folder already')
    return 3
  }
  try {
    await holdUntilEnd(options, log)
    return 0
  } catch (err) {
    log.fatal({ err }, 'the socket holder cannot start')
    return 1
  } finally {
    lock.release()
  }
}

/** The lock of a holder that has just died is free at once, or soon. */
async function lockSoon(path: string, patienceMs: number): Promise<FileLock | null> {
  const deadlineMs = performance.now() + patienceMs
  for (;;) {
    const lock = await tryLockFile(path)
    if (lock !== null || performance.now() >= deadlineMs) return lock
    await sleep(lockEveryMs)
  }
}

/** One that lost its holder, and is just starting another. */
async function isRouterThere(directory: string): Promise<boolean> {
  const client = createRouterClient(routerSocketPath(directory))
  try {
    await client.health(AbortSignal.timeout(2000))
    return true
  } catch {
    return false
  } finally {
    client.close()
  }
}

async function holdUntilEnd(
  { directory, command, version = programVersion }: HolderOptions,
  log: Logger,
): Promise<void> {
  const holder = new SocketHolder(command ?? [process.execPath], (fields, message) => log.info(fields, message))
  const { pid, startedAt } = currentProcess()
  const describe = (error: string | null): HolderAnswer => ({
    pid,
    startedAt,
    version,
    routerPid: holder.routerPid,
    routerCommand: [...holder.routerCommand],
    error,
  })
  for (const signal of ['SIGHUP', 'SIGINT'] as const) process.on(signal, () => {})
  let end = (): void => {}
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const carryOut = async (request: HolderRequest): Promise<void> => {
    if (request.ask === 'replace-router') await holder.replace(request.command)
    if (request.ask === 'stop') await holder.stop()
    // After the answer has gone out.
    if (request.ask === 'stop' || request.ask === 'leave') setTimeout(end, 20)
  }
  process.once('SIGTERM', () => void holder.stop().then(end))
  if (command === null) await holder.adopt(channelOf(process))
  const control = await serve(directory, async (request) => {
    try {
      await carryOut(request)
      return describe(null)
    } catch (cause) {
      return describe(cause instanceof Error ? cause.message : String(cause))
    }
  })
  log.info({ pid, version, adopted: command === null ? holder.routerPid : undefined }, 'holding the sockets')
  if (command !== null) void holder.revive()
  await ended
  control.close()
}

/** The lock is held, so a socket that is there is a dead holder's. */
async function serve(directory: string, answer: (request: HolderRequest) => Promise<HolderAnswer>): Promise<Server> {
  const path = holderSocketPath(directory)
  const server = createServer((socket) => void converse(socket, answer))
  server.maxConnections = maxControlConnections
  rmSync(path, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  chmodSync(path, 0o600)
  return server
}

async function converse(socket: Socket, answer: (request: HolderRequest) => Promise<HolderAnswer>): Promise<void> {
  socket.on('error', () => {})
  const timer = setTimeout(() => socket.destroy(), requestTimeoutMs)
  let text = ''
  socket.setEncoding('utf8')
  socket.on('data', async (part: string) => {
    text += part
    const end = text.indexOf('\n')
    if (end === -1 && text.length <= maxHolderMessageBytes) return
    clearTimeout(timer)
    socket.removeAllListeners('data')
    const request = parse(text.slice(0, Math.max(end, 0)))
    if (request === null) socket.destroy()
    else socket.end(`${JSON.stringify(await answer(request))}\n`)
  })
}

function parse(line: string): HolderRequest | null {
  try {
    return holderRequestSchema.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}
