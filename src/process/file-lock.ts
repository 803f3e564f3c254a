/**
 * A lock on a file that the operating system lets go of when its holder ends, however it ends: there is no stale lock to
 * judge and no race to take one over. A lock file with a pid in it would need a judgement on who is dead, which
 * containers that share a folder and reused pids get wrong.
 *
 * It is SQLite's own lock on an empty database, where this Node has SQLite (22.13 and newer). An older Node asks
 * `flock`; the two kinds do not see each other, so processes of both must not share one of Trunkline's folders.
 */
import { spawn } from 'node:child_process'
import { erroredError } from '../model/index.ts'

export type FileLock = { release(): void }

/** Takes the lock or answers at once: null, another holds it. Errored `LOCK_UNAVAILABLE` where this machine has none. */
export const tryLockFile = (path: string): Promise<FileLock | null> =>
  process.versions.sqlite === undefined ? lockByFlock(path) : lockBySqlite(path)

const sqliteBusy = 5
/** SQLite's words for what the file system said, in the file system's own. */
const fileSystemCodes: Record<number, string> = { 8: 'EACCES', 13: 'ENOSPC', 14: 'EACCES' }

export async function lockBySqlite(path: string): Promise<FileLock | null> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = opened(() => new DatabaseSync(path), path)
  try {
    // Waiting inside SQLite would block the whole process: its busy timeout stays at 0.
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
    return { release: () => database.close() }
  } catch (error) {
    database.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) return null
    throw asFileFault(error, path)
  }
}

function opened<Opened>(open: () => Opened, path: string): Opened {
  try {
    return open()
  } catch (error) {
    throw asFileFault(error, path)
  }
}

function asFileFault(error: unknown, path: string): unknown {
  if (!(error instanceof Error) || !('errcode' in error)) return error
  const code = fileSystemCodes[Number(error.errcode)]
  return code === undefined ? error : Object.assign(new Error(error.message, { cause: error }), { code, path })
}

/** The lock belongs to a child that ends when its input does: with its release, or with us. */
export function lockByFlock(path: string): Promise<FileLock | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('flock', ['-n', path, 'sh', '-c', 'echo held; cat'], { stdio: ['pipe', 'pipe', 'ignore'] })
    child.stdin.on('error', () => {})
    child.once('error', (cause) =>
      reject(
        erroredError(
          'LOCK_UNAVAILABLE',
          `Node ${process.versions.node} cannot lock files by itself, and flock is missing`,
          {
            hint: 'Use Node 22.13 or newer, or install util-linux.',
            cause,
          },
        ),
      ),
    )
    child.once('exit', () => resolve(null))
    child.stdout.once('data', () => {
      child.unref()
      // Piped streams of a child are sockets, which can be let go of like it.
      for (const stream of [child.stdin, child.stdout])
        if ('unref' in stream && typeof stream.unref === 'function') stream.unref()
      resolve({ release: () => child.stdin.end() })
    })
  })
}
