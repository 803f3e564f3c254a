/** `diff <env>`: what was changed past Trunkline, each field with what it was and is, and who wrote it. */
import { createPen, type Line, paint, type Style, spaced } from '../text/index.ts'
import type { DriftDocument } from '../types.ts'

/** An image by its digest is told whole. */
const longestValue = 140

export function renderDrift({ environment, version, drift, reasons }: DriftDocument, style: Style): string[] {
  const pen = createPen(style)
  const lines: Line[] = []
  if (version === null) lines.push([pen.dim(`nothing runs in ${environment}`)])
  else if (drift.length === 0 && reasons.length === 0) {
    lines.push(spaced(pen.good(pen.symbols.done), pen.plain(`${environment} is as ${version} left it`)))
  }
  for (const { subject, service, fields } of drift) {
    lines.push(spaced(pen.strong(subject), pen.dim(`(${service})`)))
    if (fields.length === 0) lines.push([pen.plain('  '), pen.bad('is gone')])
    for (const { path, expected, actual, by } of fields) {
      const who = by === null ? '' : `by ${by.name}${by.at === null ? '' : ` at ${by.at}`}`
      const change = spaced(
        pen.plain(`${path}:`),
        pen.dim(shown(expected)),
        pen.dim(pen.symbols.arrow),
        pen.warn(actual === undefined ? 'nothing' : shown(actual)),
        pen.dim(who),
      )
      lines.push([pen.plain('  '), ...change])
    }
  }
  if (drift.length > 0)
    lines.push([], [pen.dim(`put it back: trunkline deploy ${environment} ${version ?? ''}`.trimEnd())])
  for (const { message } of reasons) lines.push([pen.dim(message)])
  return paint(lines, style)
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > longestValue ? `${text.slice(0, longestValue)}…` : text
}
