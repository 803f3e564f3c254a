/**
 * Writes tar archives (POSIX.1-2001 pax, ustar where that suffices). Written here and not by a library because these
 * bytes are what digests name: an update of a dependency must never change them.
 *
 * Whatever could differ between two machines is constant: time 0, owner 0 without a name, modes 0644, 0755 and 0777.
 */

import { readSelected } from './read-file.ts'
import type { ScratchFile } from './scratch-file.ts'
import type { SelectedFile } from './select-files.ts'

const blockBytes = 512
const zeroBlock: Uint8Array = new Uint8Array(blockBytes)
/** Eleven octal digits; larger sizes go into a pax record. */
const maxOctalSize = 0o77777777777

/** Appends one file or link. */
export async function writeTarEntry(
  archive: ScratchFile,
  directory: string,
  entry: SelectedFile,
  { as = entry.path, signal }: { /** Its path in the archive. */ as?: string; signal?: AbortSignal | undefined } = {},
): Promise<void> {
  await archive.write(tarHeader({ ...entry, path: as }))
  if (entry.kind !== 'file') return
  for await (const chunk of readSelected(directory, entry, signal)) await archive.write(chunk)
  await archive.write(zeroBlock.subarray(0, padding(entry.size)))
}

/** Two zero blocks end an archive. */
export async function endTar(archive: ScratchFile): Promise<void> {
  await archive.write(zeroBlock)
  await archive.write(zeroBlock)
}

/** The header block of an entry, with the pax records before it that it needs. */
export function tarHeader(entry: SelectedFile): Uint8Array {
  const size = entry.kind === 'file' ? entry.size : 0
  const target = entry.kind === 'symlink' ? entry.target : ''
  const name = splitName(entry.path)
  const records: [key: string, value: string][] = []
  if (name === null) records.push(['path', entry.path])
  if (!fits(target, 100)) records.push(['linkpath', target])
  if (size > maxOctalSize) records.push(['size', String(size)])

  const block = headerBlock({
    ...(name ?? { name: ascii(entry.path), prefix: '' }),
    mode: entry.kind === 'symlink' ? 0o777 : entry.executable ? 0o755 : 0o644,
    size: Math.min(size, maxOctalSize),
    type: entry.kind === 'symlink' ? '2' : '0',
    target: ascii(target),
  })
  return records.length === 0 ? block : Buffer.concat([paxHeader(entry.path, records), block])
}

function paxHeader(path: string, records: readonly (readonly [string, string])[]): Uint8Array {
  const body = Buffer.concat(records.map(([key, value]) => paxRecord(key, value)))
  const base = path.slice(path.lastIndexOf('/') + 1)
  const block = headerBlock({
    name: ascii(`PaxHeaders.0/${base}`),
    prefix: '',
    mode: 0o644,
    size: body.length,
    type: 'x',
    target: '',
  })
  return Buffer.concat([block, body, zeroBlock.subarray(0, padding(body.length))])
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function paxRecord(key: string, value: string): Uint8Array {
  const rest = Buffer.from(` ${key}=${value}\n`)
  let length = rest.length
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return Buffer.concat([Buffer.from(String(length)), rest])
}

type HeaderFields = { name: string; prefix: string; mode: number; size: number; type: string; target: string }

function headerBlock({ name, prefix, mode, size, type, target }: HeaderFields): Uint8Array {
  const block = Buffer.alloc(blockBytes)
  block.write(name, 0, 100, 'latin1')
  block.write(octal(mode, 7), 100)
  block.write(octal(0, 7), 108) // uid
  block.write(octal(0, 7), 116) // gid
  block.write(octal(size, 11), 124)
  block.write(octal(0, 11), 136) // mtime
  block.write(type, 156)
  block.write(target, 157, 100, 'latin1')
  block.write('ustar\0' + '00', 257, 'latin1')
  block.write(octal(0, 7), 329) // device major
  block.write(octal(0, 7), 337) // device minor
  block.write(prefix, 345, 155, 'latin1')
  block.write('        ', 148)
  block.write(`${octal(checksum(block), 6)}\0 `, 148, 'latin1')
  return block
}

const octal = (value: number, digits: number): string => value.toString(8).padStart(digits, '0')

const checksum = (block: Uint8Array): number => block.reduce((sum, byte) => sum + byte, 0)

const padding = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes

const isAscii = (text: string): boolean => /^[\x01-\x7f]*$/.test(text)

const fits = (text: string, bytes: number): boolean => isAscii(text) && text.length <= bytes

/** Splits a path over ustar's two fields; null where it takes a pax record. */
function splitName(path: string): { name: string; prefix: string } | null {
  if (!isAscii(path)) return null
  if (path.length <= 100) return { name: path, prefix: '' }
  for (let slash = path.indexOf('/'); slash !== -1 && slash <= 155; slash = path.indexOf('/', slash + 1)) {
    if (slash > 0 && path.length - slash - 1 <= 100)
      return { prefix: path.slice(0, slash), name: path.slice(slash + 1) }
  }
  return null
}

/** What stands in the old fields where a pax record says the truth: readable, and never half a character. */
const ascii = (text: string): string => text.replace(/[^\x01-\x7f]/g, '_').slice(0, 100)
