/** Columns that line up, the last one taking what room is left. */
import { type Line, padded, type Span, spaces, widthOf, wrap } from './line.ts'
import type { Style } from './style.ts'

export type TableOptions = {
  indent?: number
  /** Columns between two cells; default 2. */
  gap?: number
  /** The last column breaks into further lines instead of being cut. */
  wrapLast?: boolean
}

/** One line a row (more where the last cell wraps). Columns that are empty in every row take no room. */
export function table(rows: readonly (readonly Line[])[], style: Style, options: TableOptions = {}): Line[] {
  const { indent = 0, gap = 2, wrapLast = false } = options
  const columns = Math.max(0, ...rows.map((row) => row.length))
  const widths = Array.from({ length: columns }, (_, column) =>
    Math.max(0, ...rows.map((row) => widthOf(row[column] ?? []))),
  )
  return rows.flatMap((row) => {
    const lead: Span[] = [spaces(indent)]
    widths.slice(0, -1).forEach((width, column) => {
      if (width > 0) lead.push(...padded(row[column] ?? [], width), spaces(gap))
    })
    const last = row[columns - 1] ?? []
    const room = style.width - widthOf(lead)
    // Too narrow for wrapping to be readable: let the end be cut instead.
    if (!wrapLast || room < 16) return [[...lead, ...last]]
    return wrap(last, room).map((part, index) => (index === 0 ? [...lead, ...part] : [spaces(widthOf(lead)), ...part]))
  })
}
