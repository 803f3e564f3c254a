/** Values of a template put in by structure: everything else stays byte for byte, short forms and comments included. */
import { isPair, type Node, type Pair } from 'yaml'
import type { Json } from '../../../model/index.ts'

export type ValueEdit = { pair: Pair<unknown, Node | null>; value: Json }

/** The text with each value in its place, written as JSON, which is YAML too. */
export function editTemplate(text: string, edits: readonly ValueEdit[]): string {
  let edited = text
  for (const { pair, value } of [...edits].sort((left, right) => placeOf(right).start - placeOf(left).start)) {
    const { start, end } = placeOf({ pair })
    edited = `${edited.slice(0, start)}${JSON.stringify(value)}${edited.slice(end)}`
    // What a block ends with is its line's: the next key stands on the next.
  }
  return edited

  function placeOf({ pair }: Pick<ValueEdit, 'pair'>): { start: number; end: number } {
    if (!isPair(pair) || !pair.value?.range) throw new Error('a value of a parsed document has a place')
    const [start, end] = pair.value.range
    // A tag or anchor stands before what it belongs to, and goes with it.
    const begin = startWithProperties(text, start)
    return { start: begin, end: begin + text.slice(begin, end).trimEnd().length }
  }
}

/** `!Sub `, `&anchor ` before a value. */
function startWithProperties(text: string, start: number): number {
  const before = /(?:[!&][^\s,[\]{}]*[ \t]+)+$/.exec(text.slice(Math.max(0, start - 500), start))
  return before === null ? start : start - before[0].length
}
