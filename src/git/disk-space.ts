import { statfs } from 'node:fs/promises'

/** Less than this, and git cannot be blamed for what it did not write, nor the cache for being damaged. */
const scarceBytes = 1024 * 1024

/** Whether the disk of a folder is as good as full: git does not always say why it could not write. */
export async function isSpaceScarce(directory: string): Promise<boolean> {
  const disk = await statfs(directory).catch(() => null)
  if (disk === null) return false
  // A part of the disk is root's alone.
  const blocks = process.getuid?.() === 0 ? disk.bfree : disk.bavail
  return blocks * disk.bsize < scarceBytes || (disk.files > 0 && disk.ffree === 0)
}
