/** A list of selected files as positions in a tree: hundreds of thousands are common, and few are ever looked at one by one. */
import { createHash } from 'node:crypto'
import { encodePath, type ListedTree, type TreeEntry } from '../../model/index.ts'
import { FileRows } from './file-rows.ts'
import type { SelectedInput } from './selected-input.ts'

/** What a claim says of every file that it won. */
export type Selecting = Pick<SelectedInput, 'input' | 'rule'> & { because?: string }

export type SelectedFilesParts = {
  tree: ListedTree
  /** Ascending, each once. */
  positions: Int32Array
  /** For each position the index of its claim in `claims`. */
  owners: Int32Array
  claims: readonly Selecting[]
  /** Files of which only some keys count, by position; made already, for they carry a digest. */
  keyed: ReadonlyMap<number, SelectedInput>
}

/** What lists of the same files over different trees have in common. */
type Shared = {
  rows: FileRows
  /** Asked for when a file is looked at: of most lists nobody looks at any. */
  claims: { at(index: number): Selecting | undefined }
  keyed: ReadonlyMap<number, SelectedInput>
}

/** Sorted by path in the order of its bytes, each path once. Items are made when they are looked at. */
export class SelectedFiles implements Iterable<SelectedInput> {
  readonly tree: ListedTree
  readonly #shared: Shared
  #digest: string | null = null

  private constructor(tree: ListedTree, shared: Shared) {
    this.tree = tree
    this.#shared = shared
  }

  static of({ tree, positions, owners, claims, keyed }: SelectedFilesParts): SelectedFiles {
    return new SelectedFiles(tree, { rows: FileRows.of(positions, owners), claims, keyed })
  }

  /** A list that was kept: what `parts` gave, and its digest. */
  static restored(tree: ListedTree, shared: Shared, digest: string): SelectedFiles {
    const files = new SelectedFiles(tree, shared)
    files.#digest = digest
    return files
  }

  static readonly none = (tree: ListedTree): SelectedFiles =>
    SelectedFiles.of({ tree, positions: new Int32Array(), owners: new Int32Array(), claims: [], keyed: new Map() })

  get length(): number {
    return this.#shared.rows.length
  }

  get positions(): Int32Array {
    return this.#shared.rows.positions
  }

  parts(): Shared {
    return this.#shared
  }

  at(index: number): SelectedInput {
    const position = this.positions[index] ?? -1
    const keyed = this.#shared.keyed.get(position)
    if (keyed !== undefined) return keyed
    const entry = this.tree.at(position)
    const claim = this.#shared.claims.at(this.#shared.rows.owners[index] ?? Number.MAX_SAFE_INTEGER)
    if (entry === undefined || claim === undefined) throw new RangeError(`no selected file at ${index}`)
    return selectedBy(claim, entry)
  }

  *[Symbol.iterator](): Generator<SelectedInput> {
    for (let index = 0; index < this.length; index += 1) yield this.at(index)
  }

  map<Result>(make: (input: SelectedInput) => Result): Result[] {
    return Array.from(this, make)
  }

  /** Whether only some keys of the file count. */
  isKeyed(position: number): boolean {
    return this.#shared.keyed.has(position)
  }

  /** Where the position stands in the list; -1 where it is not in it. */
  indexOf(position: number): number {
    return this.#shared.rows.indexOf(position)
  }

  /** Those that are not in the other list, which is of the same tree. */
  without(other: SelectedFiles): SelectedFiles {
    const kept = Array.from(this.positions.keys()).filter((index) => other.indexOf(this.positions[index] ?? -1) < 0)
    if (kept.length === this.length) return this
    const { rows } = this.#shared
    const positions = Int32Array.from(kept, (index) => rows.positions[index] ?? -1)
    const owners = Int32Array.from(kept, (index) => rows.owners[index] ?? -1)
    return new SelectedFiles(this.tree, { ...this.#shared, rows: FileRows.of(positions, owners) })
  }

  /**
   * The same list over another tree, of which the caller knows that it has the same paths. `changed` are the positions
   * whose lines differ: a list that has none of them keeps its digest.
   */
  over(tree: ListedTree, changed: readonly number[]): SelectedFiles {
    const moved = new SelectedFiles(tree, this.#shared)
    if (changed.every((position) => this.indexOf(position) < 0)) moved.#digest = this.digest()
    return moved
  }

  /**
   * SHA-256 over the lines of the files, as `git ls-tree -r -z` prints them and in its order; a keyed file has
   * `keys <digest>` in the place of type and object id. Which rule selected a file does not count, nor does the tree
   * around it: paths, modes and contents do.
   */
  digest(): string {
    this.#digest ??= this.#computeDigest()
    return this.#digest
  }

  /** Lines of the keyed files as they count, by position. */
  keyedLines(): Map<number, Buffer> {
    const lines = new Map<number, Buffer>()
    for (const [position, { entry, keysDigest }] of this.#shared.keyed) {
      if (keysDigest !== undefined) lines.set(position, keyedLine(entry, keysDigest))
    }
    return lines
  }

  #computeDigest(): string {
    const { tree, positions } = this
    const ranges: number[] = []
    for (let index = 0; index < positions.length; ) {
      const first = positions[index] ?? 0
      let count = 1
      while (positions[index + count] === first + count) count += 1
      ranges.push(first, count)
      index += count
    }
    return digestOfRanges(tree, ranges, this.keyedLines())
  }
}

/** The digest of a list whose files are at these ranges of a tree: `first, count`, again and again, ascending. */
export function digestOfRanges(
  tree: ListedTree,
  ranges: ArrayLike<number>,
  keyedLines: ReadonlyMap<number, Buffer>,
): string {
  const hash = createHash('sha256')
  for (let at = 0; at < ranges.length; at += 2) {
    const end = (ranges[at] ?? 0) + (ranges[at + 1] ?? 0)
    for (let position = ranges[at] ?? 0; position < end; ) {
      const line = keyedLines.get(position)
      // Neighbours in the tree are neighbours in its bytes: a folder is hashed in one go.
      let next = line === undefined && keyedLines.size === 0 ? end : position + 1
      while (line === undefined && next < end && !keyedLines.has(next)) next += 1
      for (const piece of line === undefined ? tree.pieces(position, next) : [line]) hash.update(piece)
      position = next
    }
  }
  return hash.digest('hex')
}

export const selectedBy = ({ input, rule, because }: Selecting, entry: TreeEntry): SelectedInput =>
  because === undefined ? { entry, input, rule } : { entry, input, rule, because }

const keyedLine = ({ path, mode }: TreeEntry, keysDigest: string): Buffer =>
  Buffer.concat([Buffer.from(`${mode} keys ${keysDigest}\t`), encodePath(path), Buffer.of(0)])
