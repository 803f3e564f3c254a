/**
 * Files of which only some keys matter to a build: dotenv, JSON, YAML, TOML. A build gets a file that holds those keys
 * and nothing else, in one canonical form: what it does not see cannot change it, and neither can order or comments.
 */
import { parse as parseToml, stringify as stringifyToml } from 'smol-toml'
import { parse as parseYaml, stringify as stringifyYaml } from 'yaml'
import { isTooDeepToParse } from '../../config/yaml-depth.ts'
import { usageError } from '../../model/index.ts'
import { isTable, parseJsonTable, type Table } from './inference/structured-text.ts'
import { baseNameOf } from './repository-path.ts'

export type KeyedFormat = 'dotenv' | 'json' | 'yaml' | 'toml'

/** By name: `.env`, `.env.production`, `x.env`, `*.json`, `*.yaml`, `*.toml`; null for what has no keys. */
export function keyedFormatOf(file: string): KeyedFormat | null {
  const name = baseNameOf(file)
  if (/^\.env(?:\.|$)|\.env$/.test(name)) return 'dotenv'
  if (/\.jsonc?$/.test(name)) return 'json'
  if (/\.ya?ml$/.test(name)) return 'yaml'
  return name.endsWith('.toml') ? 'toml' : null
}

/**
 * The reduced text of a keyed file. A key is a name at the top, or a path of names with dots (`versions.kotlin`);
 * a key the file does not have is left out.
 * @throws usage error KEYED_FILE_UNREADABLE where the file is not what its name says, or holds what cannot be kept exactly.
 */
export function projectKeys(text: string, file: string, keys: readonly string[]): string {
  const format = keyedFormatOf(file)
  const wanted = [...new Set(keys)].sort()
  try {
    if (format === 'dotenv') return projectDotenv(text, wanted)
    if (format === 'json') return `${JSON.stringify(pick(exact(readJson(text)), wanted), null, 2)}\n`
    if (format === 'yaml') return stringifyYaml(pick(exact(readYaml(text)), wanted))
    if (format === 'toml') return stringifyToml(pick(exact(parseToml(text)), wanted))
  } catch (cause) {
    throw usageError('KEYED_FILE_UNREADABLE', `the keys of ${file} cannot be read: ${messageOf(cause)}`, {
      cause,
      location: { file },
      hint: 'Mend the file, or declare it as an input without keys.',
    })
  }
  throw usageError('KEYED_FILE_UNREADABLE', `${file} is no kind of file with keys`, {
    location: { file },
    hint: 'Keys work for dotenv, JSON, YAML and TOML files; declare it as an input without keys.',
  })
}

/** Keys that the file does not have. */
export function missingKeys(text: string, file: string, keys: readonly string[]): string[] {
  const format = keyedFormatOf(file)
  if (format === 'dotenv') {
    const assignments = readDotenv(text)
    return keys.filter((key) => !assignments.has(key))
  }
  const content = format === 'json' ? readJson(text) : format === 'yaml' ? readYaml(text) : parseToml(text)
  return keys.filter((key) => lookUp(content, key) === undefined)
}

const messageOf = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause)

function readJson(text: string): Table {
  const table = parseJsonTable(text)
  if (table === null) throw new SyntaxError('it is not a JSON object')
  return table
}

/** Warnings of the parser are for whoever keeps the file, not for the standard error of ours. */
function readYaml(text: string): unknown {
  if (isTooDeepToParse(text)) throw new SyntaxError('it is nested too deeply')
  return parseYaml(text, { logLevel: 'error' })
}

function projectDotenv(text: string, keys: readonly string[]): string {
  const assignments = readDotenv(text)
  return keys
    .flatMap((key) => {
      const value = assignments.get(key)
      return value === undefined ? [] : [`${key}=${value}\n`]
    })
    .join('')
}

/** Values as written, quotes included; the last assignment of a name wins, and quoted values may span lines. */
function readDotenv(text: string): Map<string, string> {
  const assignment = /^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*("(?:\\[\s\S]|[^"\\])*"|'[^']*'|`[^`]*`|[^\n#]*)/gm
  return new Map(
    [...text.replace(/\r\n?/g, '\n').matchAll(assignment)].map(([, key, value]) => [key ?? '', (value ?? '').trim()]),
  )
}

function pick(content: Table, keys: readonly string[]): Table {
  const picked: Record<string, unknown> = {}
  for (const key of keys) {
    const value = lookUp(content, key)
    if (value !== undefined) place(picked, key in content ? [key] : key.split('.'), inKeyOrder(value))
  }
  return inKeyOrder(picked) as Table // a table in another order is a table
}

function lookUp(content: unknown, key: string): unknown {
  if (!isTable(content)) return undefined
  if (Object.hasOwn(content, key)) return content[key]
  let value: unknown = content
  for (const name of key.split('.')) {
    if (!isTable(value) || !Object.hasOwn(value, name)) return undefined
    value = value[name]
  }
  return value
}

function place(into: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...rest] = path
  if (rest.length === 0) {
    into[name] = value
    return
  }
  const inner = into[name]
  const table: Record<string, unknown> = isTable(inner) ? { ...inner } : {}
  into[name] = table
  place(table, rest, value)
}

function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inKeyOrder)
  if (!isTable(value) || Object.getPrototypeOf(value) !== Object.prototype) return value
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((key) => [key, inKeyOrder(value[key])]),
  )
}

/** A number that lost digits on reading would hide a change. */
function exact(value: unknown): Table {
  if (!isTable(value)) throw new SyntaxError('it has no keys at its top')
  refuseInexact(value)
  return value
}

function refuseInexact(value: unknown): void {
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    throw new RangeError(`${value} is too large to be kept exactly`)
  }
  if (typeof value === 'object' && value !== null) for (const inner of Object.values(value)) refuseInexact(inner)
}
