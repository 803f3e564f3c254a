/**
 * The YAML that most configurations are written in, read without a YAML parser: block mappings, lists and one-line flow
 * collections of plain text. What is not surely of that kind is not read at all: `yaml-source.ts` then reads it whole.
 */

/** Larger or deeper, and the bounds of the whole parser have their say. */
const mostValues = 40_000
const deepest = 16

type Line = { indent: number; text: string }
type Mapping = Record<string, unknown>

/** Anything else may be a mistake, or mean more than it seems to. */
class NotPlain extends Error {}

/** The data of a text; null where it has to be read with the whole parser, because of a mistake or not. */
export function readPlainYaml(text: string): { data: Mapping } | null {
  // Tabs, carriage returns and what is not ASCII have rules of their own.
  if (/[^\x20-\x7e\n]/.test(text)) return null
  try {
    const reader = new PlainReader(linesOf(text))
    return { data: reader.document() }
  } catch (error) {
    if (error instanceof NotPlain) return null
    throw error
  }
}

function linesOf(text: string): Line[] {
  const lines: Line[] = []
  for (const line of text.split('\n')) {
    const content = line.trim()
    if (content === '' || content.startsWith('#')) continue
    lines.push({ indent: line.length - line.trimStart().length, text: content })
  }
  return lines
}

const keyed = /^([A-Za-z0-9_][A-Za-z0-9_./-]{0,200}):(?: +(.+))?$/
const listed = /^- +(.+)$/
const quoted = /^(?:'([^']*)'|"([^"\\]*)")$/
/** Begins with no sign that means something, and holds neither a comment nor a key. */
const plain = /^[A-Za-z0-9_./](?:[^#:]|:(?=[^ ])|(?<! )#)*$/
const plainInFlow = /^[A-Za-z0-9_./][A-Za-z0-9_./*@+=~$() -]*$/
const keyInFlow = /^([A-Za-z0-9_][A-Za-z0-9_./-]{0,200}): +(.+)$/
const number = /^[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?$/

class PlainReader {
  readonly #lines: readonly Line[]
  #at = 0
  #values = 0

  constructor(lines: readonly Line[]) {
    this.#lines = lines
  }

  document(): Mapping {
    const first = this.#lines[0]
    if (first === undefined || first.indent !== 0) throw new NotPlain()
    const data = this.#mapping(0, 0)
    if (this.#at < this.#lines.length) throw new NotPlain()
    return data
  }

  #mapping(indent: number, depth: number): Mapping {
    this.#count(depth)
    const members: Mapping = {}
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      const [, key, value] = keyed.exec(line.text) ?? []
      if (line.indent > indent || key === undefined) throw new NotPlain()
      this.#at += 1
      put(members, key, value === undefined ? this.#below(indent, depth + 1) : this.#inline(value, depth + 1))
    }
    return members
  }

  #list(indent: number, depth: number): unknown[] {
    this.#count(depth)
    const items: unknown[] = []
    for (let line = this.#lines[this.#at]; line !== undefined && line.indent >= indent; line = this.#lines[this.#at]) {
      const value = listed.exec(line.text)?.[1]
      if (line.indent > indent || value === undefined) throw new NotPlain()
      this.#at += 1
      items.push(this.#inline(value, depth + 1))
    }
    return items
  }

  /** What stands below a key without a value. */
  #below(indent: number, depth: number): unknown {
    const next = this.#lines[this.#at]
    if (next !== undefined && next.indent > indent) {
      return next.text.startsWith('-') ? this.#list(next.indent, depth) : this.#mapping(next.indent, depth)
    }
    // A list may stand right below its key.
    if (next?.indent === indent && next.text.startsWith('-')) throw new NotPlain()
    this.#count(depth)
    return null
  }

  /** A value that ends with its line. */
  #inline(text: string, depth: number): unknown {
    const flow = text.startsWith('{') || text.startsWith('[')
    if (flow) return this.#flow(text, depth)
    this.#count(depth)
    const [, single, double] = quoted.exec(text) ?? []
    const known = single ?? double
    if (known !== undefined) return known
    if (!plain.test(text)) throw new NotPlain()
    return plainValue(text)
  }

  #flow(text: string, depth: number): unknown {
    const isMapping = text.startsWith('{')
    if (!isMapping && !text.startsWith('[')) {
      this.#count(depth)
      if (!plainInFlow.test(text)) throw new NotPlain()
      return plainValue(text)
    }
    this.#count(depth)
    if (!text.endsWith(isMapping ? '}' : ']')) throw new NotPlain()
    const parts = partsOf(text.slice(1, -1).trim())
    if (!isMapping) return parts.map((part) => this.#flow(part, depth + 1))
    const members: Mapping = {}
    for (const part of parts) {
      const [, key, value] = keyInFlow.exec(part) ?? []
      if (key === undefined || value === undefined) throw new NotPlain()
      put(members, key, this.#flow(value, depth + 1))
    }
    return members
  }

  #count(depth: number): void {
    this.#values += 1
    if (this.#values > mostValues || depth > deepest) throw new NotPlain()
  }
}

function put(members: Mapping, key: string, value: unknown): void {
  if (key === '__proto__' || Object.hasOwn(members, key)) throw new NotPlain()
  members[key] = value
}

/** Text between commas that stand in no brackets. */
function partsOf(text: string): string[] {
  if (text === '') return []
  const parts: string[] = []
  let open = 0
  let from = 0
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at]
    if (sign === '{' || sign === '[') open += 1
    else if (sign === '}' || sign === ']') open -= 1
    else if (sign === ',' && open === 0) {
      parts.push(text.slice(from, at).trim())
      from = at + 1
    }
    if (open < 0) throw new NotPlain()
  }
  parts.push(text.slice(from).trim())
  if (open !== 0) throw new NotPlain()
  return parts
}

/** As `yaml-source.ts` has it: a number or boolean only where it is written as JavaScript writes it. */
function plainValue(text: string): unknown {
  switch (text) {
    case 'null':
    case 'Null':
    case 'NULL':
      return null
    case 'true':
      return true
    case 'false':
      return false
    default:
      return number.test(text) && String(Number(text)) === text ? Number(text) : text
  }
}
