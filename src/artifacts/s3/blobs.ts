/** Blobs in a bucket: written once, checked by S3 on the way in and by us on the way out. */
import { createHash } from 'node:crypto'
import { addAbortSignal, pipeline, Readable } from 'node:stream'
import { type Digest, erroredError, TrunklineError } from '../../model/index.ts'
import type { Descriptor, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactMissing, throwIfAborted } from '../artifact-errors.ts'
import { digestFromHex, digestOfBytes, hexOf } from '../digest.ts'
import { contentOf } from '../packed-content.ts'
import { verifier } from '../verified-stream.ts'
import type { Bucket, Head } from './bucket.ts'
import { keys } from './keys.ts'
import { digestMetadata, uploadInParts } from './upload.ts'

const maxDocumentBytes = 4 * 1024 * 1024
/** Up to here a blob goes in one call, which S3 checks as a whole. */
const maxSingleBytes = 16 * 1024 * 1024
/** A download that breaks off is taken up so often without a byte of progress. */
const maxResumes = 5

export type Blobs = {
  /** A small one, whole. */
  read(digest: Digest, signal: AbortSignal): Promise<Buffer>
  /** Whether it is there, by S3's own word on its bytes. */
  isSound(blob: { digest: Digest; size: number }, signal: AbortSignal): Promise<boolean>
  stream(descriptor: Descriptor, signal: AbortSignal): Promise<Readable>
  /** Stores it unless it is there and sound; replaces what is not. */
  put(blob: PackedBlob, signal: AbortSignal): Promise<void>
}

export function createBlobs(bucket: Bucket, location: string): Blobs {
  const placeOf = (digest: Digest) => `${bucket.url}/${keys.blob(digest)}`

  const isSound: Blobs['isSound'] = async (blob, signal) => {
    const head = await bucket.head(keys.blob(blob.digest), signal)
    return head !== null && matches(head, blob)
  }

  async function put(blob: PackedBlob, signal: AbortSignal): Promise<void> {
    throwIfAborted(signal)
    const head = await bucket.head(keys.blob(blob.digest), signal)
    if (head !== null && matches(head, blob)) return
    const check = (hex: string) => {
      if (digestFromHex(hex) !== blob.digest) throw changed(digestFromHex(hex))
    }
    const key = keys.blob(blob.digest)
    const content = await contentOf(blob, signal)
    const onlyNew = head === null
    if (blob.size > maxSingleBytes) return uploadInParts({ bucket, key, blob, content, check, onlyNew, signal })
    const bytes = await collected(content, blob)
    check(hexOf(digestOfBytes(bytes)))
    const sha256 = Buffer.from(hexOf(blob.digest), 'hex').toString('base64')
    await bucket.write(key, bytes, { onlyNew, sha256, contentType: 'application/octet-stream' }, signal)
  }

  async function* resuming(
    { digest, size }: Descriptor,
    first: Readable,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    let source = first
    let received = 0
    for (let resumes = 0; ; resumes++) {
      const before = received
      let fault: unknown = null
      try {
        for await (const chunk of source) {
          received += chunk.length
          yield chunk
        }
      } catch (error) {
        fault = error
      }
      throwIfAborted(signal)
      if (received >= size) return
      if (received > before) resumes = 0
      if (resumes === maxResumes) throw brokenOff(placeOf(digest), fault)
      const again = await bucket.open(keys.blob(digest), received, signal)
      if (again === null) return
      source = again
    }
  }

  return {
    isSound,
    put,

    async read(digest, signal) {
      throwIfAborted(signal)
      const bytes = await bucket.read(keys.blob(digest), maxDocumentBytes, signal)
      if (bytes === null) throw artifactMissing(digest, location)
      const found = digestOfBytes(bytes)
      if (found !== digest) throw artifactCorrupt(digest, placeOf(digest), `bytes with digest ${found}`)
      return bytes
    },

    async stream(descriptor, signal) {
      throwIfAborted(signal)
      const first = await bucket.open(keys.blob(descriptor.digest), 0, signal)
      if (first === null) throw artifactMissing(descriptor.digest, location)
      const checked = verifier(descriptor, (found) =>
        artifactCorrupt(descriptor.digest, placeOf(descriptor.digest), found),
      )
      const bytes = Readable.from(resuming(descriptor, first, signal), { objectMode: false })
      // Failures reach the reader through the stream itself.
      pipeline(addAbortSignal(signal, bytes), checked, () => {})
      return checked
    },
  }
}

/** S3 vouches for a checksum that it checked when the bytes came; an object without one is checked when it is read. */
function matches({ sizeBytes, sha256, metadata }: Head, { digest, size }: { digest: Digest; size: number }): boolean {
  if (sizeBytes !== size) return false
  const said = metadata[digestMetadata]
  if (said !== undefined) return said === digest
  if (sha256 === null || sha256.includes('-')) return true
  return sha256 === Buffer.from(hexOf(digest), 'hex').toString('base64')
}

async function collected(content: AsyncIterable<Uint8Array>, { size }: PackedBlob): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  const hash = createHash('sha256')
  for await (const chunk of content) {
    bytes += chunk.length
    hash.update(chunk)
    if (bytes > size) throw changed(digestFromHex(hash.digest('hex')))
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const changed = (found: Digest) =>
  erroredError('ARTIFACT_CHANGED', `a packed file changed before it was stored: it now has digest ${found}`, {
    hint: 'does something else write into the build scratch directory?',
  })

const brokenOff = (place: string, cause: unknown) =>
  cause instanceof TrunklineError
    ? cause
    : erroredError('AWS_UNREACHABLE', `${place} breaks off again and again`, { cause })
