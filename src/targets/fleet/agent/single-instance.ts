/**
 * One agent per fleet folder. The lock is SQLite's exclusive file lock: the kernel lets go of it when the process ends,
 * however it ends, so there is no stale lock to judge and no race to take one over.
 */
import { chmodSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'

export type SingleInstanceLock = { release(): void }

/** null: another process holds it. */
export function lockSingleInstance(path: string): SingleInstanceLock | null {
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    chmodSync(path, 0o600)
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch {
    database.close()
    return null
  }
  return { release: () => database.close() }
}
