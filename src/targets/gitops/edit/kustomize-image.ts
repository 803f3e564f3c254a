/** The `images` of a kustomization: sets the digest of an entry, and adds what is missing in the file's own style. */
import { isDigest } from '../../../model/index.ts'
import { assertOwn, mergedKey, refuseAlias, refuseMerged } from './find.ts'
import type { ImageName, WantedImage } from './image-name.ts'
import {
  type LocatedDocument,
  type LocatedList,
  type LocatedMap,
  type LocatedNode,
  type LocatedPair,
  type LocatedText,
  type Outline,
  pairOf,
  saysOf,
  textUnder,
  wayUnder,
} from './located.ts'
import type { KustomizeImage } from './place.ts'
import { refuseAt } from './refusal.ts'
import {
  flowBlank,
  flowPair,
  indentOf,
  insertPair,
  lineEnding,
  linesAfter,
  removePair,
  replaceScalar,
  type Splice,
  wayOf,
} from './splice.ts'
import { writeText } from './write-scalar.ts'

type Kustomization = { document: LocatedDocument; root: LocatedMap }

export function editKustomizeImage(
  file: LocatedText,
  outline: Outline,
  { name }: KustomizeImage,
  image: WantedImage,
): Splice[] {
  const { document, root } = kustomizationOf(file)
  const images = pairOf(root, 'images')
  if (images === undefined) {
    const merged = mergedKey(root)
    if (merged !== undefined) refuseMerged(file, merged.start, 'images')
    return [addImages(file, outline, root, entryOf(name, image))]
  }
  const list = listOf(file, images)
  assertOwn(file, { document, nodes: [root, images.value] })
  const entry = list === null ? null : findEntry(file, list, name)
  if (entry === null) return [addEntry(file, outline, { root, images, list }, entryOf(name, image))]
  const own = (value: LocatedNode) => assertOwn(file, { document, nodes: [entry, value] })
  own(entry)
  return editEntry(file, outline, entry, image, own)
}

/** Null where the kustomization does not name the image. */
export function kustomizeImage(file: LocatedText, { name }: KustomizeImage): ImageName | null {
  const images = pairOf(kustomizationOf(file).root, 'images')
  const list = images === undefined ? null : listOf(file, images)
  const entry = list === null ? null : findEntry(file, list, name)
  if (entry === null) return null
  const digest = textUnder(entry, 'digest') ?? ''
  return {
    repository: textUnder(entry, 'newName') ?? name,
    tag: textUnder(entry, 'newTag'),
    digest: isDigest(digest) ? digest : null,
  }
}

/** The entry, or the list where it is missing, or all of the file. */
export function kustomizeExtent(file: LocatedText, { name }: KustomizeImage): { start: number; end: number } {
  const { root } = kustomizationOf(file)
  const images = pairOf(root, 'images')
  const list = images === undefined ? null : listOf(file, images)
  return (list === null ? null : findEntry(file, list, name)) ?? list ?? root
}

function kustomizationOf(file: LocatedText): Kustomization {
  const documents = file.documents.filter(({ root }) => root !== null)
  const [document, second] = documents
  const root = document?.root
  if (document === undefined || root?.kind !== 'map' || second !== undefined)
    return notKustomization(file, second?.root)
  const kind = textUnder(root, 'kind')
  if (kind !== null && kind !== 'Kustomization' && kind !== 'Component') return notKustomization(file, root)
  return { document, root }
}

function notKustomization(file: LocatedText, node: LocatedNode | null | undefined): never {
  refuseAt(file, node?.start ?? 0, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: 'this is no kustomization: it has to be one map of kind Kustomization or Component',
    hint: 'Name the kustomization.yaml of the overlay.',
  })
}

/** Null where nothing stands behind `images:`. */
function listOf(file: LocatedText, { value }: LocatedPair): LocatedList | null {
  if (value.kind === 'list') return value
  if (value.kind === 'scalar' && value.style === 'empty' && value.anchor === null && value.tag === null) return null
  if (value.kind === 'alias') refuseAlias(file, value, 'images')
  refuseAt(file, value.start, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: '`images` has to be a list',
    hint: 'Write it as kustomize has it: `images: [{ name: …, digest: … }]`.',
  })
}

