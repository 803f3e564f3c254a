/** The lines that `git ls-tree -r -z` prints, as bytes: how one is made, where each begins, and lines that replace others. */
import { erroredError } from './error.ts'
import type { TreeEntry } from './source.ts'

const zero = 0x00
const tab = 0x09

/** Behind each path. */
export const endOfLine = Buffer.of(zero)

const modes: Record<TreeEntry['mode'], string> = {
  file: '100644 blob',
  executable: '100755 blob',
  symlink: '120000 blob',
  submodule: '160000 commit',
}

/** A line up to its path. */
export const headOf = ({ mode, oid }: TreeEntry): Buffer => Buffer.from(`${modes[mode]} ${oid}\t`, 'latin1')

/** Where lines and their paths begin. Cut short they are errored `OBJECT_READ`. */
export function boundsOf(lines: Buffer): [Uint32Array, Uint32Array] {
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

/** Lines that stand for those at some positions of a tree, with the same path and of the same length; ascending. */
export class LinePatches {
  static readonly none = new LinePatches([], [])
  readonly #positions: readonly number[]
  readonly #lines: readonly Buffer[]

  private constructor(positions: readonly number[], lines: readonly Buffer[]) {
    this.#positions = positions
    this.#lines = lines
  }

  get size(): number {
    return this.#positions.length
  }

  at(position: number): Buffer | undefined {
    const index = this.#firstFrom(position)
    return this.#positions[index] === position ? this.#lines[index] : undefined
  }

  /** Those at positions of a range, in order. */
  *within(from: number, to: number): Generator<[position: number, line: Buffer]> {
    for (let index = this.#firstFrom(from); index < this.#positions.length; index += 1) {
      const position = this.#positions[index] ?? to
      const line = this.#lines[index]
      if (position >= to || line === undefined) return
      yield [position, line]
    }
  }

  /** These and others, which count where both have a line. */
  with(others: ReadonlyMap<number, Buffer>): LinePatches {
    const all = new Map([...this.within(0, Number.POSITIVE_INFINITY), ...others])
    const positions = [...all.keys()].sort((left, right) => left - right)
    return new LinePatches(
      positions,
      positions.flatMap((position) => all.get(position) ?? []),
    )
  }

  #firstFrom(position: number): number {
    let low = 0
    let high = this.#positions.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#positions[middle] ?? 0) < position) low = middle + 1
      else high = middle
    }
    return low
  }
}
