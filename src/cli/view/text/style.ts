/** How much a terminal can show: colour, Unicode and columns. Everything that renders takes it as an argument. */

export type Style = {
  colour: boolean
  /** False where only ASCII can be trusted to arrive: another locale, `TERM=dumb`. */
  unicode: boolean
  /** Columns; `Infinity` for files and pipes, whose lines are never cut. */
  width: number
}

/** The part of a stream that decides how to write to it. */
export type StyledStream = { isTTY?: boolean; columns?: number }

/**
 * The style for a stream, as its environment asks for it: `NO_COLOR` (any value) beats `FORCE_COLOR`, which beats what the
 * stream is; `TERM=dumb` has neither colour nor Unicode.
 */
export function styleOf(stream: StyledStream, environment: NodeJS.ProcessEnv): Style {
  const isDumb = environment['TERM'] === 'dumb'
  return {
    colour: wantsColour(stream, environment, isDumb),
    unicode: !isDumb && hasUtf8Locale(environment),
    width: stream.isTTY === true ? stream.columns || 80 : Number.POSITIVE_INFINITY,
  }
}

function wantsColour(stream: StyledStream, environment: NodeJS.ProcessEnv, isDumb: boolean): boolean {
  if (environment['NO_COLOR']) return false
  const forced = environment['FORCE_COLOR']
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return stream.isTTY === true && !isDumb
}

/** POSIX order: `LC_ALL`, then `LC_CTYPE`, then `LANG`. CI machines often set none and show UTF-8 all the same. */
function hasUtf8Locale(environment: NodeJS.ProcessEnv): boolean {
  const locale = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || ''
  if (locale === '') return true
  return /utf-?8/i.test(locale)
}

export type Symbols = {
  done: string
  reused: string
  failed: string
  refused: string
  waiting: string
  pending: string
  skipped: string
  note: string
  back: string
  ready: string
  absent: string
  arrow: string
  dot: string
  ellipsis: string
  dash: string
  bar: string
  corner: string
  foot: string
  caret: string
  spinner: readonly string[]
}

const unicodeSymbols: Symbols = {
  done: '✓',
  reused: '=',
  failed: '✗',
  refused: '⊘',
  waiting: '◦',
  pending: '·',
  skipped: '-',
  note: '›',
  back: '‹',
  ready: '●',
  absent: '○',
  arrow: '→',
  dot: '·',
  ellipsis: '…',
  dash: '─',
  bar: '│',
  corner: '╭',
  foot: '╰',
  caret: '^',
  spinner: ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'],
}

const asciiSymbols: Symbols = {
  done: '+',
  reused: '=',
  failed: 'x',
  refused: '!',
  waiting: 'o',
  pending: '.',
  skipped: '-',
  note: '>',
  back: '<',
  ready: '#',
  absent: '.',
  arrow: '->',
  dot: '-',
  ellipsis: '...',
  dash: '-',
  bar: '|',
  corner: '+',
  foot: '+',
  caret: '^',
  spinner: ['|', '/', '-', '\\'],
}

export const symbolsOf = (style: Style): Symbols => (style.unicode ? unicodeSymbols : asciiSymbols)
