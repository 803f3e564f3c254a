/** Files that are there as a whole or not at all, whatever crashes when. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { orMissing } from './file-errors.ts'

/**
 * Writes a file beside its place, makes it durable, and moves it there. `write` may throw to call it off.
 * `incoming` must lie on the same file system as `path`.
 */
export async function writeDurably(
  path: string,
  incoming: string,
  write: (file: FileHandle) => Promise<void>,
): Promise<void> {
  const temporary = join(incoming, randomBytes(12).toString('hex'))
  const file = await open(temporary, 'wx')
  try {
    try {
      await write(file)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncFolder(dirname(path))
}

/** Makes a rename durable. Some file systems refuse to sync folders, and need no such thing. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => null)
  await folder?.sync().catch(() => {})
  await folder?.close()
}

const abandonedAfterMs = 24 * 60 * 60 * 1000

/** Creates the folder for files under way, and clears what crashed processes left in it a day ago or earlier. */
export async function prepareIncoming(incoming: string, now: number): Promise<void> {
  await mkdir(incoming, { recursive: true })
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name)
    const status = await orMissing(stat(path))
    if (status && now - status.mtimeMs > abandonedAfterMs) await rm(path, { force: true })
  }
}
