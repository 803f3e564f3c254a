/**
 * The tree of one commit as the lines that `git ls-tree -r -z` prints: 100,000 files are common, and as objects and
 * strings they would be most of what a command takes in time and memory. Entries are made when they are looked at.
 */
import { erroredError } from './error.ts'
import type { ObjectId } from './identity.ts'
import { decodePath, encodePath } from './path-bytes.ts'
import type { EntryMode, PathChange, Tree, TreeEntry } from './source.ts'

const zero = 0x00
const tab = 0x09
const space = 0x20
const slash = 0x2f

export type ListedTreeParts = { lines: Buffer; starts: Uint32Array; paths: Uint32Array }

export class ListedTree implements Tree {
  /** `<mode> <type> <id>\t<path>\0`, again and again, in the order of the paths' bytes. */
  readonly #lines: Buffer
  /** Where each line begins, and behind the last one where they end. */
  readonly #starts: Uint32Array
  /** Where each line's path begins. */
  readonly #paths: Uint32Array
  readonly length: number

  private constructor(lines: Buffer, starts: Uint32Array, paths: Uint32Array) {
    this.#lines = lines
    this.#starts = starts
    this.#paths = paths
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
    const start = this.#starts[position] ?? 0
    // `100644`, `100755`, `120000`, `160000`; old git wrote 100664 for what is 100644 today.
    switch (this.#lines[start + 1]) {
      case 0x32:
        return 'symlink'
      case 0x36:
        return 'submodule'
      default:
        return this.#lines[start + 3] === 0x37 ? 'executable' : 'file'
    }
  }

  oidAt(position: number): ObjectId {
    const end = (this.#paths[position] ?? 1) - 1
    return this.#lines.toString('latin1', this.#lines.lastIndexOf(space, end) + 1, end) as ObjectId // git prints full ids
  }

  /** The bytes of the lines of a range, as git printed them. */
  lines(from: number, to: number): Buffer {
    return this.#lines.subarray(this.#starts[from] ?? 0, this.#starts[to] ?? 0)
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

  /** The tree after changes; each path at most once. Unchanged lines are copied, not read. */
  after(changes: readonly PathChange[]): ListedTree {
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
      const lines = this.lines(from, to)
      parts.push(lines)
      size += lines.length
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

  /** Its bytes, for a cache: `fromParts` makes the same tree of them without looking at each line. */
  parts(): ListedTreeParts {
    return { lines: this.#lines, starts: this.#starts, paths: this.#paths }
  }

  /** From what `parts` gave, unchanged. */
  static fromParts({ lines, starts, paths }: ListedTreeParts): ListedTree {
    return new ListedTree(lines, starts, paths)
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

const endOfLine = Buffer.of(zero)

const modes: Record<EntryMode, string> = {
  file: '100644 blob',
  executable: '100755 blob',
  symlink: '120000 blob',
  submodule: '160000 commit',
}

const headOf = ({ mode, oid }: TreeEntry): Buffer => Buffer.from(`${modes[mode]} ${oid}\t`, 'latin1')

/** Where lines and their paths begin. */
function boundsOf(lines: Buffer): [Uint32Array, Uint32Array] {
  const expected = Math.ceil(lines.length / 80)
  let starts = new Uint32Array(expected + 1)
  let paths = new Uint32Array(expected + 1)
  // Lines but those of submodules have heads of one length: it is tried before the tab is looked for.
  const usual = lines.indexOf(tab) + 1 - (lines[1] === 0x36 ? 'commit'.length - 'blob'.length : 0)
  let count = 0
  let at = 0
  while (at < lines.length) {
    if (count + 2 > starts.length) {
      starts = grown(starts)
      paths = grown(paths)
    }
    const path = lines[at + usual - 1] === tab ? at + usual : lines.indexOf(tab, at) + 1
    let end = path
    while (end < lines.length && lines[end] !== zero) end += 1
    if (path === 0 || end >= lines.length) throw erroredError('OBJECT_READ', 'what git ls-tree printed was cut short')
    if (lines[at + 3] === 0x36 && lines[at + 4] === 0x36) lines[at + 4] = 0x34 // 100664
    starts[count] = at
    paths[count] = path
    count += 1
    at = end + 1
  }
  starts[count] = lines.length
  return [starts.slice(0, count + 1), paths.slice(0, count)]
}

function grown(numbers: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(numbers.length * 2)
  larger.set(numbers)
  return larger
}
