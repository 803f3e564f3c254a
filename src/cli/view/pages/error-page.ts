/** An error as its user sees it: the sentence, its code, the place, and what to do. */
import { type ErrorKind, type Location, type Problem, TrunklineError } from '../../../model/index.ts'
import { count, createPen, indented, type Line, type Pen, paint, type Style, sourceExcerpt } from '../text/index.ts'
import { hintSpans } from './reasons.ts'

export type ErrorPageOptions = {
  /**
   * Renders a list of mistakes, safe to show and no wider than the style; the configuration brings its own. Without it each
   * is shown as a single error is.
   */
  formatProblems?: (problems: readonly Problem[]) => string
}

/** Any thrown value; what is not a `TrunklineError` is a bug and shown as one, with its stack. */
export function renderError(error: unknown, style: Style, options: ErrorPageOptions = {}): string[] {
  const pen = createPen(style)
  if (!(error instanceof TrunklineError)) return paint(unexpectedError(error, pen), style)
  if (error.problems.length === 0) return paint(mistake(error.kind, error, pen), style)
  return [...listOf(error.problems, pen, options), '', ...paint(countOf(error, pen), style)]
}

type Mistake = { code: string; message: string; hint?: string | undefined; location?: Location | undefined }

const kindWords: Record<ErrorKind, string> = {
  usage: 'error',
  failed: 'failed',
  refused: 'refused',
  errored: 'error',
  cancelled: 'cancelled',
}

function mistake(kind: ErrorKind, { code, message, hint, location }: Mistake, pen: Pen): Line[] {
  const word = kindWords[kind]
  const head = kind === 'refused' || kind === 'cancelled' ? pen.warn(`${word}:`) : pen.bad(`${word}:`)
  const [first = '', ...rest] = message.split('\n')
  const sentence: Line =
    kind === 'cancelled' && first === word
      ? [pen.warn(word)]
      : [head, pen.plain(' '), pen.strong(first), pen.dim(`  ${code}`)]
  return [
    ...indented(sentence, 0, pen.style),
    ...rest.flatMap((line) => indented([pen.plain(line)], 2, pen.style)),
    ...placeLines(location, pen),
    ...(hint === undefined ? [] : hint.split('\n').flatMap((line) => indented(hintSpans(line, pen), 2, pen.style))),
  ]
}

/** `trunkline.yaml:12:5`, and the line itself with a caret below the column. */
function placeLines(location: Location | undefined, pen: Pen): Line[] {
  if (location === undefined) return []
  const { file, line, column, source } = location
  const place = [file, line, column].filter((part) => part !== undefined).join(':')
  const lines: Line[] = [[pen.plain('  '), pen.accent(place)]]
  if (source === undefined || line === undefined) return lines
  return [...lines, ...sourceExcerpt({ source, line, column: column ?? null }, pen)]
}

function listOf(problems: readonly Problem[], pen: Pen, { formatProblems }: ErrorPageOptions): string[] {
  if (formatProblems !== undefined) return formatProblems(problems).split('\n')
  const each = problems.flatMap((problem, index) => [...(index === 0 ? [] : [[]]), ...mistake('usage', problem, pen)])
  return paint(each, pen.style)
}

/** How many there are: the error's own sentence only repeats the first. */
function countOf({ code, problems }: TrunklineError, pen: Pen): Line[] {
  const file = problems[0]?.location?.file
  const where = file === undefined ? '' : ` in ${file}`
  return indented([pen.bad(`${count(problems.length, 'mistake')}${where}`), pen.dim(`  ${code}`)], 0, pen.style)
}

function unexpectedError(error: unknown, pen: Pen): Line[] {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  const [first = '', ...stack] = text.split('\n')
  return [
    ...indented([pen.bad('bug in Trunkline:'), pen.plain(' '), pen.strong(first)], 0, pen.style),
    ...stack.map((line): Line => [pen.dim(`  ${line.trim()}`)]),
    ...indented([pen.dim('This should not happen. Please report it with the lines above.')], 0, pen.style),
  ]
}
