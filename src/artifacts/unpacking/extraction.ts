/**
 * Lays the entries of an archive down in a new, empty folder. The archive is not trusted: nothing it says can write
 * outside the folder, write through a link, replace what it wrote before, or go on without bound.
 */
import { chmod, type FileHandle, mkdir, open, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { refusedError } from '../../model/index.ts'
import { limits } from '../limits.ts'
import { symlinkStaysInside } from '../symlink-target.ts'

export type ExtractionLimits = { entries: number; totalBytes: number; pathBytes: number }

export type Extraction = {
  folder(path: string): Promise<void>
  file(path: string, content: AsyncIterable<Uint8Array>, options: { executable: boolean }): Promise<void>
  link(path: string, target: string): void
  /** Makes the links, and everything durable. Only now is the folder complete. */
  finish(): Promise<void>
}

/** `root` must exist and be empty. Everything refused is `ARTIFACT_UNSAFE`; beyond the limits it is `ARTIFACT_TOO_LARGE`. */
export function createExtraction(root: string, bounds: ExtractionLimits = limits): Extraction {
  /** All that was laid down. Folders may be named again, nothing else. */
  const seen = new Map<string, 'folder' | 'file' | 'link'>()
  const links: { path: string; target: string }[] = []
  let totalBytes = 0

  function claim(path: string, kind: 'file' | 'link'): void {
    if (seen.has(path)) throw unsafe(path, 'stands in the archive twice')
    remember(path, kind)
  }

  function remember(path: string, kind: 'folder' | 'file' | 'link'): void {
    if (seen.size >= bounds.entries) throw tooLarge(`more than ${bounds.entries} entries`)
    seen.set(path, kind)
  }

  async function makeFolder(path: string): Promise<void> {
    if (path === '.') return
    const known = seen.get(path)
    if (known === 'folder') return
    if (known !== undefined) throw unsafe(path, `is a ${known} and a folder`)
    await makeFolder(dirname(path))
    remember(path, 'folder')
    await mkdir(join(root, path))
    await chmod(join(root, path), 0o755)
  }

  async function write(file: FileHandle, content: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of content) {
      totalBytes += chunk.length
      if (totalBytes > bounds.totalBytes) throw tooLarge(`more than ${bounds.totalBytes} bytes`)
      await file.writeFile(chunk)
    }
  }

  return {
    async folder(path) {
      checkPath(path, bounds)
      await makeFolder(path)
    },

    async file(path, content, { executable }) {
      checkPath(path, bounds)
      await makeFolder(dirname(path))
      claim(path, 'file')
      // Exclusive: on a file system that ignores case, `A` and `a` are one file.
      const file = await open(join(root, path), 'wx')
      try {
        await write(file, content)
        // Not by open's mode: that follows the umask.
        await file.chmod(executable ? 0o755 : 0o644)
      } finally {
        await file.close()
      }
    },

    link(path, target) {
      checkPath(path, bounds)
      if (!symlinkStaysInside(path, target)) throw unsafe(path, `is a link that leads outside, to ${target}`)
      claim(path, 'link')
      links.push({ path, target })
    },

    async finish() {
      // After all files: none can have been written through a link.
      for (const { path, target } of links) {
        await makeFolder(dirname(path))
        await symlink(target, join(root, path))
      }
      await syncFiles([...seen].filter(([, kind]) => kind === 'file').map(([path]) => join(root, path)))
    },
  }
}

function checkPath(path: string, bounds: ExtractionLimits): void {
  if (Buffer.byteLength(path) > bounds.pathBytes) throw unsafe(`${path.slice(0, 100)}…`, 'has too long a path')
  if (path.includes('\0')) throw unsafe(path, 'has a zero byte in its path')
  if (path.startsWith('/')) throw unsafe(path, 'has an absolute path')
  const segments = path.split('/')
  if (segments.includes('..')) throw unsafe(path, 'leads out of the artifact')
  // Two spellings of one path would defeat the search for duplicates.
  if (segments.includes('') || segments.includes('.')) throw unsafe(path, 'is not in its plain form')
}

const syncsAtOnce = 4

/** At the end and side by side: the first flushes much of what the others would have to. */
async function syncFiles(paths: readonly string[]): Promise<void> {
  let next = 0
  const syncRest = async () => {
    for (let path = paths[next++]; path !== undefined; path = paths[next++]) {
      const file = await open(path, 'r')
      try {
        await file.sync()
      } finally {
        await file.close()
      }
    }
  }
  await Promise.all(Array.from({ length: syncsAtOnce }, syncRest))
}

export const unsafe = (path: string, what: string) =>
  refusedError('ARTIFACT_UNSAFE', `refused to unpack the artifact: ${JSON.stringify(path)} ${what}`, {
    hint: 'Trunkline packs nothing of the kind; find out who put this artifact into the store',
  })

const tooLarge = (what: string) =>
  refusedError('ARTIFACT_TOO_LARGE', `refused to unpack the artifact: it holds ${what}`, {
    hint: 'Trunkline packs nothing of that size; find out who put this artifact into the store',
  })
