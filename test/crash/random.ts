/** Chance from a seed: the same seed gives the same choices. */
export type Chance = {
  /** 0 ≤ n < 1 */
  fraction(): number
  /** `least` ≤ n ≤ `most` */
  between(least: number, most: number): number
  oneOf<T>(choices: readonly [T, ...T[]]): T
}

/** mulberry32: small, and good enough to choose moments. */
export function chanceFrom(seed: number): Chance {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    fraction,
    between: (least, most) => least + Math.floor(fraction() * (most - least + 1)),
    oneOf: (choices) => choices[Math.floor(fraction() * choices.length)] ?? choices[0],
  }
}
