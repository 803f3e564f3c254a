import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Extract, extract } from 'tar-stream'
import { TrunklineError } from '../../model/index.ts'
import { abortReason } from '../artifact-errors.ts'
import { type Extraction, unsafe } from './extraction.ts'
import { malformed } from './malformed.ts'

/** Reads a tar stream to its end. What the stream itself fails with (corruption, network) is thrown as it is. */
export async function untar(content: Readable, extraction: Extraction, signal: AbortSignal): Promise<void> {
  let sourceError: Error | null = null
  content.once('error', (error) => {
    sourceError = error
  })
  const archive = extract()
  const flowing = pipeline(content, archive, { signal })
  // Awaited below; entries may fail first.
  flowing.catch(() => {})
  try {
    for await (const entry of archive) await layDown(entry, extraction)
    await flowing
  } catch (error) {
    content.destroy()
    archive.destroy()
    await flowing.catch(() => {})
    throw causeOf(error, sourceError, signal)
  }
}

/** Our own verdict first, then the abort, then what the source said; what is left is the parser's complaint. */
function causeOf(error: unknown, sourceError: Error | null, signal: AbortSignal): unknown {
  if (error instanceof TrunklineError) return error
  if (signal.aborted) return abortReason(signal)
  if (sourceError !== null) return sourceError
  if (error instanceof Error && 'syscall' in error) return error
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
