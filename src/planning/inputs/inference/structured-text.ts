/** Reading files that other tools own: a mistake in them is theirs to report, so it reads as null here. */
import { parse as parseToml } from 'smol-toml'

export type Table = { readonly [key: string]: unknown }

export const isTable = (value: unknown): value is Table =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The member of that name if it is a table, else an empty one. */
export const tableIn = (value: unknown, key: string): Table => {
  const member = isTable(value) ? value[key] : undefined
  return isTable(member) ? member : {}
}

export const stringIn = (value: unknown, key: string): string | null => {
  const member = isTable(value) ? value[key] : undefined
  return typeof member === 'string' ? member : null
}

/** Strings of a list; a single string counts as a list of one. */
export const stringsOf = (value: unknown): string[] =>
  typeof value === 'string'
    ? [value]
    : Array.isArray(value)
      ? value.filter((item): item is string => typeof item === 'string')
      : []

/** JSON as tools accept it: comments and trailing commas are fine. */
export function parseJsonTable(text: string): Table | null {
  return parseTable(text, (source) => {
    const plain = source.replace(/^\uFEFF/, '')
    try {
      return JSON.parse(plain)
    } catch {
      return JSON.parse(withoutComments(plain))
    }
  })
}

export const parseTomlTable = (text: string): Table | null => parseTable(text, parseToml)

function parseTable(text: string, parse: (text: string) => unknown): Table | null {
  try {
    const value = parse(text)
    return isTable(value) ? value : null
  } catch {
    return null
  }
}

/** Strings, comments, commas, spaces and the rest; what is opened and never closed goes to the end. */
const jsonToken = /"(?:[^"\\]+|\\[\s\S])*\\?(?:"|$)|\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|,|\s+|[^",\s/]+|\//g

/** Token by token, in time linear in the text: a lookahead for the bracket behind a comma would not be. */
function withoutComments(text: string): string {
  const kept: string[] = []
  /** A comma, and the spaces behind it, that may stand before a closing bracket. */
  let comma = ''
  for (const [token] of text.matchAll(jsonToken)) {
    if (token.startsWith('//') || token.startsWith('/*')) continue
    if (comma !== '' && token.trim() === '') {
      comma += token
      continue
    }
    kept.push(/^[}\]]/.test(token) ? comma.slice(1) : comma)
    comma = token === ',' ? ',' : ''
    if (comma === '') kept.push(token)
  }
  kept.push(comma)
  return kept.join('')
}
