/** The life of a router process, from the lock on its folder to the end of its last request. */
import { mkdirSync } from 'node:fs'
import { destination, type Logger, pino } from 'pino'
import { currentProcess, tryLockFile } from '../../../process/index.ts'
import { programVersion } from '../../../program/index.ts'
import { serveControlApi } from './control-api.ts'
import { routerProtocol, routerSocketPath } from './protocol.ts'
import { openRouter } from './router.ts'

/** Faults a minute that are survived: one connection's trouble must not end all others'. */
const maxFaultsPerMinute = 20

/** Runs the router of a folder until SIGTERM. Answers the exit code: 3 where one runs for it already, 1 where it cannot start. */
export async function runRouter(directory: string): Promise<number> {
  process.umask(0o077)
  mkdirSync(directory, { recursive: true })
  const log = openLog()
  const lock = await tryLockFile(`${directory}/router.lock`)
  if (lock === null) {
    log.error({ directory }, 'a router runs for this folder already')
    return 3
  }
  const terminated = untilTerminated()
  try {
    await serveUntil(terminated, directory, log)
    return 0
  } catch (err) {
    log.fatal({ err }, 'cannot start')
    return 1
  } finally {
    lock.release()
  }
}

async function serveUntil(terminated: Promise<void>, directory: string, log: Logger): Promise<void> {
  const { pid, startedAt } = currentProcess()
  const router = await openRouter(directory, (fields, message) => log.info(fields, message))
  const health = { protocol: routerProtocol, version: programVersion, pid, startedAt }
  const fault = (cause: unknown) => log.error({ err: cause }, 'a call failed')
  const control = await serveControlApi(router, health, routerSocketPath(directory), fault)
  surviveFaults(log)
  log.info({ pid, version: programVersion, services: router.statuses().length }, 'ready')

  await terminated
  log.info('ending: no more connections, what is under way goes on')
  control.close()
  await router.close()
  log.info('ended')
}

/** Synchronous, so that nothing is lost at the end. Whoever read it may be gone: then nobody is told. */
function openLog(): Logger {
  const output = destination({ fd: 2, sync: true })
  output.on('error', () => {})
  return pino({ base: null, timestamp: pino.stdTimeFunctions.isoTime }, output)
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
