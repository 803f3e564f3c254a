/**
 * A lock between processes of one machine, to spare them doing the same work twice. It guards effort, not truth: what
 * it guards is published by an atomic rename, so that even two holders at once do no harm.
 */
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { livenessOfMark, newOwnerMark } from './owner-mark.ts'
import { errnoOf, worldFault } from './world-fault.ts'

const heartbeatMs = 5000
/** A holder whose death cannot be seen (another container) is taken for dead when it was silent this long. */
const silentMs = 60_000

export type MachineLock = { release(): Promise<void> }

/** Takes the lock at a path, from a dead holder too; null while someone holds it. */
export async function tryMachineLock(path: string, nowMs: number): Promise<MachineLock | null> {
  const mark = newOwnerMark()
  const ticket = `${path}.${mark}`
  try {
    await writeFile(ticket, mark, { flag: 'wx', mode: 0o600 })
    // A link appears with its content, or not at all.
    const taken = (await tryLink(ticket, path)) || ((await breakDeadLock(path, nowMs)) && (await tryLink(ticket, path)))
    return taken ? heldLock(path, mark) : null
  } catch (cause) {
    throw worldFault(cause, `take the lock ${path}`)
  } finally {
    await rm(ticket, { force: true })
  }
}

async function tryLink(ticket: string, path: string): Promise<boolean> {
  try {
    await link(ticket, path)
    return true
  } catch (cause) {
    if (errnoOf(cause) === 'EEXIST') return false
    throw cause
  }
}

function heldLock(path: string, mark: string): MachineLock {
  const heartbeat = setInterval(() => {
    const now = new Date()
    utimes(path, now, now).catch(() => {})
  }, heartbeatMs)
  heartbeat.unref()
  return {
    async release() {
      clearInterval(heartbeat)
      // Someone who took us for dead may hold it by now.
      if ((await readMark(path)) === mark) await rm(path, { force: true })
    },
  }
}

/** Removes the lock of a holder that is no more; answers whether the way is free. */
async function breakDeadLock(path: string, nowMs: number): Promise<boolean> {
  const mark = await readMark(path)
  if (mark === null) return true
  if (!(await isHolderDead(path, mark, nowMs))) return false
  const aside = `${path}.${newOwnerMark()}`
  const moved = await rename(path, aside).then(
    () => true,
    () => false,
  )
  await rm(aside, { force: true })
  return moved
}

async function isHolderDead(path: string, mark: string, nowMs: number): Promise<boolean> {
  const liveness = livenessOfMark(mark)
  if (liveness !== 'unknown') return liveness === 'dead'
  const status = await stat(path).catch(() => null)
  return status !== null && nowMs - status.mtimeMs > silentMs
}

const readMark = (path: string): Promise<string | null> => readFile(path, 'utf8').catch(() => null)
