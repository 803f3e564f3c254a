/** The bytes of what was packed, wherever they are. */
import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import type { PackedBlob } from '../ports/index.ts'

/** The bytes of a packed blob, chunk by chunk. */
export async function contentOf({ content }: PackedBlob, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
  switch (content.kind) {
    case 'file':
      return createReadStream(content.path, { signal, highWaterMark: 1024 * 1024 })
    case 'bytes':
      return Readable.from([content.bytes])
    case 'stream':
      return await content.open(signal)
  }
}
