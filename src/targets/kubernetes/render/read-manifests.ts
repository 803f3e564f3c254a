/** Text of manifests as objects: YAML as kubectl reads it, several documents to a file, Lists taken apart. */
import {
  type Document,
  isCollection,
  isMap,
  isSeq,
  LineCounter,
  type ParsedNode,
  parseAllDocuments,
  parseDocument,
  visit,
} from 'yaml'
import { isTooDeepToParse } from '../../../config/yaml-depth.ts'
import type { KubernetesObject } from '../../../kubernetes-api/index.ts'
import { type Location, usageError } from '../../../model/index.ts'

/** An object, and where it stands in the repository. */
export type Described = { object: KubernetesObject; location: Location }

/** Of one file, or of everything that a program renders. */
const maxCharacters = 16 * 1024 * 1024
/** Once aliases are followed: bounds what a few lines of them can grow to. */
const maxValues = 1_000_000
const maxAliases = 10_000

/** Usage error with file and line where the text is no manifest. */
export function readManifests(text: string, file: string): Described[] {
  if (text.length > maxCharacters) throw invalid(`${file} is larger than ${maxCharacters / 1024 ** 2} MiB`, { file })
  if (isTooDeepToParse(text)) throw invalid(`${file} is nested deeper than any manifest`, { file })
  const lines = new LineCounter()
  const documents = parseAllDocuments(text, { ...asKubectlReads, lineCounter: lines, prettyErrors: false })
  const at = (offset: number | undefined): Location => ({ file, ...place(lines, offset ?? 0) })
  const budget = { left: maxValues }
  return (Array.isArray(documents) ? documents : []).flatMap((document) => {
    refuseMistakes(document, text, at)
    const value = plainOf(document, budget, at)
    return value === null ? [] : objectsIn(value, document.contents, at)
  })
}

/** One document as plain data, for those who do not answer for it: null where it is empty or no YAML. */
export function readDocument(text: string): unknown {
  if (text.length > maxCharacters || isTooDeepToParse(text)) return null
  const document = parseDocument(text, { ...asKubectlReads, prettyErrors: false })
  if (document.errors.length > 0 || keyMistake(document) !== null) return null
  return plainOf(document, { left: maxValues }, () => ({ file: 'chart' }))
}

/** YAML 1.1 but for what Go's parser leaves alone: dates, and numbers in base 60 such as `22:22`. */
const asKubectlReads = {
  version: '1.1',
  customTags: (tags: unknown) => (Array.isArray(tags) ? tags.filter(isReadByGo) : []),
  merge: true,
  keepSourceTokens: false,
  logLevel: 'error',
} as const

const isReadByGo = (tag: unknown): boolean =>
  !(
    typeof tag === 'object' &&
    tag !== null &&
    (('format' in tag && tag.format === 'TIME') || ('tag' in tag && tag.tag === 'tag:yaml.org,2002:timestamp'))
  )

const place = (lines: LineCounter, offset: number) => {
  const { line, col } = lines.linePos(offset)
  return { line: Math.max(line, 1), column: Math.max(col, 1) }
}

const invalid = (message: string, location: Location, hint?: string) =>
  usageError('MANIFEST_INVALID', message, { location, ...(hint === undefined ? {} : { hint }) })

function refuseMistakes(document: Document.Parsed, text: string, at: (offset: number) => Location): void {
  const [mistake] = [...document.errors, ...document.warnings]
  const found =
    mistake === undefined
      ? keyMistake(document)
      : {
          offset: mistake.pos[0],
          said: (mistake.message.split('\n')[0] ?? '').replace(/ at line \d+, column \d+:?$/, ''),
        }
  if (found === null) return
  const location = at(found.offset)
  if (!text.includes('{{')) throw invalid(`${where(location)}: this is not valid YAML: ${found.said}`, location)
  throw invalid(
    `${where(location)}: this is a template ({{ … }}), no manifest`,
    location,
    'templates belong to a chart: name it as `helm`',
  )
}

/** JSON has nothing for a key that is a list or a mapping. */
function keyMistake(document: Document.Parsed): { offset: number; said: string } | null {
  let offset: number | null = null
  visit(document, {
    Pair(_, { key }) {
      if (!isCollection(key)) return undefined
      offset = key.range?.[0] ?? 0
      return visit.BREAK
    },
  })
  return offset === null ? null : { offset, said: 'a key must be plain text' }
}

const where = ({ file, line }: Location): string => `${file}:${line ?? 1}`

/** Own data, without anything shared; null where the document is empty. */
function plainOf(document: Document.Parsed, budget: { left: number }, at: (offset?: number) => Location): unknown {
  const location = at(document.contents?.range?.[0])
  const tooFar = () => invalid(`${where(location)}: the aliases of this document expand too far`, location)
  const copy = (value: unknown): unknown => {
    budget.left -= 1
    if (budget.left < 0) throw tooFar()
    if (Array.isArray(value)) return value.map(copy)
    if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8')
    if (typeof value === 'bigint') return Number(value)
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, copy(member)]))
  }
  try {
    return copy(document.toJS({ maxAliasCount: maxAliases }))
  } catch (error) {
    if (error instanceof ReferenceError) throw tooFar()
    throw error
  }
}

function objectsIn(value: unknown, node: ParsedNode | null, at: (offset?: number) => Location): Described[] {
  const location = at(node?.range?.[0])
  if (!isMapping(value)) throw invalid(`${where(location)}: a manifest is a mapping with apiVersion and kind`, location)
  const { apiVersion, kind, items } = value
  if (typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)) {
    const list = isMap(node) ? node.get('items', true) : null
    const nodes = isSeq(list) ? list.items : []
    return items.flatMap((item, index) => objectsIn(item, asParsed(nodes[index]) ?? node, at))
  }
  if (typeof apiVersion !== 'string' || typeof kind !== 'string' || apiVersion === '' || kind === '') {
    throw invalid(`${where(location)}: this manifest has no apiVersion and kind`, location)
  }
  const metadata = isMapping(value['metadata']) ? value['metadata'] : {}
  const { name, generateName } = metadata
  if (typeof name !== 'string' || name === '') {
    throw invalid(
      `${where(location)}: this ${kind} has no metadata.name`,
      location,
      generateName === undefined
        ? kind === 'Kustomization'
          ? 'a kustomization is not applied itself: name its folder as `kustomize`'
          : undefined
        : 'with generateName every delivery would make another one: give it a name, or make it a hook',
    )
  }
  return [{ object: { ...value, apiVersion, kind, metadata: { ...metadata, name } }, location }]
}

const asParsed = (node: unknown): ParsedNode | null => (isMap(node) || isSeq(node) ? (node as ParsedNode) : null) // Of a parsed document.

export const isMapping = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
