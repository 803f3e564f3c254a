/** A line as data: spans of safe text with a tone. Measured, cut and wrapped as data; painted last. */
import picocolors from 'picocolors'
import stringWidth from 'string-width'
import { clean, cleanAscii } from './clean.ts'
import { type Style, type Symbols, symbolsOf } from './style.ts'

/** What a colour means: `good` green, `bad` red, `warn` yellow (needs a person), `accent` cyan (names one can type). */
export type Tone = 'plain' | 'strong' | 'dim' | 'good' | 'bad' | 'warn' | 'accent'
export type Span = { readonly text: string; readonly tone: Tone }
export type Line = readonly Span[]

/** Makes spans for one style. The only way to a span, so no unsafe text gets past it. */
export type Pen = Readonly<Record<Tone, (text: string) => Span>> & { readonly symbols: Symbols; readonly style: Style }

const tones: readonly Tone[] = ['plain', 'strong', 'dim', 'good', 'bad', 'warn', 'accent']

export function createPen(style: Style): Pen {
  const safe = style.unicode ? clean : cleanAscii
  const inks = Object.fromEntries(tones.map((tone) => [tone, (text: string): Span => ({ text: safe(text), tone })]))
  // `fromEntries` forgets which keys it was given: they are exactly the tones.
  return { ...(inks as Record<Tone, (text: string) => Span>), symbols: symbolsOf(style), style }
}

const space: Span = { text: ' ', tone: 'plain' }
export const spaces = (columns: number): Span => ({ text: ' '.repeat(Math.max(0, columns)), tone: 'plain' })

export const widthOf = (line: Line): number => line.reduce((sum, span) => sum + stringWidth(span.text), 0)

/** Spans with a space between each two; empty ones take no room. */
export function spaced(...spans: readonly Span[]): Line {
  const filled = spans.filter((span) => span.text !== '')
  return filled.flatMap((span, index) => (index === 0 ? [span] : [space, span]))
}

/** Filled up with spaces to `columns`; longer ones stay as they are. */
export const padded = (line: Line, columns: number): Line => [...line, spaces(columns - widthOf(line))]
export const paddedLeft = (line: Line, columns: number): Line => [spaces(columns - widthOf(line)), ...line]

const segmenter = new Intl.Segmenter()

/** The longest start of `text` that fits into `columns`. */
function startThatFits(text: string, columns: number): string {
  if (stringWidth(text) <= columns) return text
  let used = 0
  let start = ''
  for (const { segment } of segmenter.segment(text)) {
    used += stringWidth(segment)
    if (used > columns) return start
    start += segment
  }
  return start
}

/** At most `columns` wide; a cut shows as an ellipsis. */
export function cut(line: Line, columns: number, symbols: Symbols): Line {
  if (widthOf(line) <= columns) return line
  const ellipsis = startThatFits(symbols.ellipsis, columns)
  let room = columns - stringWidth(ellipsis)
  const kept: Span[] = []
  for (const span of line) {
    const text = startThatFits(span.text, room)
    kept.push({ ...span, text })
    room -= stringWidth(text)
    if (text !== span.text) break
  }
  return [...kept, { text: ellipsis, tone: kept.at(-1)?.tone ?? 'plain' }]
}

/** Breaks at spaces into lines of at most `columns`; a word that is longer is broken where it must be. */
export function wrap(line: Line, columns: number): Line[] {
  if (widthOf(line) <= columns) return [line]
  const room = Math.max(2, columns)
  const lines: Span[][] = [[]]
  let used = 0
  for (const word of wordsOf(line)) {
    const isGap = word.text.trim() === ''
    const width = stringWidth(word.text)
    if (used + width <= room) {
      if (!(isGap && used === 0)) {
        lines.at(-1)?.push(word)
        used += width
      }
      continue
    }
    if (isGap) continue
    if (used > 0) lines.push([])
    used = 0
    let rest = word.text
    while (stringWidth(rest) > room) {
      const start = startThatFits(rest, room) || rest.slice(0, 1)
      lines.at(-1)?.push({ ...word, text: start })
      lines.push([])
      rest = rest.slice(start.length)
    }
    lines.at(-1)?.push({ ...word, text: rest })
    used = stringWidth(rest)
  }
  return lines
}

/** Items behind a lead, as many on a line as fit, none broken; further lines begin below the first item. */
export function listed(lead: Line, items: readonly Span[], columns: number): Line[] {
  const indent = widthOf(lead)
  const lines: Span[][] = []
  let used = 0
  for (const [index, item] of items.entries()) {
    const comma: Span = { text: index === items.length - 1 ? '' : ',', tone: item.tone }
    const width = widthOf([item, comma])
    if (index === 0 || used + 1 + width > columns) {
      lines.push([item, comma])
      used = indent + width
    } else {
      lines.at(-1)?.push(space, item, comma)
      used += 1 + width
    }
  }
  return lines.map((line, index) => [...(index === 0 ? lead : [spaces(indent)]), ...line])
}

const wordsOf = (line: Line): Span[] =>
  line.flatMap((span) => (span.text.match(/ +|[^ ]+/g) ?? []).map((text) => ({ ...span, text })))

/** Wrapped to the style's width with every line set in by `columns`. */
export const indented = (line: Line, columns: number, style: Style): Line[] =>
  wrap(line, style.width - columns).map((part) => [spaces(columns), ...part])

type Colours = ReturnType<typeof picocolors.createColors>

const inks: Record<Tone, (colours: Colours, text: string) => string> = {
  plain: (_, text) => text,
  strong: (colours, text) => colours.bold(text),
  dim: (colours, text) => colours.dim(text),
  good: (colours, text) => colours.green(text),
  bad: (colours, text) => colours.red(text),
  warn: (colours, text) => colours.yellow(text),
  accent: (colours, text) => colours.cyan(text),
}

/** Lines as they go to the terminal: cut to the width, without spaces at the end. */
export function paint(lines: readonly Line[], style: Style): string[] {
  const colours = picocolors.createColors(style.colour)
  const symbols = symbolsOf(style)
  return lines.map((line) =>
    merged(trimmed(cut(line, style.width, symbols)))
      .map((span) => (span.text === '' ? '' : inks[span.tone](colours, span.text)))
      .join(''),
  )
}

/** Neighbours of one tone as one span: wrapping takes lines apart word by word. */
function merged(line: Line): Line {
  const spans: Span[] = []
  for (const span of line) {
    const last = spans.at(-1)
    if (last?.tone === span.tone) spans[spans.length - 1] = { ...last, text: last.text + span.text }
    else spans.push(span)
  }
  return spans
}

function trimmed(line: Line): Line {
  const end = line.findLastIndex((span) => span.text.trimEnd() !== '')
  return line.slice(0, end + 1).map((span, index) => (index === end ? { ...span, text: span.text.trimEnd() } : span))
}
