/** A framed piece of output: the end of a failing step's log. */
import { cut, type Line, type Pen, paddedLeft, widthOf, wrap } from './line.ts'

const widestFrame = 100
/** More than a screen of log is not read where it fails; the whole is in the step's own log. */
export const mostFramedLines = 40

/** The last lines of a log under a titled rule, each behind a bar; long lines wrap. */
export function framedLog(title: string, lines: readonly string[], pen: Pen, indent = 2): Line[] {
  const { symbols, style } = pen
  const width = Math.min(style.width, widestFrame)
  const margin = pen.plain(' '.repeat(indent))
  const shown = lines.slice(-mostFramedLines)
  const left = lines.length - shown.length
  const head = cut([margin, pen.dim(`${symbols.corner}${symbols.dash} `), pen.plain(title)], width - 4, symbols)
  const rule = pen.dim(` ${symbols.dash.repeat(Math.max(1, width - widthOf(head) - 1))}`)
  const room = style.width - indent - 2
  const bar = pen.dim(`${symbols.bar} `)
  return [
    [...head, rule],
    ...(left > 0 ? [[margin, bar, pen.dim(`${symbols.ellipsis} ${left} earlier lines`)]] : []),
    ...shown.flatMap((line) => wrap([pen.plain(line)], room).map((part) => [margin, bar, ...part])),
    [margin, pen.dim(`${symbols.foot}${symbols.dash}`)],
  ]
}

/** A numbered source line with a caret under one of its columns. */
export function sourceExcerpt(
  place: { source: string; line: number; column: number | null },
  pen: Pen,
  indent = 2,
): Line[] {
  const { symbols, style } = pen
  const margin = pen.plain(' '.repeat(indent))
  const number = String(place.line)
  const gutter = (text: string) => [margin, ...paddedLeft([pen.dim(text)], number.length), pen.dim(` ${symbols.bar} `)]
  const room = style.width - indent - number.length - 3
  const column = place.column === null ? null : Math.max(1, place.column)
  // A long line is shown from where its mistake can be seen.
  const skipped = column !== null && column > room - 8 ? column - Math.floor(room / 2) : 0
  const visible = skipped > 0 ? `${symbols.ellipsis}${place.source.slice(skipped)}` : place.source
  const lines: Line[] = [[...gutter(number), pen.plain(visible)]]
  if (column !== null) {
    const before = visible.slice(0, (skipped > 0 ? symbols.ellipsis.length : 0) + column - 1 - skipped)
    const blank = ' '.repeat(Math.max(0, pen.plain(before).text.length))
    lines.push([...gutter(''), pen.plain(blank), pen.bad(symbols.caret)])
  }
  return lines
}
