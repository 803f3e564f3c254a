/** What the instances of a service have written, merged by time and masked. */

import { createMasker, type Masker, sanitizeTerminal } from '../../../masking/index.ts'
import type { LogLine } from '../../../ports/index.ts'
import type { Instance } from './instance.ts'
import { type FileLine, lastLines, linesFrom } from './log-file.ts'
import type { LogTimes } from './log-times.ts'
import type { Template } from './protocol.ts'

/** Per file: where the reader has got to. */
export type LogCursor = Record<string, number>

export type LogPage = { lines: LogLine[]; cursor: LogCursor }

const streams = ['stdout', 'stderr'] as const

/** The last `count` lines of all of them together, and a cursor to go on from. */
export function readLastLines(instances: readonly Instance[], count: number, times: LogTimes): LogPage {
  const cursor: LogCursor = {}
  const lines = readEach(instances, times, (path, key) => {
    const { lines, end } = lastLines(path, count)
    cursor[key] = end
    return lines
  })
  return { lines: count === 0 ? [] : lines.slice(-count), cursor }
}

/** What came since the cursor; an instance it does not name is read from its beginning. */
export function readNewLines(instances: readonly Instance[], from: LogCursor, times: LogTimes): LogPage {
  const cursor: LogCursor = {}
  const lines = readEach(instances, times, (path, key) => {
    const { lines, next } = linesFrom(path, from[key] ?? 0)
    cursor[key] = next
    return lines
  })
  return { lines, cursor }
}

function readEach(
  instances: readonly Instance[],
  times: LogTimes,
  read: (path: string, key: string) => FileLine[],
): LogLine[] {
  const dated = instances.flatMap((instance) => {
    const { id, template } = instance.record
    const masker = maskerOf(template)
    return streams.flatMap((stream) => {
      const path = instance.logFiles[stream]
      return read(path, `${id}.${stream}`).map((line) => ({
        atMs: times.timeOf(path, line.offset),
        line: { instance: id, stream, text: readable(line, masker) },
      }))
    })
  })
  // The sort is stable: lines of one file stay in their order.
  return dated
    .sort((left, right) => left.atMs - right.atMs)
    .map(({ atMs, line }) => ({ at: new Date(atMs).toISOString(), ...line }))
}

/**
 * A line as it may leave this host. What could hide a secret from the masker, or anything from people, goes first: an
 * escape sequence in the middle of it vanishes on its way to the terminal.
 */
export function readable({ text, isCut }: Pick<FileLine, 'text' | 'isCut'>, masker: Masker): string {
  // Perhaps in the middle of a secret.
  const mask = isCut ? masker.maskCut : masker.mask
  return mask(sanitizeTerminal(text))
}

/** Hides the values of the variables that are declared secret. */
export function maskerOf(spec: Pick<Template, 'env' | 'secrets'>): Masker {
  return createMasker(spec.secrets.flatMap((name) => spec.env[name] ?? []))
}
