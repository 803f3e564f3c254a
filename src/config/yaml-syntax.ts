/** Mistakes of syntax, in plain words. */
import type { YAMLError } from 'yaml'
import type { Location, Problem } from '../model/index.ts'

/** After so many the rest follows from the first ones. */
const mostProblems = 20

type Explanation = { message: string; hint?: string }

/** Where the parser's own words leave people guessing. */
const byCode: Partial<Record<YAMLError['code'], Explanation>> = {
  TAB_AS_INDENT: { message: 'a tab indents this line', hint: 'YAML is indented with spaces' },
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a mapping begins in the middle of a line',
    hint: 'text with `: ` in it needs quotes; a mapping of its own begins on the next line',
  },
  BAD_SCALAR_START: { message: 'plain text cannot begin with this character', hint: 'put the text in quotes' },
  BAD_ALIAS: { message: 'this is no alias', hint: 'text that begins with `*` or `&` needs quotes: "**/package.json"' },
  MULTIPLE_DOCS: {
    message: 'a second document begins here',
    hint: 'a configuration is one document: remove the `---`',
  },
  TAG_RESOLVE_FAILED: { message: 'this tag means nothing here', hint: 'text that begins with `!` needs quotes' },
  RESOURCE_EXHAUSTION: { message: 'this is nested too deeply' },
}

const byMessage: ReadonlyArray<readonly [RegExp, Explanation]> = [
  [/^Missing closing ["']quote/, { message: 'a quote was opened and is never closed' }],
  [/must start at the same column/, { message: 'this line is indented differently from its neighbours' }],
  [/end with a ([\]}])$/, { message: 'a `[` or `{` was opened and is never closed' }],
  [
    /^Unexpected scalar at node end/,
    {
      message: 'text follows after a complete value',
      hint: 'text that begins with `{`, `[` or a quote needs quotes as a whole: "{version}-x"',
    },
  ],
  [
    /^Implicit keys need to be on a single line|^Implicit map keys need to be followed by map values/,
    { message: 'a key needs a `:` and a value', hint: 'is a `:` missing, or a space after it?' },
  ],
]

/** The parser's errors as problems at their places: one a line, since more of them follow from the first. */
export function syntaxProblems(
  errors: readonly YAMLError[],
  text: string,
  describe: (offset: number) => Location,
): Problem[] {
  const problems = new Map<number, Problem>()
  for (const error of errors) {
    const location = describe(error.pos[0])
    const line = location.line ?? 0
    if (problems.has(line) || problems.size >= mostProblems) continue
    problems.set(line, syntaxProblem(error, text, location))
  }
  return [...problems.values()]
}

function syntaxProblem(error: YAMLError, text: string, location: Location): Problem {
  const explanation =
    byCode[error.code] ?? byMessage.find(([pattern]) => pattern.test(error.message))?.[1] ?? ownWords(error.message)
  const unquoted = /^[*&@`%!][^\s,\]}"']*/.exec(text.slice(error.pos[0], error.pos[0] + 80))?.[0]
  const hint =
    unquoted === undefined ? explanation.hint : `text that begins with \`${unquoted[0]}\` needs quotes: "${unquoted}"`
  return {
    code: 'YAML_SYNTAX',
    message: explanation.message,
    location,
    ...(hint === undefined ? {} : { hint }),
  }
}

const ownWords = (message: string): Explanation => ({
  message: message.charAt(0).toLowerCase() + message.slice(1).replace(/\.$/, ''),
})
