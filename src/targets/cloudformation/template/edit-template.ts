/** Values of a template put in by structure: everything else stays byte for byte, short forms and comments included. */
import type { Node, Pair } from 'yaml'
import type { Json } from '../../../model/index.ts'

export type ValueEdit = { pair: Pair<unknown, Node | null>; value: Json }

/** The text with each value in its place, written as JSON, which is YAML too. */
export function editTemplate(text: string, edits: readonly ValueEdit[]): string {
  const placed = edits.map(({ pair, value }) => ({ ...placeOf(text, pair), written: JSON.stringify(value) }))
  let edited = text
  for (const { start, end, written } of placed.sort((left, right) => right.start - left.start)) {
    // A key without a value ends in its colon.
    const space = start === end && !/\s$/.test(edited.slice(0, start)) ? ' ' : ''
    edited = `${edited.slice(0, start)}${space}${written}${edited.slice(end)}`
  }
  return edited
}

function placeOf(text: string, { value }: ValueEdit['pair']): { start: number; end: number } {
  if (!value?.range) throw new Error('a value of a parsed document has a place')
  const [start, end] = value.range
  const begin = startWithProperties(text, start)
  // What a block ends with is its line's: the next key stands on the next.
  return { start: begin, end: begin + text.slice(begin, end).trimEnd().length }
}

/** With `!Sub ` or `&anchor ` before the value, which go with it. */
function startWithProperties(text: string, start: number): number {
  const before = /(?:[!&][^\s,[\]{}]*[ \t]+)+$/.exec(text.slice(Math.max(0, start - 500), start))
  return before === null ? start : start - before[0].length
}
