/**
 * What `prepare` made, by content hash: `<prepared>/<hash>/tree`. A snapshot appears whole, by a rename, and is never
 * changed; builds get copies. Beside the tree, `bytes` says its size, and by its time when it was last used; `users/`
 * names the processes that copy from it now.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { InputHash } from '../model/index.ts'
import { copyTree, flushToDisk, removeTree, sizeOfTree } from './file-trees.ts'
import { type MachineLock, tryMachineLock } from './machine-lock.ts'
import { livenessOfMark, newOwnerMark } from './owner-mark.ts'
import { createWorkDirectory, type WorkDirectory } from './work-directory.ts'
import { errnoOf, worldFault } from './world-fault.ts'

/** How many snapshots are kept, and how large they may be together: the longest unused go first. */
export type SnapshotLimits = { maxSnapshots: number; maxBytes: number }

export const defaultSnapshotLimits: SnapshotLimits = { maxSnapshots: 20, maxBytes: 20 * 1024 ** 3 }

export type PreparedSnapshots = {
  /** Copies a snapshot into an existing directory; false where there is none. */
  copyInto(hash: InputHash, directory: string, signal: AbortSignal): Promise<boolean>
  has(hash: InputHash): Promise<boolean>
  /** Moves a work directory's tree here as the snapshot of a hash. Where another process was first, its snapshot stays. */
  store(hash: InputHash, work: WorkDirectory): Promise<void>
  /** The right to make the snapshot of a hash; null while another process has it. */
  tryLock(hash: InputHash): Promise<MachineLock | null>
  /** Removes the longest unused beyond the limits, never one in use; answers how many. */
  prune(limits: SnapshotLimits): Promise<number>
}

type Options = { directory: string; workDirectory: string; now(): number }

export function createPreparedSnapshots({ directory, workDirectory, now }: Options): PreparedSnapshots {
  const placeOf = (hash: string) => join(directory, hash)
  const sizeFileOf = (place: string) => join(place, 'bytes')

  /** Does something with a snapshot that must not be pruned meanwhile; null where there is none. */
  async function whileUsed(hash: InputHash, use: (place: string) => Promise<void>): Promise<boolean> {
    const place = placeOf(hash)
    const mark = join(place, 'users', newOwnerMark())
    try {
      await writeFile(mark, '', { flag: 'wx' })
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return false
      throw worldFault(cause, `use the prepared files in ${place}`)
    }
    try {
      const at = new Date(now())
      await utimes(sizeFileOf(place), at, at)
      await use(place)
      return true
    } catch (cause) {
      // Pruned between our look and our mark: as if it had never been there.
      if (!(await exists(sizeFileOf(place)))) return false
      throw worldFault(cause, `copy the prepared files in ${place}`)
    } finally {
      await rm(mark, { force: true })
    }
  }

  async function discard(place: string): Promise<boolean> {
    const work = await createWorkDirectory(workDirectory)
    try {
      // Out of sight in one step; whoever marked itself a user meanwhile finds it gone and prepares anew.
      await rename(place, join(work.scratch, 'pruned'))
      return true
    } catch {
      return false
    } finally {
      await work.remove()
    }
  }

  return {
    copyInto: (hash, into, signal) =>
      whileUsed(hash, async (place) => {
        try {
          await copyTree(join(place, 'tree'), into, signal)
        } catch (cause) {
          // Half a copy must not pass for an empty directory.
          await removeTree(into)
          await mkdir(into)
          throw cause
        }
      }),

    has: (hash) => exists(sizeFileOf(placeOf(hash))),

    async store(hash, work) {
      const staged = join(work.scratch, 'snapshot')
      try {
        await mkdir(join(staged, 'users'), { recursive: true })
        await rename(work.tree, join(staged, 'tree'))
        await writeFile(sizeFileOf(staged), String(await sizeOfTree(staged)))
        // After a loss of power a renamed snapshot with empty files in it would spoil every later build.
        await flushToDisk(staged)
        await mkdir(directory, { recursive: true, mode: 0o700 })
        await rename(staged, placeOf(hash))
      } catch (cause) {
        const code = errnoOf(cause)
        if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw worldFault(cause, `keep prepared files in ${directory}`)
      }
    },

    async tryLock(hash) {
      await mkdir(directory, { recursive: true, mode: 0o700 }).catch((cause) => {
        throw worldFault(cause, `make ${directory}`)
      })
      return tryMachineLock(join(directory, `${hash}.lock`), now())
    },

    async prune({ maxSnapshots, maxBytes }) {
      await sweepTickets(directory, now())
      const snapshots = await listSnapshots(directory)
      let kept = 0
      let keptBytes = 0
      let pruned = 0
      for (const { place, sizeBytes } of snapshots) {
        const fits = kept < maxSnapshots && keptBytes + sizeBytes <= maxBytes
        if (fits || (await isInUse(place, now())) || !(await discard(place))) {
          kept += 1
          keptBytes += sizeBytes
        } else pruned += 1
      }
      return pruned
    },
  }
}

const ticketKeptMs = 60 * 60 * 1000

/** What somebody who was killed while taking a lock has left beside it. */
async function sweepTickets(directory: string, nowMs: number): Promise<void> {
  const names = await readdir(directory).catch(() => [])
  for (const name of names.filter((each) => each.includes('.lock.'))) {
    const path = join(directory, name)
    const status = await stat(path).catch(() => null)
    if (status !== null && nowMs - status.mtimeMs > ticketKeptMs) await rm(path, { force: true }).catch(() => {})
  }
}

type Snapshot = { place: string; sizeBytes: number; usedAtMs: number }

/** Last used first. */
async function listSnapshots(directory: string): Promise<Snapshot[]> {
  const names = await readdir(directory).catch(() => [])
  const snapshots: Snapshot[] = []
  for (const name of names) {
    if (!/^[0-9a-f]{64}$/.test(name)) continue
    const place = join(directory, name)
    const sizeFile = join(place, 'bytes')
    const [size, status] = await Promise.all([
      readFile(sizeFile, 'utf8').catch(() => ''),
      stat(sizeFile).catch(() => null),
    ])
    snapshots.push({ place, sizeBytes: Number.parseInt(size, 10) || 0, usedAtMs: status?.mtimeMs ?? 0 })
  }
  return snapshots.sort((left, right) => right.usedAtMs - left.usedAtMs)
}

/** No copy takes this long: a mark that old, of a process that cannot be asked after, is no use either. */
const staleMarkMs = 60 * 60_000

/** Marks of processes that died are cleared away. */
async function isInUse(place: string, nowMs: number): Promise<boolean> {
  const marks = await readdir(join(place, 'users')).catch(() => [])
  for (const mark of marks) {
    const path = join(place, 'users', mark)
    const liveness = livenessOfMark(mark)
    const markedAtMs = (await stat(path).catch(() => null))?.mtimeMs ?? 0
    if (liveness === 'alive' || (liveness === 'unknown' && nowMs - markedAtMs < staleMarkMs)) return true
    await rm(path, { force: true })
  }
  return false
}

const exists = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  )