function findEntry(file: LocatedText, list: LocatedList, name: string): LocatedMap | null {
  const alias = list.items.find((item) => item.kind === 'alias')
  if (alias?.kind === 'alias') refuseAlias(file, alias, 'an entry of images')
  const entries = list.items.filter(
    (item): item is LocatedMap => item.kind === 'map' && textUnder(item, 'name') === name,
  )
  const [entry, second] = entries
  if (second !== undefined) {
    refuseAt(file, second.start, {
      code: 'PLACE_AMBIGUOUS',
      sentence: `images has ${name} more than once`,
      hint: 'Keep one entry for each name.',
    })
  }
  return entry ?? null
}

function editEntry(
  file: LocatedText,
  outline: Outline,
  entry: LocatedMap,
  { digest, repository }: WantedImage,
  own: (value: LocatedNode) => void,
): Splice[] {
  const merged = mergedKey(entry)
  if (merged !== undefined) refuseMerged(file, merged.start, 'digest')
  const name = pairOf(entry, 'name')
  const newName = pairOf(entry, 'newName')
  const newTag = pairOf(entry, 'newTag')
  const known = pairOf(entry, 'digest')
  if (name === undefined) throw new TypeError('an entry is found by its name')
  for (const pair of [newName, newTag, known]) if (pair !== undefined) own(pair.value)
  const splices: Array<Splice | null> = []
  const currentName = textUnder(entry, 'newName') ?? textUnder(entry, 'name')
  const isMoved = repository !== null && repository !== currentName
  if (isMoved && newName !== undefined) splices.push(replaceScalar(file, outline, newName.value, repository))
  if (known !== undefined) {
    splices.push(replaceScalar(file, outline, known.value, digest))
    // What is pulled goes by the digest: a tag beside it says what is no longer true.
    if (newTag !== undefined) splices.push(removePair(file, outline, entry, newTag))
  } else if (newTag !== undefined) {
    splices.push(replacePair(file, outline, entry, newTag, digest))
  } else {
    splices.push(insertPair(file, outline, entry, { after: newName ?? name, key: 'digest', value: digest }))
  }
  if (isMoved && newName === undefined)
    splices.push(insertPair(file, outline, entry, { after: name, key: 'newName', value: repository }))
  return joined(splices.filter((splice) => splice !== null))
}

/** Two insertions at one place become one, in their order: the later one stands first in the file. */
function joined(splices: readonly Splice[]): Splice[] {
  const byPlace = new Map<string, Splice>()
  for (const splice of splices) {
    const place = `${splice.start} ${splice.end}`
    const there = byPlace.get(place)
    byPlace.set(
      place,
      there === undefined
        ? splice
        : { ...there, text: splice.text + there.text, says: [...splice.says, ...there.says] },
    )
  }
  return [...byPlace.values()]
}

/** `newTag: …` becomes `digest: …` where it stands, with the quotes it has. */
function replacePair(
  file: LocatedText,
  outline: Outline,
  map: LocatedMap,
  { key, value }: LocatedPair,
  digest: string,
): Splice {
  const written = replaceScalar(file, outline, value, digest)
  if (written === null) throw new TypeError('a tag is no digest')
  const between = file.text.slice(key.end, written.start)
  const word = file.text.slice(key.start, key.end).replace('newTag', 'digest')
  return {
    start: key.start,
    end: written.end,
    text: `${word}${between}${written.text}`,
    says: [
      [wayOf(outline, value), null],
      [wayUnder(wayOf(outline, map), '"digest"'), saysOf(digest)],
    ],
  }
}

type Entry = ReadonlyArray<readonly [key: string, value: string]>

function entryOf(name: string, { digest, repository, origin }: WantedImage): Entry {
  const from = repository ?? origin ?? name
  return [['name', name], ...(from === name ? [] : [['newName', from] as const]), ['digest', digest]]
}

const saysEntry = (way: string, entry: Entry): Splice['says'] => [
  [way, 'map'],
  ...entry.map(([key, value]) => [wayUnder(way, JSON.stringify(key)), saysOf(value)] as const),
]

const flowEntry = (file: LocatedText, entry: Entry): string =>
  `{${file.format === 'json' ? ' ' : ''}${entry.map(([key, value]) => flowPair(file, key, value)).join(', ')}${file.format === 'json' ? ' ' : ''}}`

const blockEntry = (entry: Entry, indent: string, gap: string): string[] =>
  entry.map(
    ([key, value], index) =>
      `${indent}${index === 0 ? `-${gap}` : ` ${gap.replace(/./g, ' ')}`}${key}: ${writeText(value, 'plain')}`,
  )

