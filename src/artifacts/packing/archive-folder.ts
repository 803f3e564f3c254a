import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createScratchFile } from './scratch-file.ts'
import { endTar, writeTarEntry } from './tar.ts'

/** Writes the files of a folder into a tar, those of its folders too. For folders of our own making: plain files. */
export async function archiveFolder(folder: string, path: string, signal: AbortSignal): Promise<void> {
  const archive = await createScratchFile(path)
  try {
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue
      const within = join(entry.parentPath, entry.name).slice(folder.length + 1)
      const { size } = await lstat(join(folder, within))
      await writeTarEntry(archive, folder, { kind: 'file', path: within, executable: false, size }, { signal })
    }
    await endTar(archive)
    await archive.finish()
  } catch (error) {
    await archive.abandon()
    throw error
  }
}
