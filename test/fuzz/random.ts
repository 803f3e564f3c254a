/** A seeded source of chance: the same seed gives the same input on every machine. */

export type Random = {
  /** 0 to `below - 1`. */
  int(below: number): number
  /** True once in `times`, on average. */
  oneIn(times: number): boolean
  pick<T>(items: readonly T[]): T
  /** Small most of the time, now and then large. */
  size(largest: number): number
}

/** sfc32: small, fast, and without visible patterns. */
export function randomFrom(seed: number, index: number): Random {
  let a = seed >>> 0
  let b = index >>> 0
  let c = Math.floor(index / 2 ** 32) >>> 0
  let counter = 1
  const next = (): number => {
    const sum = (((a + b) >>> 0) + counter) >>> 0
    counter = (counter + 1) >>> 0
    a = (b ^ (b >>> 9)) >>> 0
    b = (c + (c << 3)) >>> 0
    c = ((c << 21) | (c >>> 11)) >>> 0
    c = (c + sum) >>> 0
    return sum
  }
  for (let warmUp = 0; warmUp < 15; warmUp += 1) next()
  const int = (below: number): number => Math.floor((next() / 2 ** 32) * below)
  return {
    int,
    oneIn: (times) => int(times) === 0,
    pick(items) {
      const item = items[int(items.length)]
      if (item === undefined && items.length === 0) throw new RangeError('nothing to pick from')
      return item as (typeof items)[number] // the index is within
    },
    size: (largest) => int(Math.min(largest, int(20) === 0 ? largest : 1 + int(Math.min(largest, 24)))),
  }
}
