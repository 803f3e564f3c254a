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
const lineEnd = 0x0a
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

/** A line and where in its file it begins. `isCut`: there is more of it, not written yet, in another file, or too much. */
export type FileLine = { offset: number; text: string; isCut: boolean }

/**
 * The last lines of a file (and of the one rotated away before it, with negative offsets), and where to go on: before a
 * line that has no end yet, so that nobody is shown its rest alone.
 */
export function lastLines(path: string, count: number): { lines: FileLine[]; end: number } {
  const size = sizeOf(path)
  const lines = linesBefore(path, size, Math.max(1, count))
  const last = lines.at(-1)
  const isUnfinished = last?.isCut && size - last.offset < maxLineBytes
  const end = isUnfinished ? last.offset : size
  if (count === 0) return { lines: [], end }
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
  if (isInsideLine(path, start)) lines.shift()
  return lines.slice(-count)
}

/** Whether a line that began before this place, perhaps in the file before, goes on here: its rest alone is no line. */
function isInsideLine(path: string, offset: number): boolean {
  const [file, place] = offset > 0 ? [path, offset - 1] : [olderThan(path), sizeOf(olderThan(path)) - 1]
  const [before = lineEnd] = place < 0 ? [] : readRange(file, place, 1)
  return before !== lineEnd
}

/** `x.log` → `x.log.1` → `x.log.2` */
function olderThan(path: string): string {
  const [, name = path, index = '0'] = /^(.*\.log)\.(\d+)$/s.exec(path) ?? []
  return `${name}.${Number(index) + 1}`
}

/** Whole lines from `offset` on, bounded; `next` is where to go on. A file that was rotated meanwhile begins anew. */
export function linesFrom(path: string, offset: number): { lines: FileLine[]; next: number } {
  const size = sizeOf(path)
  const start = offset > size ? 0 : offset
  const bytes = readRange(path, start, Math.min(size - start, chunkBytes))
  const rest = isInsideLine(path, start) ? lengthOfFirst(bytes) : 0
  const lastBreak = bytes.lastIndexOf(lineEnd)
  const next = start + lastBreak + 1
  if (lastBreak >= 0) return { lines: splitLines(bytes.subarray(rest, lastBreak + 1), start + rest), next }
  if (rest > 0) return { lines: [], next: start + bytes.length }
  if (bytes.length < maxLineBytes) return { lines: [], next: start }
  return { lines: splitLines(bytes, start), next: start + bytes.length }
}

/** With its end, where it has one. */
function lengthOfFirst(bytes: Buffer): number {
  const found = bytes.indexOf(lineEnd)
  return found < 0 ? bytes.length : found + 1
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
    const found = bytes.indexOf(lineEnd, position)
    const end = found < 0 ? bytes.length : found
    const isCut = found < 0 || end - position > maxLineBytes
    const text = bytes.subarray(position, Math.min(end, position + maxLineBytes)).toString('utf8')
    lines.push({ offset: start + position, text: text.replace(/\r$/, ''), isCut })
    position = end + 1
  }
  return lines
}
