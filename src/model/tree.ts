/**
 * The tree of one commit as the lines that `git ls-tree -r -z` prints: 100,000 files are common, and as objects and
 * strings they would be most of what a command takes in time and memory. Entries are made when they are looked at.
 */
import type { ObjectId } from './identity.ts'
import { decodePath, encodePath } from './path-bytes.ts'
import type { EntryMode, PathChange, Tree, TreeEntry } from './source.ts'
import { boundsOf, endOfLine, headOf, LinePatches } from './tree-lines.ts'

const zero = 0x00
const space = 0x20
const slash = 0x2f

/** More lines than this that stand for others, and all lines are copied into one piece. */
const maxPatches = 256

export type ListedTreeParts = { lines: Buffer; starts: Uint32Array; paths: Uint32Array }

export class ListedTree implements Tree {
  /** `<mode> <type> <id>\t<path>\0`, again and again, in the order of the paths' bytes. */
  readonly #lines: Buffer
  /** Where each line begins, and behind the last one where they end. */
  readonly #starts: Uint32Array
  /** Where each line's path begins. */
  readonly #paths: Uint32Array
  /** Lines that count in the place of those in `#lines`: trees beside each other share all the others. */
  readonly #patches: LinePatches
  readonly length: number

  private constructor(lines: Buffer, starts: Uint32Array, paths: Uint32Array, patches = LinePatches.none) {
    this.#lines = lines
    this.#starts = starts
    this.#paths = paths
    this.#patches = patches
    this.length = paths.length
  }

  /** From what `git ls-tree -r -z` printed, which is kept. Cut short it is errored `OBJECT_READ`. */
  static fromLines(lines: Buffer): ListedTree {
    const bounds = boundsOf(lines)
    const tree = new ListedTree(lines, ...bounds)
    return tree.#isSorted() ? tree : ListedTree.fromEntries([...tree])
  }

  /** From entries in any order; of two with the same path the last counts. */
  static fromEntries(entries: Iterable<TreeEntry>): ListedTree {
    const parts = [...entries].map((entry) => ({ path: encodePath(entry.path), entry }))
    parts.sort((left, right) => Buffer.compare(left.path, right.path))
    const lines = parts.flatMap(({ path, entry }, at) =>
      parts[at + 1]?.path.equals(path) ? [] : [headOf(entry), path, endOfLine],
    )
    const bytes = Buffer.concat(lines)
    return new ListedTree(bytes, ...boundsOf(bytes))
  }

  /** The same tree as another object where it is one of these already. */
  static of(tree: Tree): ListedTree {
    return tree instanceof ListedTree ? tree : ListedTree.fromEntries(tree)
  }

  at(position: number): TreeEntry | undefined {
    if (position < 0 || position >= this.length) return undefined
    return { path: this.pathAt(position), mode: this.modeAt(position), oid: this.oidAt(position) }
  }

  *[Symbol.iterator](): Generator<TreeEntry> {
    for (let position = 0; position < this.length; position += 1) {
      const entry = this.at(position)
      if (entry !== undefined) yield entry
    }
  }

