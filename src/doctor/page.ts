/** The doctor's findings as lines: what was looked at in a column, what was found beside it. */
import { createPen, type Line, type Pen, paint, type Span, type Style, table } from '../cli/view/text/index.ts'
import type { Finding } from './index.ts'

export function renderFindings(findings: readonly Finding[], style: Style): string[] {
  const pen = createPen(style)
  const rows = findings.flatMap((finding, index): Line[][] => [
    [[mark(finding.verdict, pen)], heading(finding, findings[index - 1], pen), [pen.plain(finding.message)]],
    ...(finding.hint === undefined ? [] : [[[], [], [pen.dim(`${pen.symbols.arrow} ${finding.hint}`)]]]),
  ])
  return paint(table(rows, style, { wrapLast: true }), style)
}

/** Neighbours about the same thing stand under one heading. */
const heading = ({ about }: Finding, before: Finding | undefined, pen: Pen): Line =>
  about === before?.about ? [] : [pen.strong(about)]

function mark(verdict: Finding['verdict'], pen: Pen): Span {
  if (verdict === 'good') return pen.good(pen.symbols.done)
  return verdict === 'bad' ? pen.bad(pen.symbols.failed) : pen.warn(pen.symbols.note)
}
