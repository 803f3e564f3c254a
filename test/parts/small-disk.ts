/** A small disk of its own (tmpfs) on a folder, for tests of what happens when it is full. Takes root and the right to mount. */
import { execFileSync } from 'node:child_process'
import { rmSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** For `test({ skip })`: false where a small disk can be mounted, else why not. */
export function smallDiskMissing(): string | false {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'needs root to mount a small disk'
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' })
    return false
  } catch {
    return 'may not mount a small disk here'
  }
}

export type SmallDisk = Disposable & {
  /** Leaves so many bytes, in whole pages. */
  leave(bytes: number): void
  free(): void
}

/** Over an existing folder, which must be empty or may be hidden for a while; content is copied in. */
export function mountSmallDisk(folder: string, sizeBytes: number): SmallDisk {
  const filler = join(folder, '.filler')
  const aside = `${folder}.aside`
  execFileSync('cp', ['-a', folder, aside])
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${sizeBytes},mode=755`, 'tmpfs', folder])
  execFileSync('cp', ['-a', `${aside}/.`, folder])
  rmSync(aside, { recursive: true })
  const free = () => rmSync(filler, { force: true })
  return {
    free,
    leave(bytes) {
      free()
      const { bavail, bsize } = statfsSync(folder)
      writeFileSync(filler, Buffer.alloc(Math.max(0, bavail * bsize - bytes)))
    },
    [Symbol.dispose]() {
      execFileSync('umount', ['--lazy', folder])
    },
  }
}
