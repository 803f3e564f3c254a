/** Mutations of text that keep most of its structure: what survives the first line of a parser reaches its depths. */
import type { Random } from './random.ts'

/** Pieces that mean something to somebody: parsers, terminals, shells, JavaScript, file systems. */
const pieces: readonly string[] = [
  ...['', ' ', '\t', '\n', '\r\n', '\r', '\0', '\ufeff', '\u2028', '\u0085', '\u202e', '\ud800', '\udfff', '😀', 'é'],
  ...['\u001b[31m', '\u001b]8;;http://x\u0007', '\u009b2J', '\u001bP', '\u0007', '::set-output name=a::b', '```'],
  ...['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '<<', '{}', '[]', 'null', 'true', '~'],
  ...['0', '-1', '1e999', '-0', '9007199254740993', '99999999999999999999', '0x7fffffff', 'NaN', '.inf', '1_000'],
  ...['../', '../../../../etc/passwd', '/', '//', './', 'C:\\', '..\\', '%2e%2e/', '-', '--', '--upload-pack=x', '-h'],
  ...[
    '$(id)',
    '`id`',
    ';',
    '&&',
    '|',
    '$HOME',
    '\u0024{x}',
    "'",
    '"',
    '\\',
    '\\u0000',
    '\\x00',
    '#',
    '%',
    '@{',
    '~1',
    '^{}',
  ],
  ...[
    '&a',
    '*a',
    '!!js/function',
    '!!binary',
    '? ',
    '- ',
    ': ',
    ', ',
    '{',
    '}',
    '[',
    ']',
    '|',
    '>',
    '---',
    '...',
    '%YAML 9.9',
  ],
  ...['**', '*', '?', '{a,b}', '+(a|aa)', '[!a]', '(((', '{1..100000}', '!(*)', '[[:alpha:]]'],
]

/** One to a few mutations; `words` are pieces of the target's own language. */
export function mutateText(random: Random, text: string, words: readonly string[] = []): string {
  let mutated = text
  for (let left = 1 + random.size(8); left > 0; left -= 1) mutated = mutateOnce(random, mutated, words)
  return mutated.length > 200_000 ? mutated.slice(0, 200_000) : mutated
}

function mutateOnce(random: Random, text: string, words: readonly string[]): string {
  const at = random.int(text.length + 1)
  const end = Math.min(text.length, at + 1 + random.size(Math.max(2, text.length)))
  const piece = (): string => (words.length > 0 && random.oneIn(2) ? random.pick(words) : random.pick(pieces))
  switch (random.int(12)) {
    case 0:
      return text.slice(0, at) + piece() + text.slice(at)
    case 1:
      return text.slice(0, at) + text.slice(end)
    case 2:
      return text.slice(0, at) + piece() + text.slice(end)
    case 3:
      return text.slice(0, end) + text.slice(at)
    case 4:
      return text.slice(0, at) + piece().repeat(1 + random.size(2_000)) + text.slice(at)
    case 5:
      return text.slice(0, at) + String.fromCharCode(random.int(random.oneIn(3) ? 0x10000 : 0x80)) + text.slice(at + 1)
    case 6:
      return onLines(random, text, (lines, line) => lines.toSpliced(line, 1))
    case 7:
      return onLines(random, text, (lines, line) => lines.toSpliced(line, 0, lines[random.int(lines.length)] ?? ''))
    case 8:
      return onLines(random, text, (lines, line) =>
        lines.toSpliced(line, 1, `${' '.repeat(random.size(40))}${lines[line]}`),
      )
    case 9:
      return onLines(random, text, (lines, line) => lines.toSpliced(line, 1, lines[line]?.trimStart() ?? ''))
    case 10:
      return replaceWord(random, text, piece())
    default:
      return text.slice(0, at)
  }
}

function onLines(random: Random, text: string, change: (lines: string[], line: number) => string[]): string {
  const lines = text.split('\n')
  return change(lines, random.int(lines.length)).join('\n')
}

/** A value, a key, a number: what stands between two signs. */
function replaceWord(random: Random, text: string, replacement: string): string {
  const words = [...text.matchAll(/[\w./-]+/g)]
  if (words.length === 0) return text + replacement
  const word = random.pick(words)
  return text.slice(0, word.index) + replacement + text.slice(word.index + word[0].length)
}
