import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import { type Extract, extract } from 'tar-stream'
import { TrunklineError } from '../../model/index.ts'
import { abortReason } from '../artifact-errors.ts'
import { type Extraction, unsafe } from './extraction.ts'
import { malformed } from './malformed.ts'

/**
 * Reads a tar stream to its end. What the stream itself fails with (corruption, network) is thrown as it is, and comes
 * before any verdict on its entries: nothing is known of an archive before its bytes are known to be the digest's.
 */
export async function untar(content: Readable, extraction: Extraction, signal: AbortSignal): Promise<void> {
  const archive = extract()
  const source = finished(content, { writable: false })
  // Awaited below; entries may fail first.
  source.catch((error) => archive.destroy(error))
  const stop = () => archive.destroy(new Error('aborted'))
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  content.pipe(archive)
  try {
    for await (const entry of archive) await layDown(entry, extraction)
    await source
  } catch (error) {
    content.unpipe(archive)
    archive.destroy()
    throw await causeOf(error, { content, source, signal })
  } finally {
    signal.removeEventListener('abort', stop)
  }
}

type Unpacked = { content: Readable; source: Promise<void>; signal: AbortSignal }

/** The abort first, then our own disk, then what the source says at its end; what is left is a verdict on the archive. */
async function causeOf(error: unknown, { content, source, signal }: Unpacked): Promise<unknown> {
  const isOurs = error instanceof Error && 'syscall' in error && !content.destroyed
  if (signal.aborted || isOurs) {
    content.destroy()
    return signal.aborted ? abortReason(signal) : error
  }
  content.resume()
  const sourceError = await source.then(
    () => null,
    (reason: unknown) => reason,
  )
  if (sourceError !== null) return sourceError
  if (error instanceof TrunklineError) return error
  return malformed(error instanceof Error ? error.message : String(error), error)
}

/** What tar-stream iterates over; it exports no name for it. */
type Entry = Extract extends AsyncIterable<infer Source> ? Source : never

async function layDown(entry: Entry, extraction: Extraction): Promise<void> {
  const { type, name, linkname, mode } = entry.header
  switch (type) {
    case 'file':
    case 'contiguous-file':
      // Its chunks are typed as anything; without an encoding they are bytes.
      await extraction.file(name, entry as AsyncIterable<Uint8Array>, { executable: (mode & 0o100) !== 0 })
      return
    case 'symlink':
      extraction.link(name, linkname)
      break
    case 'directory':
      await extraction.folder(name.replace(/\/$/, ''))
      break
    default:
      throw unsafe(name, `is a ${type ?? 'thing of unknown kind'}`)
  }
  entry.resume()
}
