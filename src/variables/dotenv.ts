/**
 * Dotenv files: `NAME=value` lines. Understood: `export`, comments, blank lines, CRLF, single quotes (nothing is
 * special in them), double quotes (`\n \r \t \" \\ \$`), backquotes (like single), all three over several lines, `#`
 * inside values (a comment begins at a `#` after a space), and `${NAME}` of a name set earlier in the same file.
 * Commands are never run, and nothing of the process's environment gets in.
 */
import { type Location, type Problem, usageError } from '../model/index.ts'

const namePattern = /^[A-Za-z_][A-Za-z0-9_.-]*$/
const maxFileLength = 1024 * 1024

/** Variables of a file's text, the last one of a name winning. All mistakes at once: usage `DOTENV`. `file` is for messages. */
export function parseDotenv(text: string, file: string): Map<string, string> {
  if (text.length > maxFileLength) throw usageError('DOTENV', `${file} is larger than 1 MiB: is it a dotenv file?`)
  const reader = createReader(text.replace(/^\ufeff/, '').replace(/\r\n?/g, '\n'), file)
  const variables = new Map<string, string>()
  while (!reader.isAtEnd()) readLine(reader, variables)
  if (reader.problems.length > 0) throw dotenvError(reader.problems, file)
  return variables
}

function dotenvError(problems: Problem[], file: string) {
  const [first] = problems
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : ''
  return usageError('DOTENV', `${first?.message ?? `${file} cannot be read`}${more}`, {
    problems,
    ...(first?.location && { location: first.location }),
    ...(first?.hint && { hint: first.hint }),
  })
}

type Reader = {
  readonly problems: Problem[]
  isAtEnd(): boolean
  /** Takes what the pattern matches here; it is sticky. */
  take(pattern: RegExp): string | null
  skipLine(): void
  /** 1-based line of the next character. */
  line(): number
  /** Notes a mistake at a line. Never quotes the file: it is full of secrets. */
  wrong(message: string, line: number, hint?: string): void
}

function createReader(text: string, file: string): Reader {
  let at = 0
  const problems: Problem[] = []
  let counted = { upTo: 0, line: 1 }
  const currentLine = () => {
    const line = counted.line + text.slice(counted.upTo, at).split('\n').length - 1
    counted = { upTo: at, line }
    return line
  }
  return {
    problems,
    isAtEnd: () => at >= text.length,
    take(pattern) {
      const sticky = new RegExp(pattern.source, `${pattern.flags}y`)
      sticky.lastIndex = at
      const found = sticky.exec(text)?.[0] ?? null
      at += found?.length ?? 0
      return found
    },
    skipLine() {
      const end = text.indexOf('\n', at)
      at = end === -1 ? text.length : end + 1
    },
    line: currentLine,
    wrong(message, line, hint) {
      const location: Location = { file, line }
      problems.push({ code: 'DOTENV', message: `${file}:${line}: ${message}`, location, ...(hint && { hint }) })
    },
  }
}

function readLine(reader: Reader, variables: Map<string, string>): void {
  if (reader.take(/[ \t]*(?:#[^\n]*)?\n|[ \t]*(?:#[^\n]*)?$/) !== null) return
  const line = reader.line()
  reader.take(/[ \t]*(?:export[ \t]+)?/)
  const name = reader.take(/[^=\s]+/)
  if (name === null || reader.take(/[ \t]*=[ \t]*/) === null) {
    reader.wrong('a line here reads NAME=value', line, 'a value of several lines stands in quotes')
    reader.skipLine()
    return
  }
  if (!namePattern.test(name)) {
    reader.wrong(
      'this is not a name of a variable',
      line,
      'letters, digits and underscores, not beginning with a digit',
    )
    reader.skipLine()
    return
  }
  const value = readValue(reader, line, variables)
  if (value !== null) variables.set(name, value)
}

/** null: a mistake was noted and the line skipped. */
function readValue(reader: Reader, line: number, variables: ReadonlyMap<string, string>): string | null {
  const quoted = reader.take(/'[^']*'|`[^`]*`|"(?:[^"\\]|\\[\s\S])*"/)
  if (quoted === null) return readBareValue(reader, line, variables)
  if (reader.take(/[ \t]*(?:#[^\n]*)?(?:\n|$)/) === null) {
    reader.wrong(
      'there is more after the closing quote',
      line,
      'put the whole value in quotes, or escape the inner ones',
    )
    reader.skipLine()
    return null
  }
  const inner = quoted.slice(1, -1)
  return quoted.startsWith('"') ? expand(inner, true, reader, line, variables) : inner
}

function readBareValue(reader: Reader, line: number, variables: ReadonlyMap<string, string>): string | null {
  if (reader.take(/["'`]/) !== null) {
    reader.wrong('the quote that opens here is never closed', line)
    reader.skipLine()
    return null
  }
  const raw = reader.take(/[^\n]*/) ?? ''
  reader.take(/\n/)
  // `NAME= # comment`: the blanks before it went with the equals sign.
  const value = raw.startsWith('#') ? '' : raw.replace(/[ \t]+#.*$/, '').trimEnd()
  return expand(value, false, reader, line, variables)
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$' }

/** Replaces `${NAME}`; with `escaped` also backslash escapes. Any other `$` stands for itself: passwords have them. */
function expand(
  text: string,
  escaped: boolean,
  reader: Reader,
  line: number,
  variables: ReadonlyMap<string, string>,
): string | null {
  let isWrong = false
  const expanded = text.replace(/\\([\s\S])|\$\{([^}\n]*)\}/g, (whole, special?: string, name?: string) => {
    if (special !== undefined) return escaped || special === '$' ? (escapes[special] ?? whole) : whole
    const value = variables.get(name ?? '')
    if (value !== undefined) return value
    isWrong = true
    const hint = 'only names set above it count; write $ as \\$, or use single quotes, where it stands for itself'
    reader.wrong(`\${${namePattern.test(name ?? '') ? name : '…'}} is not set earlier in this file`, line, hint)
    return whole
  })
  return isWrong ? null : expanded
}
