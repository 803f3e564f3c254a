/**
 * Reads zips as `packZip` writes them: stored entries, one after the other without a gap, listed in the same order.
 * Being this strict leaves no room for archives that show different content to different readers, or hold more
 * than they weigh by overlapping entries.
 */
import type { FileHandle } from 'node:fs/promises'
import { crc32 } from 'node:zlib'
import { throwIfAborted } from '../artifact-errors.ts'
import { type Extraction, unsafe } from './extraction.ts'
import { malformed } from './malformed.ts'

type Record = { name: string; crc: number; size: number; mode: number; offset: number; nameBytes: number }

const fileTypeMask = 0o170000
const regular = 0o100000
const link = 0o120000
const localHeaderBytes = 30
const recordBytes = 46
const endBytes = 22
const maxDirectoryBytes = 256 * 1024 * 1024

/** Reads the zip in `file`, of `size` bytes, to its end. */
export async function unzip(
  file: FileHandle,
  size: number,
  extraction: Extraction,
  signal: AbortSignal,
): Promise<void> {
  const { records, start } = await readDirectory(file, size)
  let expected = 0
  for (const record of records) {
    throwIfAborted(signal)
    const contentStart = record.offset + localHeaderBytes + record.nameBytes
    if (record.offset !== expected) throw malformed(`${record.name} does not follow the entry before it`)
    expected = contentStart + record.size
    if (expected > start) throw malformed(`${record.name} runs into the directory`)
    await checkLocalHeader(file, record)
    await layDown(file, record, contentStart, extraction)
  }
  if (expected !== start) throw malformed('there are bytes between the entries and the directory')
}

async function layDown(file: FileHandle, record: Record, start: number, extraction: Extraction): Promise<void> {
  const content = checkedContent(file, record, start)
  const type = record.mode & fileTypeMask
  if (type === regular) {
    await extraction.file(record.name, content, { executable: (record.mode & 0o100) !== 0 })
  } else if (type === link) {
    if (record.size > 4096) throw unsafe(record.name, 'is a link with too long a target')
    const chunks: Uint8Array[] = []
    // Copied: the chunks share one buffer.
    for await (const chunk of content) chunks.push(Buffer.from(chunk))
    extraction.link(record.name, Buffer.concat(chunks).toString('utf8'))
  } else throw unsafe(record.name, 'is neither a file nor a link')
}

async function readDirectory(file: FileHandle, size: number): Promise<{ records: Record[]; start: number }> {
  if (size < endBytes) throw malformed('it is too short for a zip')
  const end = await readExactly(file, size - endBytes, endBytes)
  if (end.readUInt32LE(0) !== 0x06054b50 || end.readUInt16LE(20) !== 0) throw malformed('it does not end as a zip does')
  const count = end.readUInt16LE(10)
  const directoryBytes = end.readUInt32LE(12)
  const start = end.readUInt32LE(16)
  if (directoryBytes > maxDirectoryBytes || start + directoryBytes + endBytes !== size) {
    throw malformed('its directory is not where it should be')
  }
  const directory = await readExactly(file, start, directoryBytes)
  const records: Record[] = []
  let at = 0
  for (let index = 0; index < count; index++) {
    const record = parseRecord(directory, at)
    records.push(record)
    at += recordBytes + record.nameBytes
  }
  if (at !== directoryBytes) throw malformed('its directory holds something else besides entries')
  return { records, start }
}

function parseRecord(directory: Buffer, at: number): Record {
  if (at + recordBytes > directory.length || directory.readUInt32LE(at) !== 0x02014b50) {
    throw malformed('its directory is cut off')
  }
  const nameBytes = directory.readUInt16LE(at + 28)
  const extras = directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32)
  const method = directory.readUInt16LE(at + 10)
  const size = directory.readUInt32LE(at + 24)
  const name = directory.toString('utf8', at + recordBytes, at + recordBytes + nameBytes)
  if (method !== 0 || extras !== 0 || directory.readUInt32LE(at + 20) !== size) {
    throw malformed(`${name} is compressed, encrypted or annotated`)
  }
  const mode = directory.readUInt32LE(at + 38) >>> 16
  return { name, nameBytes, size, mode, crc: directory.readUInt32LE(at + 16), offset: directory.readUInt32LE(at + 42) }
}

/** What stands before the content must say the same as the directory. */
async function checkLocalHeader(file: FileHandle, record: Record): Promise<void> {
  const header = await readExactly(file, record.offset, localHeaderBytes + record.nameBytes)
  const agrees =
    header.readUInt32LE(0) === 0x04034b50 &&
    header.readUInt16LE(8) === 0 &&
    header.readUInt32LE(14) === record.crc &&
    header.readUInt32LE(18) === record.size &&
    header.readUInt16LE(26) === record.nameBytes &&
    header.readUInt16LE(28) === 0 &&
    header.toString('utf8', localHeaderBytes) === record.name
  if (!agrees) throw malformed(`${record.name} is described in two ways`)
}

async function* checkedContent(file: FileHandle, record: Record, start: number): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(Math.min(1024 * 1024, Math.max(1, record.size)))
  let crc = 0
  for (let done = 0; done < record.size; ) {
    const { bytesRead } = await file.read(buffer, 0, Math.min(buffer.length, record.size - done), start + done)
    if (bytesRead === 0) throw malformed('it is cut off')
    const chunk = buffer.subarray(0, bytesRead)
    crc = crc32(chunk, crc)
    done += bytesRead
    yield chunk
  }
  if (crc !== record.crc) throw malformed(`the checksum of ${record.name} is wrong`)
}

async function readExactly(file: FileHandle, start: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length)
  for (let done = 0; done < length; ) {
    const { bytesRead } = await file.read(buffer, done, length - done, start + done)
    if (bytesRead === 0) throw malformed('it is cut off')
    done += bytesRead
  }
  return buffer
}
