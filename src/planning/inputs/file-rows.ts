/** Positions of a list and who claimed each: as arrays, or as the few runs that they mostly are. */

/** `position, count, owner` of neighbours that one claim won. */
const runSize = 3

type Arrays = { positions: Int32Array; owners: Int32Array }

export class FileRows {
  readonly length: number
  readonly #runs: Int32Array | null
  #arrays: Arrays | null

  private constructor(length: number, runs: Int32Array | null, arrays: Arrays | null) {
    this.length = length
    this.#runs = runs
    this.#arrays = arrays
  }

  static of(positions: Int32Array, owners: Int32Array): FileRows {
    return new FileRows(positions.length, null, { positions, owners })
  }

  /** From what `runs` gave. The arrays are made when somebody walks through them. */
  static fromRuns(runs: Int32Array): FileRows {
    let length = 0
    for (let at = 0; at < runs.length; at += runSize) length += runs[at + 1] ?? 0
    return new FileRows(length, runs, null)
  }

  runs(): Int32Array {
    if (this.#runs !== null) return this.#runs
    const { positions, owners } = this.arrays
    const runs: number[] = []
    for (let index = 0; index < positions.length; ) {
      const first = positions[index] ?? 0
      let count = 1
      while (positions[index + count] === first + count && owners[index + count] === owners[index]) count += 1
      runs.push(first, count, owners[index] ?? -1)
      index += count
    }
    return Int32Array.from(runs)
  }

  get positions(): Int32Array {
    return this.arrays.positions
  }

  get owners(): Int32Array {
    return this.arrays.owners
  }

  /** Where the position stands; -1 where it is not among them. */
  indexOf(position: number): number {
    return this.#arrays === null && this.#runs !== null
      ? indexInRuns(this.#runs, position)
      : indexInSorted(this.positions, position)
  }

  private get arrays(): Arrays {
    if (this.#arrays !== null) return this.#arrays
    const positions = new Int32Array(this.length)
    const owners = new Int32Array(this.length)
    const runs = this.#runs ?? new Int32Array()
    let index = 0
    for (let at = 0; at < runs.length; at += runSize) {
      const count = runs[at + 1] ?? 0
      for (let step = 0; step < count; step += 1) positions[index + step] = (runs[at] ?? 0) + step
      owners.fill(runs[at + 2] ?? -1, index, index + count)
      index += count
    }
    this.#arrays = { positions, owners }
    return this.#arrays
  }
}

function indexInRuns(runs: Int32Array, position: number): number {
  let index = 0
  for (let at = 0; at < runs.length; at += runSize) {
    const offset = position - (runs[at] ?? 0)
    const count = runs[at + 1] ?? 0
    if (offset < 0) return -1
    if (offset < count) return index + offset
    index += count
  }
  return -1
}

function indexInSorted(positions: Int32Array, position: number): number {
  let low = 0
  let high = positions.length - 1
  while (low <= high) {
    const middle = (low + high) >>> 1
    const found = positions[middle] ?? -1
    if (found === position) return middle
    if (found < position) low = middle + 1
    else high = middle - 1
  }
  return -1
}
