/** A change of bytes in one place, and what it means: only that may differ afterwards. */
import type { LocatedMap, LocatedNode, LocatedPair, LocatedText, Outline } from './located.ts'
import { saysOf, wayUnder } from './located.ts'
import { refuseAt } from './refusal.ts'
import { assertReplaceable, doubleQuoted, writeScalar, writeText } from './write-scalar.ts'

export type Splice = {
  start: number
  end: number
  text: string
  /** What the file says afterwards, by way from its root; null: no longer there. */
  says: Array<readonly [way: string, value: string | null]>
}

export function applySplices(text: string, splices: readonly Splice[]): string {
  return splices
    .toSorted((one, other) => other.start - one.start)
    .reduce((whole, { start, end, text: piece }) => whole.slice(0, start) + piece + whole.slice(end), text)
}

/** Puts a value where another one stands; null where it is that already. */
export function replaceScalar(file: LocatedText, outline: Outline, node: LocatedNode, wanted: string): Splice | null {
  if (node.kind !== 'scalar') {
    refuseAt(file, node.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: `here stands a ${node.kind}, and not one value`,
      hint: 'Name the value itself.',
    })
  }
  assertReplaceable(file, node)
  if (node.value !== null && String(node.value) === wanted && typeof node.value === 'string') return null
  const written = writeScalar(wanted, node, file.format)
  if (node.value === written.value && node.value !== null) return null
  const says: Splice['says'] = [[wayOf(outline, node), saysOf(written.value)]]
  if (node.style !== 'empty') return { start: node.start, end: node.end, text: written.text, says }
  if (node.anchor !== null) {
    refuseAt(file, node.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: 'here stands an anchor without a value',
      hint: 'Write a value there.',
    })
  }
  const at = afterColon(file, node.start)
  return { start: at, end: at, text: ` ${written.text}`, says }
}

export function wayOf(outline: Outline, node: LocatedNode): string {
  const way = outline.ways.get(node)
  if (way === undefined) throw new TypeError('a node of another file')
  return way
}

/** Right behind the colon before an empty value: a comment may stand between. */
function afterColon(file: LocatedText, offset: number): number {
  const lineStart = Math.max(file.text.lastIndexOf('\n', offset - 1), file.text.lastIndexOf('\r', offset - 1)) + 1
  const before = file.text.slice(lineStart, offset)
  const colon = /^(.*?:)(?:[ \t]*(?:#.*)?)$/.exec(before)?.[1]
  if (colon === undefined || colon.includes('#') || colon.includes('"') || colon.includes("'")) {
    refuseAt(file, offset, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: 'here stands no value yet, and where it would begin is not clear',
      hint: 'Write a value there.',
    })
  }
  return lineStart + colon.length
}

/** Line ending of the file: that of its first line. */
export const lineEnding = (text: string): string => /\r\n|\n|\r/.exec(text)?.[0] ?? '\n'

/** Column of an offset, from 0, in the blanks that open its line; null where something else stands before it. */
export function indentOf(text: string, offset: number): string {
  const lineStart = Math.max(text.lastIndexOf('\n', offset - 1), text.lastIndexOf('\r', offset - 1)) + 1
  return text.slice(lineStart, offset).replace(/^\uFEFF/, '')
}

/** Lines put behind the line in which an offset stands. */
export function linesAfter({ text }: LocatedText, offset: number, lines: readonly string[]): Omit<Splice, 'says'> {
  const ending = lineEnding(text)
  const rest = /[^\r\n]*(\r\n|\n|\r)?/y
  rest.lastIndex = offset
  const found = rest.exec(text)
  const at = offset + (found?.[0].length ?? 0)
  const hasEnding = found?.[1] !== undefined
  const block = lines.join(ending)
  return { start: at, end: at, text: hasEnding ? `${block}${ending}` : `${ending}${block}` }
}

/** A pair of a map, put behind one of its pairs in the map's own style. */
export function insertPair(
  file: LocatedText,
  outline: Outline,
  map: LocatedMap,
  { after, key, value }: { after: LocatedPair; key: string; value: string },
): Splice {
  const says: Splice['says'] = [[wayUnder(wayOf(outline, map), JSON.stringify(key)), saysOf(value)]]
  if (map.style === 'flow') {
    const at = after.value.end
    return { start: at, end: at, text: `,${flowBlank(file, map)}${flowPair(file, key, value)}`, says }
  }
  const first = map.pairs[0] ?? after
  const indent = ' '.repeat(indentOf(file.text, first.key.start).length)
  return { ...linesAfter(file, after.value.end, [`${indent}${key}: ${writeText(value, styleBeside(after))}`]), says }
}

/** New text is quoted as its neighbour is, where that is quoted. */
const styleBeside = ({ value }: LocatedPair) =>
  value.kind === 'scalar' && (value.style === 'single' || value.style === 'double') ? value.style : 'plain'

export const flowPair = ({ format }: LocatedText, key: string, value: string): string =>
  format === 'json' ? `${doubleQuoted(key)}: ${doubleQuoted(value)}` : `${key}: ${writeText(value, 'plain')}`

/** What stands between the parts of a flow map: a blank, or the line break and indentation of the parts before. */
export function flowBlank({ text }: LocatedText, node: LocatedNode): string {
  const first = node.kind === 'map' ? node.pairs[0]?.key : node.kind === 'list' ? node.items[0] : undefined
  const blank = first === undefined ? '' : text.slice(node.start + 1, first.start)
  return /^[ \t]*(?:\r\n|\n|\r)[ \t]*$/.test(blank) ? blank : ' '
}

/** Takes a pair out of a map; a comment beside it has to stay, and a map that would be empty is not ours to judge. */
export function removePair(file: LocatedText, outline: Outline, map: LocatedMap, pair: LocatedPair): Splice {
  const { text } = file
  const says: Splice['says'] = [[wayOf(outline, pair.value), null]]
  const at = map.pairs.indexOf(pair)
  const next = map.pairs[at + 1]
  const previous = map.pairs[at - 1]
  const extent =
    previous !== undefined && map.style === 'flow'
      ? { start: previous.value.end, end: pair.value.end }
      : next !== undefined && previous === undefined
        ? { start: pair.key.start, end: next.key.start }
        : previous !== undefined
          ? wholeLine(text, pair)
          : null
  const gone = extent === null ? '' : text.slice(extent.start, extent.end)
  if (extent === null || gone.includes('#')) {
    refuseAt(file, pair.key.start, {
      code: 'PLACE_NOT_UNDERSTOOD',
      sentence: 'this has to go, and what belongs to it is not clear',
      hint: 'Remove it by hand.',
    })
  }
  return { ...extent, text: '', says }
}

/** The line of a pair of a block map, or up to the comment behind it. */
function wholeLine(text: string, { key, value }: LocatedPair): { start: number; end: number } {
  const lineStart = Math.max(text.lastIndexOf('\n', key.start - 1), text.lastIndexOf('\r', key.start - 1)) + 1
  const [blanks = '', ending = ''] = /^[ \t]*(\r\n|\n|\r)?/.exec(text.slice(value.end)) ?? []
  const end = value.end + blanks.length
  if (ending !== '') return { start: lineStart, end }
  if (end < text.length) return { start: key.start, end }
  // The file's last line, without an ending: that of the line before goes instead.
  const breakBefore = /(?:\r\n|\n|\r)$/.exec(text.slice(0, lineStart))?.[0].length ?? 0
  return { start: lineStart - breakBefore, end }
}
