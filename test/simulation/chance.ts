/** Chance from a seed: the same seeds give the same numbers on every machine. */

export type Chance = {
  /** In [0, 1). */
  next(): number
  /** A whole number in [0, bound). */
  below(bound: number): number
  between(least: number, most: number): number
  happens(probability: number): boolean
  pick<Item>(items: readonly [Item, ...Item[]]): Item
  hex(bytes: number): string
}

/** Mixes whole numbers into one of 32 bits (the finalizer of murmur3 on each). */
export function mix(...numbers: number[]): number {
  let hash = 0x9e3779b9
  for (const number of numbers) {
    hash = Math.imul(hash ^ (number | 0), 0x85ebca6b)
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
    hash ^= hash >>> 16
    // Seeds beyond 32 bits count, too.
    hash = Math.imul(hash ^ Math.floor(number / 0x1_0000_0000), 0x27d4eb2d)
  }
  return hash >>> 0
}

/** Independent streams come from different lists of seeds: (story, process), (story, world). */
export function createChance(...seeds: number[]): Chance {
  let state = mix(...seeds)
  // mulberry32
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let value = Math.imul(state ^ (state >>> 15), 1 | state)
    value = (value + Math.imul(value ^ (value >>> 7), 61 | value)) ^ value
    return ((value ^ (value >>> 14)) >>> 0) / 4294967296
  }
  const below = (bound: number): number => Math.floor(next() * bound)
  return {
    next,
    below,
    between: (least, most) => least + below(most - least + 1),
    happens: (probability) => next() < probability,
    pick: (items) => items[below(items.length)] ?? items[0],
    hex: (bytes) => {
      let text = ''
      for (let index = 0; index < bytes; index++) text += below(256).toString(16).padStart(2, '0')
      return text
    },
  }
}
