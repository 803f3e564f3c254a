/** A list of selected files that goes along with a history: where its files are in the tree, and their digest. */
import type { ListedTree } from '../../model/index.ts'
import { digestOfRanges, type SelectedFiles } from './selected-files.ts'

/** Which rule selected a file is not kept: it does not count for a digest. */
export class FollowedFiles {
  /** `first, count` of neighbours, ascending. */
  #ranges: number[]
  #keyedLines: Map<number, Buffer>
  #digest: string | null

  constructor(files: SelectedFiles) {
    this.#ranges = []
    const runs = files.parts().rows.runs()
    for (let at = 0; at < runs.length; at += 3) pushRange(this.#ranges, runs[at] ?? 0, runs[at + 1] ?? 0)
    this.#keyedLines = files.keyedLines()
    this.#digest = files.digest()
  }

  /** Over `tree` as it is now, of which the caller told all that concerns the list. */
  digest(tree: ListedTree): string {
    this.#digest ??= digestOfRanges(tree, this.#ranges, this.#keyedLines)
    return this.#digest
  }

  has(position: number): boolean {
    return this.hasAny([position])
  }

  /** Whether one of these ascending positions is in the list. */
  hasAny(positions: readonly number[]): boolean {
    const ranges = this.#ranges
    let next = 0
    for (let at = 0; at < ranges.length && next < positions.length; at += 2) {
      const first = ranges[at] ?? 0
      while (next < positions.length && (positions[next] ?? 0) < first) next += 1
      if (next < positions.length && (positions[next] ?? 0) < first + (ranges[at + 1] ?? 0)) return true
    }
    return false
  }

  /** A line of one of its files is another. */
  forgetDigest(): void {
    this.#digest = null
  }

  /** The path at a position is gone from the tree. */
  remove(position: number): void {
    const isMember = this.has(position)
    if (isMember) this.#digest = null
    if (!isMember && this.#shift(position + 1, -1)) return
    const left: number[] = []
    for (let at = 0; at < this.#ranges.length; at += 2) {
      const first = this.#ranges[at] ?? 0
      const count = this.#ranges[at + 1] ?? 0
      const isHit = position >= first && position < first + count
      pushRange(left, first > position ? first - 1 : first, isHit ? count - 1 : count)
    }
    this.#ranges = left
    this.#moveKeys((one) => (one > position ? one - 1 : one))
  }

  /** A path has come to a position of the tree, as a file of this list or not. */
  insert(position: number, isMember: boolean): void {
    if (isMember) this.#digest = null
    if (!isMember && this.#shift(position, 1)) return
    const grown: number[] = []
    let isPlaced = !isMember
    for (let at = 0; at < this.#ranges.length; at += 2) {
      const first = this.#ranges[at] ?? 0
      const count = this.#ranges[at + 1] ?? 0
      const before = Math.min(count, Math.max(0, position - first))
      pushRange(grown, first, before)
      if (before === count) continue
      if (!isPlaced) pushRange(grown, position, 1)
      isPlaced = true
      pushRange(grown, first + before + 1, count - before)
    }
    if (!isPlaced) pushRange(grown, position, 1)
    this.#ranges = grown
    this.#moveKeys((one) => (one >= position ? one + 1 : one))
  }

  /** Moves all from a position on; false where that would part or join neighbours. */
  #shift(from: number, by: number): boolean {
    const ranges = this.#ranges
    let at = 0
    while (at < ranges.length && (ranges[at] ?? 0) < from) at += 2
    const end = at === 0 ? 0 : (ranges[at - 2] ?? 0) + (ranges[at - 1] ?? 0)
    if (end > from || (at < ranges.length && at > 0 && (ranges[at] ?? 0) + by === end)) return false
    for (; at < ranges.length; at += 2) ranges[at] = (ranges[at] ?? 0) + by
    this.#moveKeys((one) => (one >= from ? one + by : one))
    return true
  }

  #moveKeys(move: (position: number) => number): void {
    if (this.#keyedLines.size === 0) return
    this.#keyedLines = new Map(Array.from(this.#keyedLines, ([position, line]) => [move(position), line]))
  }
}

/** Neighbours are one range. */
function pushRange(ranges: number[], first: number, count: number): void {
  if (count === 0) return
  const last = ranges.length - 2
  if (last >= 0 && (ranges[last] ?? 0) + (ranges[last + 1] ?? 0) === first)
    ranges[last + 1] = (ranges[last + 1] ?? 0) + count
  else ranges.push(first, count)
}