  pathAt(position: number): string {
    const start = this.#paths[position] ?? 0
    const end = this.#endOfPath(position)
    for (let at = start; at < end; at += 1) {
      if ((this.#lines[at] ?? 0) >= 0x80) return decodePath(this.#lines.subarray(start, end))
    }
    // ASCII, which most paths are, needs no decoding.
    return this.#lines.toString('latin1', start, end)
  }

  modeAt(position: number): EntryMode {
    const { lines, start } = this.#headAt(position)
    // `100644`, `100755`, `120000`, `160000`; old git wrote 100664 for what is 100644 today.
    switch (lines[start + 1]) {
      case 0x32:
        return 'symlink'
      case 0x36:
        return 'submodule'
      default:
        return lines[start + 3] === 0x37 ? 'executable' : 'file'
    }
  }

  oidAt(position: number): ObjectId {
    const { lines, end } = this.#headAt(position)
    return lines.toString('latin1', lines.lastIndexOf(space, end) + 1, end) as ObjectId // git prints full ids
  }

  /** The bytes of the lines of a range, as git printed them. */
  lines(from: number, to: number): Buffer {
    const pieces = this.pieces(from, to)
    return pieces.length === 1 && pieces[0] !== undefined ? pieces[0] : Buffer.concat(pieces)
  }

  /** The same bytes, uncopied: one piece behind the other. */
  pieces(from: number, to: number): Buffer[] {
    if (this.#patches.size === 0) return [this.#lines.subarray(this.#starts[from] ?? 0, this.#starts[to] ?? 0)]
    const pieces: Buffer[] = []
    let at = this.#starts[from] ?? 0
    for (const [position, line] of this.#patches.within(from, to)) {
      pieces.push(this.#lines.subarray(at, this.#starts[position] ?? 0), line)
      at = this.#starts[position + 1] ?? 0
    }
    pieces.push(this.#lines.subarray(at, this.#starts[to] ?? 0))
    return pieces
  }

  /** First position whose path does not come before the given one. */
  lowerBound(path: string): number {
    const wanted = encodePath(path)
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#comparePath(middle, wanted) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Half-open range of everything below a folder. */
  rangeBelow(directory: string): { start: number; end: number } {
    if (directory === '') return { start: 0, end: this.length }
    // `0` is the byte after `/`, so that no other path lies between `directory/` and `directory0`.
    return { start: this.lowerBound(`${directory}/`), end: this.lowerBound(`${directory}0`) }
  }

  find(path: string): number {
    const wanted = encodePath(path)
    const position = this.lowerBound(path)
    return position < this.length && this.#comparePath(position, wanted) === 0 ? position : -1
  }

  /** Whether a path has no slash behind its first `offset` bytes: a file of the folder they name. */
  isChild(position: number, offset: number): boolean {
    const lines = this.#lines
    const end = this.#endOfPath(position)
    for (let at = (this.#paths[position] ?? 0) + offset; at < end; at += 1) if (lines[at] === slash) return false
    return true
  }

  /** Whether a path is these bytes. */
  isPath(position: number, path: Buffer): boolean {
    return this.#comparePath(position, path) === 0
  }

  /** Whether a path ends in these bytes, in that part of it that lies behind its first `offset` bytes. */
  pathEndsWith(position: number, ending: Buffer, offset: number): boolean {
    const start = this.#endOfPath(position) - ending.length
    if (start < (this.#paths[position] ?? 0) + offset) return false
    for (let at = 0; at < ending.length; at += 1) if (this.#lines[start + at] !== ending[at]) return false
    return true
  }

  /** Whether a path is in this tree what it is in the other: the order of their bytes, as `Buffer.compare`. */
  comparePaths(position: number, other: ListedTree, otherPosition: number): number {
    return this.#lines.compare(
      other.#lines,
      other.#paths[otherPosition] ?? 0,
      other.#endOfPath(otherPosition),
      this.#paths[position] ?? 0,
      this.#endOfPath(position),
    )
  }

  /** Whether two lines are the same: path, mode and object. */
  isSameLine(position: number, other: ListedTree, otherPosition: number): boolean {
    return this.lines(position, position + 1).equals(other.lines(otherPosition, otherPosition + 1))
  }

  /** The tree after changes; each path at most once. Unchanged lines are shared or copied, not read. */
  after(changes: readonly PathChange[]): ListedTree {
    return this.#patched(changes) ?? this.#copied(changes)
  }

  /** Where paths stay, and lines as long as they are. */
  #patched(changes: readonly PathChange[]): ListedTree | null {
    if (changes.length > maxPatches) return null
    const lines = new Map<number, Buffer>()
    for (const { path, to } of changes) {
      const position = this.find(path)
      if (position < 0 || to === null) return null
      const start = this.#starts[position] ?? 0
      const pathStart = this.#paths[position] ?? 0
      const head = headOf(to)
      if (head.length !== pathStart - start) return null
      lines.set(position, Buffer.concat([head, this.#lines.subarray(pathStart, this.#starts[position + 1] ?? 0)]))
    }
    const patches = this.#patches.with(lines)
    return patches.size > maxPatches ? null : new ListedTree(this.#lines, this.#starts, this.#paths, patches)
  }

  #copied(changes: readonly PathChange[]): ListedTree {
    const sorted = changes
      .map((change) => ({ change, path: encodePath(change.path) }))
      .sort((left, right) => Buffer.compare(left.path, right.path))
    const parts: Buffer[] = []
    const starts = new Uint32Array(this.length + sorted.length + 1)
    const paths = new Uint32Array(this.length + sorted.length)
    let size = 0
    let count = 0
    const copy = (from: number, to: number) => {
      const moved = size - (this.#starts[from] ?? 0)
      for (let position = from; position < to; position += 1) {
        starts[count] = (this.#starts[position] ?? 0) + moved
        paths[count] = (this.#paths[position] ?? 0) + moved
        count += 1
      }
      parts.push(...this.pieces(from, to))
      size += (this.#starts[to] ?? 0) - (this.#starts[from] ?? 0)
    }
    let from = 0
    for (const { change, path } of sorted) {
      const position = this.lowerBound(change.path)
      copy(from, position)
      const isThere = position < this.length && this.#comparePath(position, path) === 0
      from = isThere ? position + 1 : position
      if (change.to === null) continue
      const head = headOf(change.to)
      starts[count] = size
      paths[count] = size + head.length
      count += 1
      parts.push(head, path, endOfLine)
      size += head.length + path.length + 1
    }
    copy(from, this.length)
    starts[count] = size
    return new ListedTree(Buffer.concat(parts, size), starts.subarray(0, count + 1), paths.subarray(0, count))
  }

  /** The same with lines of its own, which nobody else holds. */
  copy(): ListedTree {
    return new ListedTree(Buffer.from(this.lines(0, this.length)), this.#starts, this.#paths)
  }

  /**
   * Writes other contents and modes over those of paths that are there: for whoever has the tree alone, since what
   * others found out about it holds no longer. From `copy`. None of them is a submodule, before or after.
   */
  overwrite(changes: readonly PathChange[]): void {
    for (const { path, to } of changes) {
      const position = this.find(path)
      if (position < 0 || to === null) throw new RangeError(`${path} cannot be written over`)
      const start = this.#starts[position] ?? 0
      const head = headOf(to)
      if (start + head.length !== this.#paths[position]) throw new RangeError(`${path} has a line of another length`)
      head.copy(this.#lines, start)
    }
  }

  /** Its bytes, for a cache: `fromParts` makes the same tree of them without looking at each line. */
  parts(): ListedTreeParts {
    return { lines: this.lines(0, this.length), starts: this.#starts, paths: this.#paths }
  }

  /** From what `parts` gave, unchanged. */
  static fromParts({ lines, starts, paths }: ListedTreeParts): ListedTree {
    return new ListedTree(lines, starts, paths)
  }

  /** Where a line's mode, type and id are: all of it up to the tab. */
  #headAt(position: number): { lines: Buffer; start: number; end: number } {
    const start = this.#starts[position] ?? 0
    const end = (this.#paths[position] ?? 1) - 1
    const patch = this.#patches.size === 0 ? undefined : this.#patches.at(position)
    return patch === undefined ? { lines: this.#lines, start, end } : { lines: patch, start: 0, end: end - start }
  }

  #endOfPath(position: number): number {
    return (this.#starts[position + 1] ?? 1) - 1
  }

  #comparePath(position: number, wanted: Buffer): number {
    const lines = this.#lines
    const start = this.#paths[position] ?? 0
    // Byte by byte: a call out of JavaScript costs more than a path's length. A path ends in a zero byte.
    for (let at = 0; at < wanted.length; at += 1) {
      const difference = (lines[start + at] ?? 0) - (wanted[at] ?? 0)
      if (difference !== 0) return difference
    }
    return lines[start + wanted.length] === zero ? 0 : 1
  }

  /** git sorts so; whoever writes to git's database by hand may not. */
  #isSorted(): boolean {
    const lines = this.#lines
    for (let position = 1; position < this.length; position += 1) {
      let left = this.#paths[position - 1] ?? 0
      let right = this.#paths[position] ?? 0
      // A path ends in a zero byte, which is smaller than all others.
      while (lines[left] === lines[right] && lines[left] !== zero) {
        left += 1
        right += 1
      }
      if ((lines[left] ?? 0) >= (lines[right] ?? 0)) return false
    }
    return true
  }
}
