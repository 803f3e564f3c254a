/**
 * Paths between git's bytes and strings. UTF-8 is what it says; a byte that belongs to no UTF-8 sequence stands as a
 * lone surrogate U+DC80…U+DCFF (as Python's `surrogateescape` does), so that both ways lose nothing.
 */
import { isUtf8 } from 'node:buffer'

const escapeBase = 0xdc00

/** A path's bytes as a string. */
export function decodePath(bytes: Uint8Array): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return isUtf8(buffer) ? buffer.toString('utf8') : decodeBroken(buffer)
}

/** The bytes of a path that `decodePath` gave, or of any well-formed string. */
export function encodePath(path: string): Buffer {
  // A well-formed string has no lone surrogate, hence no escaped byte.
  if (path.isWellFormed()) return Buffer.from(path, 'utf8')
  const parts: Buffer[] = []
  for (const character of path) {
    const code = character.codePointAt(0) ?? 0
    parts.push(isEscapedByte(code) ? Buffer.of(code - escapeBase) : Buffer.from(character, 'utf8'))
  }
  return Buffer.concat(parts)
}

/** Whether a path has bytes that no UTF-8 string has: it can stand in no command line. */
export const hasRawBytes = (path: string): boolean => !path.isWellFormed()

const isEscapedByte = (code: number) => code >= escapeBase + 0x80 && code <= escapeBase + 0xff

function decodeBroken(buffer: Buffer): string {
  let text = ''
  let at = 0
  while (at < buffer.length) {
    const length = sequenceLength(buffer, at)
    if (length === 0) {
      text += String.fromCharCode(escapeBase + (buffer[at] ?? 0))
      at++
    } else {
      text += buffer.toString('utf8', at, at + length)
      at += length
    }
  }
  return text
}

/** Length of the UTF-8 sequence that begins here; 0 where none does. */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at] ?? 0
  const length = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0
  return length > 0 && at + length <= buffer.length && isUtf8(buffer.subarray(at, at + length)) ? length : 0
}
