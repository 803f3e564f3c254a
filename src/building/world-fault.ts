import { statfs } from 'node:fs/promises'
import { erroredError, TrunklineError } from '../model/index.ts'

/** The system's error code (`ENOSPC`), or null. */
export const errnoOf = (cause: unknown): string | null =>
  cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : null

const diskFullHint =
  'free some space (`trunkline doctor` shows what Trunkline keeps), or set TRUNKLINE_HOME to a larger disk'

const diskFullError = (what: string, cause?: unknown) =>
  erroredError('DISK_FULL', `no space left on the disk: ${what}`, {
    hint: diskFullHint,
    ...(cause !== undefined && { cause }),
  })

/** A file system's fault as the `errored` error that it is; anything that already speaks to users passes as it is. */
export function worldFault(cause: unknown, what: string): unknown {
  if (cause instanceof TrunklineError) return cause
  const errno = errnoOf(cause)
  if (errno === null || !(cause instanceof Error)) return cause
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return diskFullError(what, cause)
  if (errno === 'EILSEQ')
    return erroredError('PATH_ENCODING', `this file system takes no such file name: ${what}`, {
      hint: 'names that are not UTF-8 need a file system that keeps bytes, such as ext4',
      cause,
    })
  return erroredError('BUILD_DIRECTORY', `cannot ${what}: ${cause.message}`, { cause })
}

/** Less than this, and a command that failed cannot be blamed for it. */
const scarceBytes = 1024 * 1024

/** Throws `DISK_FULL` where the disk is full: a command's failure there is no verdict on the commit. */
export async function refuteByFullDisk(directory: string, what: string): Promise<void> {
  const disk = await statfs(directory).catch(() => null)
  if (disk === null) return
  // A part of the disk is root's alone.
  const blocks = process.getuid?.() === 0 ? disk.bfree : disk.bavail
  const isFull = blocks * disk.bsize < scarceBytes || (disk.files > 0 && disk.ffree === 0)
  if (isFull) throw diskFullError(what)
}
