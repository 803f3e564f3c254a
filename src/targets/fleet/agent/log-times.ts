/**
 * When the bytes of a log file were written. Processes write their files themselves, without times; the agent looks at
 * the sizes several times a second and remembers, so that lines of several instances can be put in order.
 */
import { statSync } from 'node:fs'
import { sizeOf } from './log-file.ts'

type Mark = { offset: number; atMs: number }

/** Then the older half is thinned out: times of old lines get coarser, and memory stays bounded. */
const maxMarks = 2048

export class LogTimes {
  private readonly marks = new Map<string, Mark[]>()
  private readonly sizes = new Map<string, number>()

  /** Notes that the file has grown since it was last looked at. */
  observe(path: string, nowMs: number): void {
    const size = sizeOf(path)
    const before = this.sizes.get(path) ?? 0
    if (size === before) return
    this.sizes.set(path, size)
    const marks = size < before ? [] : (this.marks.get(path) ?? [])
    // A file found with content at first sight says nothing about the time of that content.
    const isKnown = this.marks.has(path) || before > 0
    if (isKnown || size < before) marks.push({ offset: size < before ? 0 : before, atMs: nowMs })
    else marks.push({ offset: 0, atMs: lastWriteMs(path) ?? nowMs })
    this.marks.set(
      path,
      marks.length > maxMarks ? marks.filter((_, index) => index % 2 === 1 || index > maxMarks / 2) : marks,
    )
  }

  /** When the byte at `offset` was written, to the precision of looking; negative offsets lie in an older file. */
  timeOf(path: string, offset: number): number {
    const marks = this.marks.get(path) ?? []
    let low = 0
    let high = marks.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((marks[middle]?.offset ?? 0) <= offset) low = middle + 1
      else high = middle
    }
    return (marks[low - 1] ?? marks[0])?.atMs ?? lastWriteMs(path) ?? 0
  }

  forget(path: string): void {
    this.marks.delete(path)
    this.sizes.delete(path)
  }
}

const lastWriteMs = (path: string): number | undefined =>
  Math.trunc(statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) || undefined
