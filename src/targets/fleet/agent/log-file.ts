/**
 * Log files that processes append to by themselves. Rotation copies and truncates, because the writer keeps its open
 * file: what it writes between the last copied byte and the truncation (well under a millisecond) is lost.
 */
import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'

const chunkBytes = 256 * 1024
/** The rest of a longer line is dropped: a log is for people. */
const maxLineBytes = 64 * 1024

export type LogRotation = { maxBytes: number; keptFiles: number }

/** 4 files of 10 MiB at most for each stream of each instance. */
export const instanceLogRotation: LogRotation = { maxBytes: 10 * 1024 * 1024, keptFiles: 3 }

/** Size in bytes; 0 where there is no such file. */
export function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}

/** Moves a file that has grown beyond the limit to `<path>.1`, `.1` to `.2` and so on, and empties it. True if it did. */
export function rotateLog(path: string, { maxBytes, keptFiles }: LogRotation): boolean {
  if (sizeOf(path) <= maxBytes) return false
  rmSync(`${path}.${keptFiles}`, { force: true })
  for (let index = keptFiles - 1; index >= 1; index--) {
    if (statSync(`${path}.${index}`, { throwIfNoEntry: false })) renameSync(`${path}.${index}`, `${path}.${index + 1}`)
  }
  copyAndTruncate(path, `${path}.1`, maxBytes)
  return true
}

function copyAndTruncate(from: string, to: string, maxBytes: number): void {
  const source = openSync(from, 'r+')
  const copy = openSync(to, 'w', 0o600)
  try {
    const buffer = Buffer.allocUnsafe(chunkBytes)
    // A writer faster than this copy must not hold it here for ever: four times the limit is the end of patience.
    let position = 0
    for (;;) {
      const count = readSync(source, buffer, 0, buffer.length, position)
      if (count === 0 || position > 4 * maxBytes) break
      writeSync(copy, buffer, 0, count)
      position += count
    }
    ftruncateSync(source, 0)
  } finally {
    closeSync(source)
    closeSync(copy)
  }
}

/** A line and where in its file it begins. */
export type FileLine = { offset: number; text: string }

/** The last lines of a file (and of the one rotated away before it, with negative offsets), and where the file ends. */
export function lastLines(path: string, count: number): { lines: FileLine[]; end: number } {
  const end = sizeOf(path)
  const lines = linesBefore(path, end, count)
  const missing = count - lines.length
  if (missing <= 0) return { lines, end }
  const older = `${path}.1`
  const olderEnd = sizeOf(older)
  const earlier = linesBefore(older, olderEnd, missing)
  return { lines: [...earlier.map((line) => ({ ...line, offset: line.offset - olderEnd })), ...lines], end }
}

function linesBefore(path: string, end: number, count: number): FileLine[] {
  // Enough for the usual case in one read, and a bound for the unusual.
  const start = Math.max(0, end - Math.max(chunkBytes, Math.min(count * 512, 4 * 1024 * 1024)))
  const lines = splitLines(readRange(path, start, end - start), start)
  // The first piece of a read from the middle is the end of a line.
  if (start > 0) lines.shift()
  return count === 0 ? [] : lines.slice(-count)
}

/** Whole lines from `offset` on, bounded; `next` is where to go on. A file that was rotated meanwhile begins anew. */
export function linesFrom(path: string, offset: number): { lines: FileLine[]; next: number } {
  const size = sizeOf(path)
  const start = offset > size ? 0 : offset
  const bytes = readRange(path, start, Math.min(size - start, chunkBytes))
  const lastBreak = bytes.lastIndexOf(0x0a)
  if (lastBreak >= 0) return { lines: splitLines(bytes.subarray(0, lastBreak + 1), start), next: start + lastBreak + 1 }
  if (bytes.length < maxLineBytes) return { lines: [], next: start }
  return { lines: splitLines(bytes, start), next: start + bytes.length }
}

function readRange(path: string, start: number, length: number): Buffer {
  if (length <= 0) return Buffer.alloc(0)
  let file: number
  try {
    file = openSync(path, 'r')
  } catch {
    return Buffer.alloc(0)
  }
  try {
    const buffer = Buffer.alloc(Math.min(length, Math.max(0, fstatSync(file).size - start)))
    let read = 0
    while (read < buffer.length) {
      const count = readSync(file, buffer, read, buffer.length - read, start + read)
      if (count === 0) break
      read += count
    }
    return buffer.subarray(0, read)
  } finally {
    closeSync(file)
  }
}

function splitLines(bytes: Buffer, start: number): FileLine[] {
  const lines: FileLine[] = []
  for (let position = 0; position < bytes.length; ) {
    const found = bytes.indexOf(0x0a, position)
    const end = found < 0 ? bytes.length : found
    const text = bytes.subarray(position, Math.min(end, position + maxLineBytes)).toString('utf8')
    lines.push({ offset: start + position, text: text.replace(/\r$/, '') })
    position = end + 1
  }
  return lines
}
