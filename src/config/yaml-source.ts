/** The text of a configuration file as plain data, and the way back from a piece of data to its place in the text. */

import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml'
import type { Location, Problem } from '../model/index.ts'
import { readPlainYaml } from './plain-yaml.ts'
import { blot, isSecret, withoutSecrets } from './schema/secret.ts'
import { isTooDeepToParse } from './yaml-depth.ts'
import { syntaxProblems } from './yaml-syntax.ts'

export type Path = ReadonlyArray<string | number>

/** Bounds, so that a hostile file costs no more than a large honest one. */
const longestText = 1_048_576
const mostNodes = 50_000
const deepestNesting = 32
/** A longer line is no help to anybody, and every problem on it would carry it. */
const longestLine = 2_000

export type YamlSource = {
  /** Strings, numbers, booleans, null, arrays and plain objects. */
  data: unknown
  /** Nothing of the text can be used. */
  isBroken: boolean
  problems: Problem[]
  /**
   * Where the value at `path` stands, or the closest thing around it that stands in the file. `key` is a key of that
   * value to point at instead. A path into a list also fits its short form, a single value.
   */
  locate(path: Path, options?: { key?: string; at?: 'key' | 'value'; secret?: boolean }): Location
}

/** Reads YAML 1.2. Never throws: what is wrong stands in `problems`, and `data` holds what could be read. */
export function readYaml(text: string, file: string): YamlSource {
  const plain = text.length > longestText ? null : readPlainYaml(text)
  if (plain === null) return readWholly(text, file)
  let whole: YamlSource | null = null
  return {
    data: plain.data,
    isBroken: false,
    problems: [],
    // Only what tells of a mistake asks for places: then the text is read once more.
    locate: (path, options) => {
      whole ??= readWholly(text, file)
      return whole.locate(path, options)
    },
  }
}

/** With a parser of all of YAML, which knows where everything stands; it takes twenty times as long. */
export function readWholly(text: string, file: string): YamlSource {
  const lines = new LineCounter()
  const describe = describePlaces(text, file, lines)
  const refuse = (code: string, message: string, hint?: string): YamlSource => {
    const problem: Problem = {
      code,
      message,
      location: { file, line: 1, column: 1 },
      ...(hint === undefined ? {} : { hint }),
    }
    return { data: null, isBroken: true, problems: [problem], locate: () => ({ file }) }
  }
  if (text.length > longestText) return refuse('FILE_TOO_LARGE', `${file} is larger than 1 MiB`)

  const document = isTooDeepToParse(text) ? null : parse(text, lines)
  if (document === null) return refuse('NESTED_TOO_DEEPLY', `${file} is nested too deeply`)
  if (document.errors.length > 0 || document.warnings.length > 0) {
    const problems = syntaxProblems([...document.errors, ...document.warnings], text, describe)
    return { data: null, isBroken: true, problems, locate: () => ({ file }) }
  }
  if (document.directives?.yaml.version !== '1.2') {
    return refuse(
      'YAML_VERSION',
      `${file} asks for YAML ${document.directives?.yaml.version}`,
      'Trunkline reads YAML 1.2',
    )
  }

  const reading = readNodes(document.contents, describe)
  return {
    data: reading.data,
    isBroken: reading.isExhausted,
    problems: reading.problems,
    locate: (path, options = {}) => {
      const found = findNode(document.contents, path, reading.aliases, options.key)
      const node = options.at === 'key' || found.isKey ? (found.key ?? found.value) : (found.value ?? found.key)
      const location = describe(node?.range?.[0] ?? 0)
      return options.secret === true ? withoutValue(location) : location
    },
  }
}

function parse(text: string, lines: LineCounter) {
  try {
    return parseDocument(text, {
      version: '1.2',
      lineCounter: lines,
      prettyErrors: false,
      uniqueKeys: false,
      strict: true,
      logLevel: 'warn',
      stringKeys: false,
    })
  } catch (error) {
    // The parser recurses; text such as `[[[[…` exhausts the stack.
    if (error instanceof RangeError) return null
    throw error
  }
}

/** Turns an offset in the text into a location. */
const describePlaces =
  (text: string, file: string, lines: LineCounter) =>
  (offset: number): Location => {
    const { line, col } = lines.linePos(Math.min(offset, text.length))
    const start = lines.lineStarts[Math.max(line, 1) - 1] ?? 0
    const end = text.indexOf('\n', start)
    const source = text.slice(start, end === -1 ? text.length : end).replace(/\r$/, '')
    const place = { file, line: Math.max(line, 1), column: Math.max(col, 1) }
    if (source.length > longestLine) return place
    return { ...place, source: isSecret(source) ? withoutSecrets(source) : source }
  }

/** The source line without what stands at the location, which is a secret. */
function withoutValue(location: Location): Location {
  const { source, column } = location
  if (source === undefined || column === undefined) return location
  const rest = source.slice(column - 1)
  const value = /^(?:"(?:[^"\\]|\\.)*"?|'(?:[^']|'')*'?|[^\s,}\]]+)/.exec(rest)?.[0] ?? ''
  return { ...location, source: `${source.slice(0, column - 1)}${blot(value)}${rest.slice(value.length)}` }
}

type Reading = { data: unknown; problems: Problem[]; aliases: Map<Node, Node>; isExhausted: boolean }

