/** The plain part of shell: which programs a command line starts, with which words, and in which folder. */
import { joinPath } from '../repository-path.ts'

/** One program and its arguments. A word with an expansion in it (`$X`, backquotes) is null: its value is not known here. */
export type SimpleCommand = {
  words: Array<string | null>
  /** Where it runs, after the `cd`s before it; null where that is not known. */
  directory: string | null
}

type Token = { kind: 'word'; text: string | null } | { kind: 'break' }

/** Bounded by the length of the text; what is not plain (loops, here-documents) comes out as words nobody looks for. */
export function simpleCommands(run: string): SimpleCommand[] {
  const commands: SimpleCommand[] = []
  let directory: string | null = ''
  let words: Array<string | null> = []
  const finish = () => {
    while (typeof words[0] === 'string' && /^\w+=/.test(words[0])) words.shift() // FOO=bar before the program
    if (words[0] === 'cd') {
      const to = words[1]
      directory = typeof to === 'string' && directory !== null ? joinPath(directory, to) : null
    } else if (words.length > 0) {
      commands.push({ words, directory })
    }
    words = []
  }
  for (const token of tokens(run)) {
    if (token.kind === 'word') words.push(token.text)
    else finish()
  }
  finish()
  return commands
}

const shellToken =
  /\\\n|(?<comment>(?<=^|\s)#[^\n]*)|(?<break>&&|\|\||[;|&\n()])|(?<word>(?:[^\s;|&()'"\\]|\\[\s\S]|'[^']*'|"(?:[^"\\]|\\[\s\S])*")+)/g

function* tokens(run: string): Generator<Token> {
  for (const { groups } of run.matchAll(shellToken)) {
    if (groups?.['break'] !== undefined) yield { kind: 'break' }
    else if (groups?.['word'] !== undefined) yield { kind: 'word', text: plainWord(groups['word']) }
  }
}

function plainWord(raw: string): string | null {
  let isPlain = true
  const text = raw.replace(/'([^']*)'|"((?:[^"\\]|\\[\s\S])*)"|\\([\s\S])|[$`]/g, (part, single, double, escaped) => {
    if (single !== undefined) return single
    if (escaped !== undefined) return escaped === '\n' ? '' : escaped
    if (double === undefined || /(?<!\\)[$`]/.test(double)) isPlain = false
    return double === undefined ? part : double.replace(/\\([$`"\\\n])/g, '$1')
  })
  return isPlain ? text : null
}

/** The program's name without its folder; null where it is not plain. */
export const programOf = (command: SimpleCommand): string | null => command.words[0]?.replace(/^.*\//, '') ?? null
