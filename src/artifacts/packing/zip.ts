/**
 * Writes zip archives with stored (uncompressed) entries. Compressing would tie the digest to one version of zlib on
 * one kind of processor: Chromium's zlib, which Node ships, chooses other matches with SIMD instructions than without.
 * Where a zip travels far, transport compression serves as well.
 *
 * No zip64: a zip is meant for AWS Lambda, whose limits lie far below. Larger artifacts are bundles.
 */
import { crc32 } from 'node:zlib'
import { failedError } from '../../model/index.ts'
import { readSelected } from './read-file.ts'
import type { ScratchFile } from './scratch-file.ts'
import type { SelectedFile } from './select-files.ts'

const maxEntries = 0xffff
const maxOffset = 0xffffffff

/** 1980-01-01 00:00, the first moment a zip can name. */
const dosTime = 0
const dosDate = (1 << 5) | 1
/** Bit 11: names are UTF-8. */
const flags = 0x0800
/** Version 2.0 of the format, made on Unix (3): its readers take the mode from the external attributes. */
const neededVersion = 20
const madeBy = (3 << 8) | neededVersion

type ZipEntry = { name: Uint8Array; crc: number; size: number; mode: number }

/** Writes all entries and the directory at the end. Fails with `ARTIFACT_TOO_LARGE` beyond what a plain zip holds. */
export async function writeZip(
  archive: ScratchFile,
  directory: string,
  files: readonly SelectedFile[],
  signal?: AbortSignal,
): Promise<void> {
  if (files.length > maxEntries) throw tooLarge(`${files.length} files`)
  const records: Uint8Array[] = []
  for (const file of files) {
    const entry = await describeEntry(directory, file, signal)
    const offset = archive.size
    if (offset + entry.size > maxOffset) throw tooLarge('more than 4 GiB')
    records.push(directoryRecord(entry, offset))
    await archive.write(localHeader(entry))
    if (file.kind === 'symlink') await archive.write(Buffer.from(file.target))
    else for await (const chunk of readSelected(directory, file, signal)) await archive.write(chunk)
  }
  const start = archive.size
  for (const record of records) await archive.write(record)
  if (archive.size > maxOffset) throw tooLarge('more than 4 GiB')
  await archive.write(endRecord(records.length, archive.size - start, start))
}

/**
 * Reads the file once for its checksum, which stands before the content. The alternative, a checksum after the content
 * (bit 3), is what several readers refuse for stored entries. A file that changes between the two readings without
 * changing its size gives a zip whose checksum is wrong: every reader notices, and so does the unpacker.
 */
async function describeEntry(directory: string, file: SelectedFile, signal?: AbortSignal): Promise<ZipEntry> {
  const name = Buffer.from(file.path)
  if (file.kind === 'symlink') {
    const target = Buffer.from(file.target)
    return { name, crc: crc32(target), size: target.length, mode: 0o120777 }
  }
  let crc = 0
  for await (const chunk of readSelected(directory, file, signal)) crc = crc32(chunk, crc)
  return { name, crc, size: file.size, mode: file.executable ? 0o100755 : 0o100644 }
}

function localHeader(entry: ZipEntry): Uint8Array {
  const header = Buffer.alloc(30)
  header.writeUInt32LE(0x04034b50, 0)
  header.writeUInt16LE(neededVersion, 4)
  writeShared(header, 6, entry)
  return Buffer.concat([header, entry.name])
}

function directoryRecord(entry: ZipEntry, offset: number): Uint8Array {
  const record = Buffer.alloc(46)
  record.writeUInt32LE(0x02014b50, 0)
  record.writeUInt16LE(madeBy, 4)
  record.writeUInt16LE(neededVersion, 6)
  writeShared(record, 8, entry)
  // Unsigned: a mode's top bits would make the shifted number negative.
  record.writeUInt32LE((entry.mode << 16) >>> 0, 38)
  record.writeUInt32LE(offset, 42)
  return Buffer.concat([record, entry.name])
}

/** The fields that a local header and a directory record have in common, method 0 (stored) among them. */
function writeShared(header: Buffer, at: number, { name, crc, size }: ZipEntry): void {
  header.writeUInt16LE(flags, at)
  header.writeUInt16LE(0, at + 2)
  header.writeUInt16LE(dosTime, at + 4)
  header.writeUInt16LE(dosDate, at + 6)
  header.writeUInt32LE(crc, at + 8)
  header.writeUInt32LE(size, at + 12)
  header.writeUInt32LE(size, at + 16)
  header.writeUInt16LE(name.length, at + 20)
}

function endRecord(entries: number, size: number, start: number): Uint8Array {
  const record = Buffer.alloc(22)
  record.writeUInt32LE(0x06054b50, 0)
  record.writeUInt16LE(entries, 8)
  record.writeUInt16LE(entries, 10)
  record.writeUInt32LE(size, 12)
  record.writeUInt32LE(start, 16)
  return record
}

const tooLarge = (what: string) =>
  failedError('ARTIFACT_TOO_LARGE', `a zip cannot hold ${what}`, {
    hint: `it takes ${maxEntries} files and 4 GiB; narrow include, or make it a bundle`,
  })
