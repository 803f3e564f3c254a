/**
 * What killed processes left in and beside a cache of ours: locks, for which git waits at every turn, for ever; and
 * half-made or half-removed caches. Nobody takes them away but us.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** git holds a lock for milliseconds; no run of ours is this slow between two steps of one. */
const staleLockMs = 10_000
/** A cache is made and removed within moments, too; removing a large one takes the longest. */
const abandonedMs = 10 * 60_000
/** Where git makes locks in a bare repository without branches. */
const lockedFolders = ['.', 'refs/tips', 'refs/import', 'objects/info'] as const

/** Removes what was left long ago; what a neighbour is at just now stays. */
export async function removeLeavings(directory: string): Promise<void> {
  const isHalfCache = (name: string) => name.startsWith(`${basename(directory)}.`) && /\.(?:new|old)$/.test(name)
  await Promise.all([
    ...lockedFolders.map((folder) => removeOld(join(directory, folder), (name) => name.endsWith('.lock'), staleLockMs)),
    removeOld(dirname(directory), isHalfCache, abandonedMs),
  ])
}

async function removeOld(folder: string, isMeant: (name: string) => boolean, ageMs: number): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter(isMeant)) {
    const path = join(folder, name)
    const madeAtMs = (await stat(path).catch(() => null))?.mtimeMs
    // Also what seems to be of the future: the clock was wrong then, or is now.
    if (madeAtMs === undefined || Math.abs(Date.now() - madeAtMs) < ageMs) continue
    await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}
