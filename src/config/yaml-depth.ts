/** How deep YAML is nested, by its tokens: the parser's time grows with the square of that, and recursion has an end. */
import { Lexer } from 'yaml'

/** Deeper than any file that a person keeps. */
const deepest = 64

/** Whether the text opens more levels at one place, in brackets or by `- - -` on one line, than is worth parsing. */
export function isTooDeepToParse(text: string): boolean {
  let brackets = 0
  let onLine = 0
  for (const token of new Lexer().lex(text)) {
    if (token === '[' || token === '{') brackets += 1
    else if (token === ']' || token === '}') brackets = Math.max(0, brackets - 1)
    else if (brackets === 0 && (token === '-' || token === '?' || token === ':')) onLine += 1
    else if (brackets === 0 && token.includes('\n')) onLine = 0
    if (brackets > deepest || onLine > deepest) return true
  }
  return false
}
