import { createHash } from 'node:crypto'
import { type FileHandle, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Digest } from '../../model/index.ts'
import { digestFromHex } from '../digest.ts'

const bufferBytes = 1024 * 1024

/** A file that is written from front to end, hashed on the way. Holds at most one buffer in memory. */
export type ScratchFile = {
  readonly path: string
  /** Bytes written so far. */
  readonly size: number
  write(bytes: Uint8Array): Promise<void>
  /** Flushes and closes; answers the digest of all bytes. */
  finish(): Promise<Digest>
  /** Closes without an answer, after a failure. */
  abandon(): Promise<void>
}

/** Creates the file (and its folder), emptying what was there. */
export async function createScratchFile(path: string): Promise<ScratchFile> {
  await mkdir(dirname(path), { recursive: true })
  const file = await open(path, 'w')
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(bufferBytes)
  let buffered = 0
  let size = 0

  async function flush() {
    if (buffered === 0) return
    const pending = buffer.subarray(0, buffered)
    hash.update(pending)
    await writeWhole(file, pending)
    buffered = 0
  }

  return {
    path,
    get size() {
      return size
    },
    async write(bytes) {
      size += bytes.length
      for (let offset = 0; offset < bytes.length; ) {
        const taken = Math.min(bytes.length - offset, bufferBytes - buffered)
        buffer.set(bytes.subarray(offset, offset + taken), buffered)
        buffered += taken
        offset += taken
        if (buffered === bufferBytes) await flush()
      }
    },
    async finish() {
      await flush()
      await file.close()
      return digestFromHex(hash.digest('hex'))
    },
    async abandon() {
      await file.close().catch(() => {})
    },
  }
}

async function writeWhole(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, offset)
    offset += bytesWritten
  }
}