/** Walks the nodes in the order of the text, in which an alias means the last anchor of its name. */
function readNodes(root: Node | null, describe: (offset: number) => Location): Reading {
  const problems: Problem[] = []
  const aliases = new Map<Node, Node>()
  const anchors = new Map<string, Node>()
  /** Nodes being read: an alias to one of them would contain itself. */
  const open = new Set<Node>()
  let nodesLeft = mostNodes
  let isExhausted = false

  const mistake = (node: Node | null, code: string, message: string, hint?: string): void => {
    problems.push({
      code,
      message,
      location: describe(node?.range?.[0] ?? 0),
      ...(hint === undefined ? {} : { hint }),
    })
  }

  const read = (node: Node | null, depth: number): unknown => {
    nodesLeft -= 1
    if (node === null || isExhausted) return null
    if (nodesLeft < 0) {
      isExhausted = true
      mistake(
        node,
        'ALIASES_EXPAND_TOO_FAR',
        `the file has more than ${mostNodes} values once its aliases are followed`,
      )
      return null
    }
    if (depth > deepestNesting) {
      mistake(node, 'NESTED_TOO_DEEPLY', `this is nested more than ${deepestNesting} levels deep`)
      return null
    }
    if (isAlias(node)) return readAlias(node, depth)
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    if (isScalar(node)) return plainScalar(node.value, node.source)
    open.add(node)
    try {
      if (isSeq(node)) return node.items.map((item) => read(asNode(item), depth + 1))
      if (isMap(node)) return readMap(node, depth)
      return null
    } finally {
      open.delete(node)
    }
  }

  const readAlias = (node: Node & { source: string }, depth: number): unknown => {
    const meant = anchors.get(node.source)
    if (meant === undefined) {
      const hint = `text that begins with \`*\` needs quotes: "*${node.source}"`
      mistake(node, 'UNKNOWN_ALIAS', `there is no anchor \`&${node.source}\` for the alias \`*${node.source}\``, hint)
      return null
    }
    if (open.has(meant)) {
      mistake(node, 'ALIAS_CYCLE', `the alias \`*${node.source}\` stands within the value it names`)
      return null
    }
    aliases.set(node, meant)
    return read(meant, depth + 1)
  }

  const readMap = (map: YAMLMap, depth: number): Record<string, unknown> => {
    const data: Record<string, unknown> = {}
    const firstKeys = new Map<string, Node>()
    for (const pair of map.items) {
      const keyNode = asNode(pair.key)
      const key = keyText(keyNode)
      if (key === null || keyNode === null) {
        mistake(
          keyNode ?? map,
          'INVALID_KEY',
          'a key must be plain text',
          'text that begins with `{`, `[` or `*` needs quotes',
        )
        continue
      }
      if (key === '__proto__') {
        mistake(keyNode, 'INVALID_KEY', '`__proto__` cannot be a key: it is a word of JavaScript itself')
        continue
      }
      const first = firstKeys.get(key)
      if (first !== undefined) {
        const { line } = describe(first.range?.[0] ?? 0)
        mistake(
          keyNode,
          'DUPLICATE_KEY',
          `key \`${key}\` stands twice: first on line ${line}`,
          'only one of them can count',
        )
        continue
      }
      firstKeys.set(key, keyNode)
      data[key] = read(asNode(pair.value), depth + 1)
    }
    return data
  }

  const data = read(root, 0)
  return { data, problems, aliases, isExhausted }
}

/** Keys and values of the composer are nodes or null; its types do not say so. */
const asNode = (value: unknown): Node | null =>
  isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null

/**
 * A number or boolean counts as one only where it is written as JavaScript writes it; else it is the text that stands
 * there. So the version `1.20` does not become `1.2`.
 */
function plainScalar(value: unknown, source: string | undefined): unknown {
  if (value === null || typeof value === 'string') return value
  if (typeof value === 'number' || typeof value === 'boolean')
    return source === undefined || String(value) === source ? value : source
  return source ?? String(value)
}

const keyText = (node: Node | null): string | null => {
  if (node === null || !isScalar(node)) return null
  return typeof node.value === 'string' ? node.value : (node.source ?? String(node.value))
}

type FoundNode = { key: Node | null; value: Node | null; isKey: boolean }

/** Follows the path as far as the file goes. */
function findNode(root: Node | null, path: Path, aliases: ReadonlyMap<Node, Node>, lastKey?: string): FoundNode {
  const behind = (node: Node | null): Node | null => (node === null ? null : (aliases.get(node) ?? node))
  let found: FoundNode = { key: null, value: root, isKey: false }
  for (const step of path) {
    const node = behind(found.value)
    if (isMap(node)) {
      const pair = pairOf(node, String(step))
      if (pair === undefined) {
        if (step === 0) continue
        return found
      }
      found = { key: asNode(pair.key), value: asNode(pair.value), isKey: false }
    } else if (isSeq(node) && typeof step === 'number') {
      const item = asNode(node.items[step])
      if (item === null) return found
      found = { key: null, value: item, isKey: false }
    } else if (step !== 0) {
      return found
    }
  }
  const node = behind(found.value)
  if (lastKey === undefined || !isMap(node)) return found
  const pair = pairOf(node, lastKey)
  return pair === undefined ? found : { key: asNode(pair.key), value: asNode(pair.value), isKey: true }
}

/** Pairs by their keys, the first of a key: made once for each mapping that a problem leads through. */
const pairsByKey = new WeakMap<YAMLMap, Map<string, Pair>>()

function pairOf(map: YAMLMap, key: string): Pair | undefined {
  let pairs = pairsByKey.get(map)
  if (pairs === undefined) {
    pairs = new Map()
    for (const pair of map.items) {
      const text = keyText(asNode(pair.key))
      if (text !== null && !pairs.has(text)) pairs.set(text, pair)
    }
    pairsByKey.set(map, pairs)
  }
  return pairs.get(key)
}
