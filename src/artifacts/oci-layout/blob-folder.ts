/** `blobs/sha256/`: bytes by digest. Files appear whole, and are checked whenever they are read. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { type FileHandle, open, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { addAbortSignal, pipeline, type Readable } from 'node:stream'
import { type Digest, erroredError } from '../../model/index.ts'
import type { Descriptor, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactMissing, throwIfAborted } from '../artifact-errors.ts'
import { digestFromHex, digestOfBytes, hexOf } from '../digest.ts'
import { contentOf } from '../packed-content.ts'
import { verifier } from '../verified-stream.ts'
import { writeDurably } from './durable-file.ts'
import { orMissing } from './file-errors.ts'

const maxManifestBytes = 4 * 1024 * 1024

export type BlobFolder = {
  /** Size in bytes, null where it is not there. Looks at no content. */
  size(digest: Digest): Promise<number | null>
  /** A small blob, whole. */
  read(digest: Digest): Promise<Buffer>
  stream(descriptor: Descriptor, signal: AbortSignal): Promise<Readable>
  /** Stores it unless it is there and sound; replaces what is corrupt. */
  put(blob: PackedBlob, signal: AbortSignal): Promise<void>
}

/** `location` is how errors name the store. */
export function createBlobFolder(directory: string, incoming: string, location: string): BlobFolder {
  const pathOf = (digest: Digest) => join(directory, hexOf(digest))

  async function size(digest: Digest): Promise<number | null> {
    return (await orMissing(stat(pathOf(digest))))?.size ?? null
  }

  return {
    size,

    async read(digest) {
      const found = await size(digest)
      if (found === null) throw artifactMissing(digest, location)
      if (found > maxManifestBytes) throw artifactCorrupt(digest, pathOf(digest), `${found} bytes, too many`)
      const bytes = await readFile(pathOf(digest))
      const actual = digestOfBytes(bytes)
      if (actual !== digest) throw artifactCorrupt(digest, pathOf(digest), `bytes with digest ${actual}`)
      return bytes
    },

    async stream(descriptor, signal) {
      throwIfAborted(signal)
      const path = pathOf(descriptor.digest)
      const file = await orMissing(open(path, 'r'))
      if (file === null) throw artifactMissing(descriptor.digest, location)
      const checked = verifier(descriptor, (found) => artifactCorrupt(descriptor.digest, path, found))
      // Failures reach the reader through the stream itself.
      pipeline(addAbortSignal(signal, file.createReadStream()), checked, () => {})
      return checked
    },

    async put(blob, signal) {
      if ((await size(blob.digest)) === blob.size && (await isSound(pathOf(blob.digest), blob.digest, signal))) return
      await writeDurably(pathOf(blob.digest), incoming, (file) => copyVerified(blob, file, signal))
    },
  }
}

async function isSound(path: string, digest: Digest, signal: AbortSignal): Promise<boolean> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk)
  return digestFromHex(hash.digest('hex')) === digest
}

async function copyVerified(blob: PackedBlob, file: FileHandle, signal: AbortSignal): Promise<void> {
  const hash = createHash('sha256')
  for await (const chunk of await contentOf(blob, signal)) {
    hash.update(chunk)
    await file.writeFile(chunk)
  }
  const found = digestFromHex(hash.digest('hex'))
  if (found !== blob.digest) {
    throw erroredError('ARTIFACT_CHANGED', `a packed file changed before it was stored: it now has digest ${found}`, {
      hint: 'does something else write into the build scratch directory?',
    })
  }
}
