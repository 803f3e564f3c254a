/** JSON as a located tree: strict, as RFC 8259 has it, with the place of the first mistake. */
import type {
  LocatedMap,
  LocatedNode,
  LocatedPair,
  LocatedScalar,
  LocatedText,
  ScalarStyle,
  ScalarValue,
} from './located.ts'
import { refuseAt, type SourceText } from './refusal.ts'

const deepest = 64
const maxCharacters = 16 * 1024 * 1024
const blank = /[ \t\r\n]*/y
const text = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y
const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

export function parseJson(source: SourceText): LocatedText {
  const reader = new JsonReader(source)
  if (source.text.length > maxCharacters) reader.fail(`it is larger than ${maxCharacters / 1024 ** 2} MB`)
  return { ...source, format: 'json', documents: [{ root: reader.whole(), aliased: new Map(), anchored: new Map() }] }
}

class JsonReader {
  readonly #source: SourceText
  #at: number

  constructor(source: SourceText) {
    this.#source = source
    this.#at = source.text.startsWith('\uFEFF') ? 1 : 0
  }

  whole(): LocatedNode {
    const root = this.#value(0)
    this.#skip()
    if (this.#at < this.#source.text.length) this.fail('something stands after its end')
    return root
  }

  fail(what: string): never {
    refuseAt(this.#source, this.#at, {
      code: 'FILE_INVALID',
      sentence: `this is not valid JSON: ${what}`,
      hint: 'Mend the file in the manifest repository.',
    })
  }

  #value(depth: number): LocatedNode {
    if (depth > deepest) this.fail('it is nested deeper than any file a person keeps')
    this.#skip()
    const char = this.#source.text[this.#at]
    if (char === '{') return this.#map(depth)
    if (char === '[') return this.#list(depth)
    return this.#scalar()
  }

  #map(depth: number): LocatedMap {
    const start = this.#at++
    const pairs: LocatedPair[] = []
    const seen = new Set<ScalarValue>()
    while (!this.#take('}')) {
      if (pairs.length > 0 && !this.#take(',')) this.fail('a comma or } is missing')
      this.#skip()
      if (this.#source.text[this.#at] !== '"') this.fail('a key in quotes is missing')
      const keyAt = this.#at
      const key = this.#scalar()
      if (seen.has(key.value)) {
        this.#at = keyAt
        this.fail(`the key ${JSON.stringify(key.value)} stands there twice`)
      }
      seen.add(key.value)
      if (!this.#take(':')) this.fail('a colon is missing')
      pairs.push({ key, value: this.#value(depth + 1) })
    }
    return { kind: 'map', style: 'flow', pairs, start, end: this.#at, anchor: null, tag: null }
  }

  #list(depth: number): LocatedNode {
    const start = this.#at++
    const items: LocatedNode[] = []
    while (!this.#take(']')) {
      if (items.length > 0 && !this.#take(',')) this.fail('a comma or ] is missing')
      items.push(this.#value(depth + 1))
    }
    return { kind: 'list', style: 'flow', items, start, end: this.#at, anchor: null, tag: null }
  }

  #scalar(): LocatedScalar {
    const start = this.#at
    const isText = this.#source.text[start] === '"'
    const found = this.#match(isText ? text : word)
    if (found === '') this.fail(isText ? 'this text has no end or a wrong escape' : 'a value is missing')
    const value = JSON.parse(found) as ScalarValue // as the patterns say
    const style: ScalarStyle = isText ? 'double' : 'plain'
    return { kind: 'scalar', value, style, start, end: this.#at, anchor: null, tag: null }
  }

  #take(char: string): boolean {
    this.#skip()
    if (this.#source.text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #skip(): void {
    this.#match(blank)
  }

  #match(pattern: RegExp): string {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#source.text)?.[0] ?? ''
    this.#at += found.length
    return found
  }
}