function addEntry(
  file: LocatedText,
  outline: Outline,
  { root, images, list }: { root: LocatedMap; images: LocatedPair; list: LocatedList | null },
  entry: Entry,
): Splice {
  const way = wayOf(outline, images.value)
  if (list === null) return addFirst(file, root, images, way, entry)
  const says = saysEntry(wayUnder(way, String(list.items.length)), entry)
  const last = list.items.at(-1)
  if (list.style === 'flow') {
    const text = flowEntry(file, entry)
    if (last === undefined) return { start: list.start + 1, end: list.start + 1, text, says }
    return { start: last.end, end: last.end, text: `,${flowBlank(file, list)}${text}`, says }
  }
  const first = list.items[0]
  if (first?.kind !== 'map' || last?.kind !== 'map' || first.style !== 'block') return oddList(file, list)
  // `- name`, with as many blanks as the first entry has.
  const before = indentOf(file.text, first.start)
  const parts = /^(\s*)-(\s+)$/.exec(before)
  const end = lastLine(last)
  if (parts === null || end === null) return oddList(file, list)
  const [, indent = '', gap = ' '] = parts
  return { ...linesAfter(file, end, blockEntry(entry, indent, gap)), says }
}

/** Behind `images:` with nothing in it. */
function addFirst(file: LocatedText, root: LocatedMap, images: LocatedPair, way: string, entry: Entry): Splice {
  const says: Splice['says'] = [[way, 'list'], ...saysEntry(wayUnder(way, '0'), entry)]
  if (root.style === 'flow' || images.value.start > images.key.end + 200) return oddList(file, images.value)
  const indent = `${indentOf(file.text, images.key.start)}${listIndent(file, root)}`
  return { ...linesAfter(file, images.key.end, blockEntry(entry, indent, ' ')), says }
}

function addImages(file: LocatedText, outline: Outline, root: LocatedMap, entry: Entry): Splice {
  const way = wayUnder(wayOf(outline, root), '"images"')
  const says: Splice['says'] = [[way, 'list'], ...saysEntry(wayUnder(way, '0'), entry)]
  const last = root.pairs.at(-1)
  if (root.style === 'flow') {
    if (last === undefined) return oddList(file, root)
    const key = file.format === 'json' ? '"images"' : 'images'
    const text = `,${flowBlank(file, root)}${key}: [${flowEntry(file, entry)}]`
    return { start: last.value.end, end: last.value.end, text, says }
  }
  // At the end of the file: what stands behind the map belongs to nobody else.
  const rest = file.text.slice(root.end)
  if (!/^(?:[ \t]*(?:#[^\r\n]*)?(?:\r\n|\n|\r|$))*$/.test(rest)) return oddList(file, root)
  const indent = root.pairs[0] === undefined ? '' : indentOf(file.text, root.pairs[0].key.start)
  const lines = [`${indent}images:`, ...blockEntry(entry, `${indent}${listIndent(file, root)}`, ' ')]
  return { ...endOfFile(file, lines), says }
}

function endOfFile({ text }: LocatedText, lines: readonly string[]): Omit<Splice, 'says'> {
  const ending = lineEnding(text)
  const block = lines.join(ending)
  const hasEnding = /[\r\n]$/.test(text)
  return {
    start: text.length,
    end: text.length,
    text: hasEnding ? `${block}${ending}` : `${ending}${block}`,
  }
}

/** How far the lists of this file stand in from their keys: as the first one does; as `kustomize edit` writes them, not at all. */
function listIndent(file: LocatedText, root: LocatedMap): string {
  for (const { key, value } of root.pairs) {
    if (value.kind !== 'list' || value.style !== 'block') continue
    const extra = indentOf(file.text, value.start).length - indentOf(file.text, key.start).length
    return ' '.repeat(Math.max(0, extra))
  }
  return ''
}

/** Where the last line of an entry ends: the end of its last value; null where that has several lines. */
function lastLine(entry: LocatedMap): number | null {
  const value = entry.pairs.at(-1)?.value
  if (value?.kind !== 'scalar' || value.style === 'block') return null
  return value.end
}

function oddList(file: LocatedText, node: LocatedNode): never {
  refuseAt(file, node.start, {
    code: 'PLACE_NOT_UNDERSTOOD',
    sentence: 'an entry for the image is missing here, and how to write it in this layout is not clear',
    hint: 'Add the entry once by hand; Trunkline then keeps its digest.',
  })
}
