/** Files that two hashes do not have in common: both sides are walked in the order of their paths, as bytes. */
import type { SelectedFiles } from './selected-files.ts'
import type { SelectedInput } from './selected-input.ts'

/** One file on both sides, or on one of them. It may be the same: that its line differs is all that is promised. */
export type DifferingFile =
  | { old: SelectedInput; input: SelectedInput }
  | { old: null; input: SelectedInput }
  | { old: SelectedInput; input: null }

/** In the order of paths. No two lists of a side have a path in common. */
export function* differingFiles(
  before: readonly SelectedFiles[],
  after: readonly SelectedFiles[],
): Generator<DifferingFile> {
  const left = new Walk(before)
  const right = new Walk(after)
  for (;;) {
    const old = left.current
    const input = right.current
    if (old === null && input === null) return
    const order =
      old === null
        ? 1
        : input === null
          ? -1
          : old.files.tree.comparePaths(old.position, input.files.tree, input.position)
    if (order < 0 && old !== null) yield { old: old.files.at(old.index), input: null }
    else if (order > 0 && input !== null) yield { old: null, input: input.files.at(input.index) }
    else if (old !== null && input !== null && !isSame(old, input)) {
      yield { old: old.files.at(old.index), input: input.files.at(input.index) }
    }
    if (order <= 0) left.advance()
    if (order >= 0) right.advance()
  }
}

type Place = { files: SelectedFiles; index: number; position: number }

const isSame = (old: Place, input: Place): boolean =>
  !old.files.isKeyed(old.position) &&
  !input.files.isKeyed(input.position) &&
  old.files.tree.isSameLine(old.position, input.files.tree, input.position)

/** Several lists of one tree as one. */
class Walk {
  readonly #places: Place[]
  current: Place | null

  constructor(lists: readonly SelectedFiles[]) {
    this.#places = lists.flatMap((files) =>
      files.length === 0 ? [] : [{ files, index: 0, position: files.positions[0] ?? 0 }],
    )
    this.current = this.#first()
  }

  advance(): void {
    const { current } = this
    if (current === null) return
    current.index += 1
    if (current.index < current.files.length) current.position = current.files.positions[current.index] ?? 0
    else this.#places.splice(this.#places.indexOf(current), 1)
    this.current = this.#first()
  }

  #first(): Place | null {
    let first: Place | null = null
    for (const place of this.#places) if (first === null || place.position < first.position) first = place
    return first
  }
}
