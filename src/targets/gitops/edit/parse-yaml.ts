/** YAML as a located tree. What is invalid, templated, or reads differently from one parser to the next is refused. */
import {
  type Alias,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type ParsedNode,
  parseAllDocuments,
  Scalar,
  type YAMLError,
} from 'yaml'
import { isTooDeepToParse } from '../../../config/yaml-depth.ts'
import type {
  LocatedAlias,
  LocatedDocument,
  LocatedNode,
  LocatedPair,
  LocatedText,
  ScalarStyle,
  ScalarValue,
} from './located.ts'
import { refuseAt, type SourceText } from './refusal.ts'

/** Of a file that people keep; parsing takes some 50 times as much memory. */
const maxCharacters = 8 * 1024 * 1024

export function parseYaml(source: SourceText): LocatedText {
  const { text, file } = source
  if (text.length > maxCharacters) refuseAt(source, 0, invalid(`is larger than ${maxCharacters / 1024 ** 2} MB`))
  if (isTooDeepToParse(text)) refuseAt(source, 0, invalid('is nested deeper than any file a person keeps'))
  // The parser counts a byte order mark as a column.
  const markLength = text.startsWith('\uFEFF') ? 1 : 0
  const parsed = parseAllDocuments(text.slice(markLength), { keepSourceTokens: false, prettyErrors: true })
  const documents = Array.isArray(parsed) ? parsed : []
  for (const { errors, warnings } of documents) {
    const [error] = errors
    if (error !== undefined) refuseError(source, error, markLength)
    const odd = warnings.find(({ code }) => code !== 'TAG_RESOLVE_FAILED')
    if (odd !== undefined) refuseError(source, odd, markLength)
  }
  return {
    file,
    text,
    format: 'yaml',
    documents: documents.map(({ contents }) => locateDocument(contents, { ...source, markLength })),
  }
}

/** A Go template is no YAML, though some of them parse as if they were. */
const templated = {
  code: 'FILE_TEMPLATED',
  sentence: 'this is a template ({{ … }}), not the YAML that it makes',
  hint: 'Name the values file that the template reads instead.',
} as const

const invalid = (what: string) =>
  ({
    code: 'FILE_INVALID',
    sentence: `this is no YAML that can be edited safely: it ${what}`,
    hint: 'Mend the file, or name another.',
  }) as const

function refuseError(source: SourceText, error: YAMLError, markLength: number): never {
  const at = error.pos[0] + markLength
  const template = source.text.indexOf('{{')
  if (template !== -1) refuseAt(source, template, templated)
  const sentence = (error.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, '')
  refuseAt(source, at, {
    code: 'FILE_INVALID',
    sentence: `this is not valid YAML: ${sentence}`,
    hint: 'Mend the file in the manifest repository.',
  })
}

function locateDocument(contents: ParsedNode | null, source: MarkedText): LocatedDocument {
  const references: References = { aliased: new Map(), anchored: new Map() }
  const isNothing = isScalar(contents) && contents.value === null && contents.source === ''
  const root = contents === null || isNothing ? null : locate(contents, source, references)
  return { root, ...references }
}

type MarkedText = SourceText & { markLength: number }
type References = { aliased: Map<string, LocatedAlias>; anchored: Map<string, LocatedNode> }

function locate(node: Node | null, source: MarkedText, references: References): LocatedNode {
  const located = locateNode(node, source, references)
  if (located.anchor !== null) references.anchored.set(located.anchor, located)
  return located
}

function locateNode(node: Node | null, source: MarkedText, references: References): LocatedNode {
  const [start, end] = (node?.range ?? [0, 0]).map((offset) => offset + source.markLength) as [number, number] // of three
  const place = { start, end, tag: node?.tag ?? null }
  if (isAlias(node)) {
    const name = (node as Alias).source
    const alias: LocatedAlias = { ...place, kind: 'alias', name, anchor: null }
    if (!references.aliased.has(name)) references.aliased.set(name, alias)
    return alias
  }
  if (isScalar(node)) {
    const style = styleOf(node, start === end)
    const raw = source.text.slice(start, end)
    if (style === 'plain' && raw.includes('{{')) refuseAt(source, start, templated)
    return { ...place, kind: 'scalar', anchor: node.anchor ?? null, value: scalarValue(node), style }
  }
  if (isSeq(node)) {
    const items = node.items.map((item) => locate(item as Node | null, source, references)) // parsed: no plain values
    return { ...place, kind: 'list', anchor: node.anchor ?? null, style: node.flow ? 'flow' : 'block', items }
  }
  if (isMap(node)) {
    if (node.flow && source.text.startsWith('{{', start)) refuseAt(source, start, templated)
    const pairs = node.items.map(({ key, value }): LocatedPair => {
      const located = locate(key as Node | null, source, references)
      // A flow map's key may have no colon at all: its value stands nowhere.
      const missing: LocatedNode = emptyScalar(located.end)
      return { key: located, value: value === null ? missing : locate(value as Node, source, references) }
    })
    return { ...place, kind: 'map', anchor: node.anchor ?? null, style: node.flow ? 'flow' : 'block', pairs }
  }
  return emptyScalar(start)
}

const emptyScalar = (at: number): LocatedNode => ({
  kind: 'scalar',
  start: at,
  end: at,
  anchor: null,
  tag: null,
  value: null,
  style: 'empty',
})

function styleOf(node: Scalar, isEmpty: boolean): ScalarStyle {
  switch (node.type) {
    case Scalar.QUOTE_SINGLE:
      return 'single'
    case Scalar.QUOTE_DOUBLE:
      return 'double'
    case Scalar.BLOCK_FOLDED:
    case Scalar.BLOCK_LITERAL:
      return 'block'
    default:
      return isEmpty ? 'empty' : 'plain'
  }
}

function scalarValue({ value }: Scalar): ScalarValue {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? value : null
}
