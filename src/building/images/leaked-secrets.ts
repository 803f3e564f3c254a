/** Looks for a build's secrets in the image it made: in its configuration, and in its layers' files. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import { mediaTypes } from '../../artifacts/media-types.ts'
import type { PackedArtifact, PackedBlob } from '../../ports/index.ts'

/** Shorter ones are found by chance. */
const minLength = 8

/** Where one of the values stands, for people; null: nowhere. Values of fewer than eight bytes are not looked for. */
export async function findLeak(
  artifact: PackedArtifact,
  values: readonly string[],
  signal: AbortSignal,
): Promise<string | null> {
  const wanted = values.map((value) => Buffer.from(value)).filter((value) => value.length >= minLength)
  if (wanted.length === 0) return null
  for (const blob of artifact.blobs) {
    if (!(await holdsOne(blob, wanted, signal))) continue
    return blob.mediaType === mediaTypes.imageConfig
      ? 'the configuration of the image (an ARG, ENV or LABEL)'
      : `a file of layer ${blob.digest.slice('sha256:'.length, 'sha256:'.length + 12)}`
  }
  return null
}

async function holdsOne(blob: PackedBlob, wanted: readonly Buffer[], signal: AbortSignal): Promise<boolean> {
  if (blob.content.kind === 'stream') return false
  const bytes = blob.content.kind === 'file' ? createReadStream(blob.content.path) : Readable.from([blob.content.bytes])
  const overlap = Math.max(...wanted.map((value) => value.length)) - 1
  let found = false
  const search = async (chunks: AsyncIterable<Buffer>) => {
    let rest = Buffer.alloc(0)
    for await (const chunk of chunks) {
      if (found) continue
      const window = Buffer.concat([rest, chunk])
      found = wanted.some((value) => window.includes(value))
      rest = window.subarray(Math.max(0, window.length - overlap))
    }
  }
  if (blob.mediaType.endsWith('gzip')) await pipeline(bytes, createGunzip(), search, { signal })
  else await pipeline(bytes, search, { signal })
  return found
}
