/**
 * One writer of `index.json` at a time, over all processes of a machine.
 *
 * The lock is SQLite's on an empty database: the operating system releases it when its holder dies, however it dies.
 * A lock file with a pid in it would need a judgement on who is dead, which containers that share a directory and
 * reused pids get wrong, and a second lock for the moment in which the first is declared stale.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { erroredError } from '../../model/index.ts'
import { throwIfAborted } from '../artifact-errors.ts'

const patienceMs = 60_000

/** Runs `work` as the only holder. Errored `ARTIFACT_STORE_BUSY` when others hold it for a minute. */
export async function withIndexLock<T>(path: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(path)
  try {
    const deadline = performance.now() + patienceMs
    while (!tryLock(database)) {
      throwIfAborted(signal)
      if (performance.now() > deadline) throw busy(path)
      await sleep(2 + Math.random() * 20)
    }
    return await work()
  } finally {
    database.close()
  }
}

const sqliteBusy = 5

function tryLock(database: { exec(sql: string): void }): boolean {
  try {
    // Waiting inside SQLite would block the whole process: its busy timeout stays at 0.
    database.exec('BEGIN EXCLUSIVE')
    return true
  } catch (error) {
    if (error instanceof Error && 'errcode' in error && error.errcode === sqliteBusy) return false
    throw error
  }
}

const busy = (path: string) =>
  erroredError('ARTIFACT_STORE_BUSY', `another process has held ${path} for a minute`, {
    hint: 'end the process that writes to this artifact store, then try again',
  })
