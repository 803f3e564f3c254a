/** YAML in every layout that people use, of which it is known where each value stands. */
import fc from 'fast-check'
import type { PathStep } from '../../../src/targets/gitops/edit/index.ts'

/** A value as it is to be written. */
export type Written =
  | { kind: 'scalar'; value: string | number | boolean; quotes: '' | "'" | '"'; comment: string }
  | { kind: 'map'; flow: boolean; entries: Array<[key: string, value: Written]>; above: string }
  | { kind: 'list'; flow: boolean; items: Written[]; above: string }

export type Layout = {
  indent: number
  listIndent: number
  ending: string
  mark: boolean
  start: boolean
  last: boolean
}

/** Where a scalar stands, in UTF-16 units. */
export type Spot = { document: number; path: PathStep[]; start: number; end: number; value: string | number | boolean }

const key = fc.constantFrom('name', 'image', 'tag', 'a', 'b-c', 'x.y/z', 'été', 'containers', 'on', 'spec')
const text = fc.oneof(
  fc.constantFrom(
    'r.example:5000/shop/carts:v1',
    'sha256:abc',
    'v1',
    'yes',
    '1e3',
    "it's",
    'a "b"',
    '',
    '# no',
    'a: b',
    '日本',
  ),
  fc.string({ maxLength: 12, unit: 'grapheme-ascii' }),
)
const comment = fc.constantFrom('', ' # why', '   #', ' # {{ not a template }}', ' # "quoted: {[')
const above = fc.constantFrom('', '# above', '# a: b', '')

const scalar: fc.Arbitrary<Written> = fc.oneof(
  fc.record({
    kind: fc.constant('scalar' as const),
    value: text,
    quotes: fc.constantFrom("'" as const, '"' as const),
    comment,
  }),
  fc.record({
    kind: fc.constant('scalar' as const),
    value: fc.oneof(fc.stringMatching(/^[a-z][a-z0-9/.:-]{0,8}[a-z]$/), fc.integer(), fc.boolean()),
    quotes: fc.constant('' as const),
    comment,
  }),
)

const { node } = fc.letrec<{ node: Written; map: Written; list: Written }>((tie) => ({
  node: fc.oneof({ maxDepth: 4, depthSize: 'small' }, scalar, scalar, tie('map'), tie('list')),
  map: fc.record({
    kind: fc.constant('map' as const),
    flow: fc.boolean(),
    entries: fc.uniqueArray(fc.tuple(key, tie('node')), { selector: ([name]) => name, minLength: 1, maxLength: 4 }),
    above,
  }),
  list: fc.record({
    kind: fc.constant('list' as const),
    flow: fc.boolean(),
    items: fc.array(tie('node'), { minLength: 1, maxLength: 3 }),
    above,
  }),
}))

export const documents: fc.Arbitrary<Written[]> = fc.array(
  node.filter((written) => written.kind !== 'scalar'),
  { minLength: 1, maxLength: 3 },
)

export const layout: fc.Arbitrary<Layout> = fc.record({
  indent: fc.integer({ min: 1, max: 5 }),
  listIndent: fc.integer({ min: 0, max: 3 }),
  ending: fc.constantFrom('\n', '\r\n'),
  mark: fc.boolean(),
  start: fc.boolean(),
  last: fc.boolean(),
})

export function writeYaml(roots: readonly Written[], layout: Layout): { text: string; spots: Spot[] } {
  const writer = new Writer(layout)
  if (layout.mark) writer.put('\uFEFF')
  roots.forEach((root, document) => {
    if (document > 0 || layout.start) writer.line('---')
    writer.document = document
    writer.block(root, '', [])
  })
  const text = layout.last ? writer.text : writer.text.slice(0, -layout.ending.length)
  return { text, spots: writer.spots }
}

class Writer {
  text = ''
  document = 0
  readonly spots: Spot[] = []
  readonly #layout: Layout

  constructor(layout: Layout) {
    this.#layout = layout
  }

  put(piece: string): void {
    this.text += piece
  }

  line(text: string): void {
    this.put(`${text}${this.#layout.ending}`)
  }

  /** Begins at the start of a line, or behind the dash of a list's item where `isInline`. */
  block(node: Written, indent: string, path: PathStep[], isInline = false): void {
    if (node.kind === 'scalar') {
      if (!isInline) this.put(indent)
      this.#scalar(node, path)
      this.line(node.comment)
    } else if (node.flow) {
      if (!isInline) this.put(indent)
      this.#flow(node, path)
      this.line('')
    } else if (node.kind === 'map') {
      node.entries.forEach(([name, value], index) => {
        if (index > 0 && node.above !== '') this.line(`${indent}${node.above}`)
        if (index > 0 || !isInline) this.put(indent)
        this.put(`${writtenKey(name)}:`)
        this.#under(value, indent, [...path, { kind: 'key', key: name }])
      })
    } else {
      node.items.forEach((item, index) => {
        if (index > 0 && node.above !== '') this.line(`${indent}${node.above}`)
        if (index > 0 || !isInline) this.put(indent)
        this.put('- ')
        this.block(item, `${indent}  `, [...path, { kind: 'index', index }], true)
      })
    }
  }

  #under(value: Written, indent: string, path: PathStep[]): void {
    if (value.kind === 'scalar' || value.flow) {
      this.put(' ')
      this.block(value, '', path, true)
      return
    }
    this.line('')
    const by = value.kind === 'list' ? this.#layout.listIndent : this.#layout.indent
    this.block(value, `${indent}${' '.repeat(by)}`, path)
  }

  #flow(node: Written, path: PathStep[]): void {
    if (node.kind === 'scalar') {
      this.#scalar(node, path)
      return
    }
    this.put(node.kind === 'map' ? '{' : '[')
    if (node.kind === 'map') {
      node.entries.forEach(([name, value], index) => {
        this.put(`${index > 0 ? ', ' : ' '}${writtenKey(name)}: `)
        this.#flow(value, [...path, { kind: 'key', key: name }])
      })
    } else {
      node.items.forEach((item, index) => {
        if (index > 0) this.put(',')
        this.#flow(item, [...path, { kind: 'index', index }])
      })
    }
    this.put(node.kind === 'map' ? ' }' : ']')
  }

  #scalar({ value, quotes }: Written & { kind: 'scalar' }, path: PathStep[]): void {
    const start = this.text.length
    this.put(writtenValue(value, quotes))
    this.spots.push({ document: this.document, path, start, end: this.text.length, value })
  }
}

const writtenKey = (name: string): string => (name === 'on' ? '"on"' : name)

function writtenValue(value: string | number | boolean, quotes: '' | "'" | '"'): string {
  if (typeof value !== 'string' || quotes === '') return String(value)
  return quotes === '"' ? JSON.stringify(value) : `'${value.replaceAll("'", "''")}'`
}
