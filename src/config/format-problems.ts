/** Shows problems as a compiler does: the place, the line, what is wrong with it, what was meant. */
import pico from 'picocolors'
import stringWidth from 'string-width'
import type { Location, Problem } from '../model/index.ts'

export type ProblemFormat = {
  color: boolean
  /** Columns to fit everything in; absent: source lines are cut to a fair length, sentences stay on theirs. */
  width?: number
}

type Colors = ReturnType<typeof pico.createColors>

const defaultWidth = 120
const leastWidth = 40

/** One block a problem, with an empty line between them; no newline at the end. */
export function formatProblems(problems: readonly Problem[], { color, width }: ProblemFormat): string {
  const colors = pico.createColors(color)
  const gutter = Math.max(2, ...problems.map(({ location }) => String(location?.line ?? '').length))
  const room = width === undefined ? null : Math.max(width, leastWidth)
  return problems.map((problem) => formatProblem(problem, colors, gutter, room)).join('\n\n')
}

function formatProblem({ location, message, hint }: Problem, colors: Colors, gutter: number, room: number | null) {
  const margin = ' '.repeat(gutter + 2)
  const said = (lead: string, text: string): string[] =>
    wrapped(printable(text), room === null ? null : { first: room - stringWidth(lead), others: room - gutter - 4 }).map(
      (line, index) => (index === 0 ? '' : `${margin}  `) + emphasize(line, colors),
    )
  const place = location === undefined ? '' : `${placeOf(location)}  `
  const [first = '', ...rest] = said(`${place}error  `, message)
  const lines = [`${colors.cyan(place)}${colors.red(colors.bold('error'))}  ${first}`, ...rest]
  if (location?.line !== undefined && location.source !== undefined) {
    lines.push(...sourceLines(location, colors, gutter, room ?? defaultWidth))
  }
  if (hint !== undefined) {
    const [start = '', ...others] = said(`${margin}→ `, hint)
    lines.push(`${margin}${colors.green('→')} ${start}`, ...others)
  }
  return lines.join('\n')
}

/** Broken at spaces; a word that is longer than a line stays whole. */
function wrapped(text: string, columns: { first: number; others: number } | null): string[] {
  if (columns === null) return [text]
  const lines: string[] = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    const room = lines.length === 1 ? columns.first : columns.others
    if (line === '') lines[lines.length - 1] = word
    else if (stringWidth(`${line} ${word}`) <= room) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

const placeOf = ({ file, line, column }: Location): string =>
  [file, line, column].filter((part) => part !== undefined).join(':')

/** The line itself, and below it a mark under the word that is meant. */
function sourceLines(
  { line, column = 1, source = '' }: Location,
  colors: Colors,
  gutter: number,
  width: number,
): string[] {
  const bar = colors.dim('│')
  const excerpt = excerptAround(source, column - 1, width - gutter - 4)
  const marked = wordAt(excerpt.text, excerpt.offset)
  // Tabs stay, so that the mark stands below its word whatever a tab's width is.
  const indent = excerpt.text.slice(0, excerpt.offset).replace(/[^\t]+/g, (run) => ' '.repeat(stringWidth(run)))
  const mark = colors.red(colors.bold('^'.repeat(Math.max(1, stringWidth(marked)))))
  return [
    `${colors.dim(String(line).padStart(gutter + 1))} ${bar} ${printable(excerpt.text)}`,
    `${' '.repeat(gutter + 1)} ${bar} ${indent}${mark}`,
  ]
}

/** At most `width` characters of a line, with the one at `offset` among them. */
function excerptAround(source: string, offset: number, width: number): { text: string; offset: number } {
  if (source.length <= width) return { text: source, offset }
  const start = Math.max(0, Math.min(offset - Math.floor(width / 3), source.length - width))
  const before = start > 0 ? '…' : ''
  const after = start + width < source.length ? '…' : ''
  const text = `${before}${source.slice(start + before.length, start + width - after.length)}${after}`
  return { text, offset: offset - start }
}

/** A quoted text, or letters up to what ends a plain one; at least one character. */
const wordAt = (text: string, offset: number): string =>
  /^(?:"(?:[^"\\]|\\.)*"|'[^']*'|(?:[^\s,:[\]{}#"']|:(?=[^\s,[\]{}]))+|.)/u.exec(text.slice(offset))?.[0] ?? ''

/** A file must not be able to move the cursor or colour the terminal. */
const printable = (text: string): string =>
  text.replace(/[^\P{Cc}\t]|[\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/gu, '�')

/** Words in backticks stand out. */
const emphasize = (text: string, colors: Colors): string =>
  colors.isColorSupported ? text.replace(/`([^`]+)`/g, (_, word: string) => colors.bold(word)) : text
