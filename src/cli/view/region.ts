/** A region at the end of a terminal that is drawn over again and again: the live picture, the running chapter of a story. */
import stringWidth from 'string-width'

/** The part of a terminal's stream that a region writes to and is measured by. */
export type RegionStream = { columns?: number; rows?: number; write(text: string): unknown }

export type Region = {
  /**
   * Puts these lines in place of the ones before. Each stands for one row; more than the terminal has room for are cut at
   * the top, where they could not be drawn over again.
   */
  draw(lines: readonly string[]): void
  /** Takes the region off the screen: what is written next stands where it began. */
  clear(): void
  /** Leaves the region as it stands: the next one begins below it. */
  leave(): void
}

const cursorUp = (rows: number): string => (rows > 0 ? `\u001b[${rows}A` : '')
const cursorHidden = '\u001b[?25l'
const cursorShown = '\u001b[?25h'
const eraseDown = '\u001b[J'
const eraseLine = '\u001b[2K'
/** A terminal that knows these shows all between them at once; the others pass over them. */
const [frameBegins, frameEnds] = ['\u001b[?2026h', '\u001b[?2026l']
/** A line that is wider than we think (fonts differ) is cut by the terminal: broken into two it would shift all below. */
const [wrapOff, wrapOn] = ['\u001b[?7l', '\u001b[?7h']

/**
 * Every frame is written whole, from its first row: nothing is patched, so nothing can lose its place. The cursor rests
 * hidden on the row below the last line.
 */
export function createRegion(stream: RegionStream): Region {
  let drawn: readonly string[] = []
  let drawnFor = ''
  let isCursorHidden = false

  const size = () => ({ columns: Math.max(1, stream.columns || 80), rows: Math.max(1, (stream.rows || 24) - 1) })

  /** To the region's first row. A terminal that got narrower has wrapped our lines: they take more rows now. */
  const home = (): string => {
    const { columns, rows } = size()
    const taken = drawn.reduce((sum, line) => sum + Math.max(1, Math.ceil(stringWidth(line) / columns)), 0)
    return `\r${cursorUp(Math.min(taken, rows))}`
  }

  const showCursor = () => {
    process.off('exit', showCursor)
    if (isCursorHidden) stream.write(cursorShown)
    isCursorHidden = false
  }
  const hideCursor = (): string => {
    if (isCursorHidden) return ''
    isCursorHidden = true
    // A hard end must not leave people without a cursor.
    process.once('exit', showCursor)
    return cursorHidden
  }

  return {
    draw(lines) {
      const { columns, rows } = size()
      const visible = lines.slice(-rows)
      const frame = [columns, rows, ...visible].join('\n')
      if (frame === drawnFor) return
      const text = visible.map((line) => `${eraseLine}${line}\n`).join('')
      stream.write(`${frameBegins}${hideCursor()}${wrapOff}${home()}${text}${eraseDown}${wrapOn}${frameEnds}`)
      drawn = visible
      drawnFor = frame
    },
    clear() {
      if (drawn.length > 0) stream.write(`${home()}${eraseDown}`)
      this.leave()
    },
    leave() {
      drawn = []
      drawnFor = ''
      showCursor()
    },
  }
}
