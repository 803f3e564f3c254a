/** Makes a failing input small: cuts pieces out as long as the same thing still goes wrong. */
import type { Input } from './target.ts'

/** `fails` says whether an input still shows the same bug. Bounded by `mostTries`. */
export async function shrink(
  input: Input,
  fails: (candidate: Input) => Promise<boolean>,
  mostTries: number,
): Promise<Input> {
  let smallest = input
  let tries = 0
  for (let length = Math.ceil(smallest.length / 2); length >= 1; length = length === 1 ? 0 : Math.ceil(length / 2)) {
    let at = 0
    while (at < smallest.length) {
      if (++tries > mostTries) return smallest
      const candidate = without(smallest, at, length)
      if (candidate.length < smallest.length && (await fails(candidate))) smallest = candidate
      else at += length
    }
  }
  return smallest
}

const without = (input: Input, at: number, length: number): Input =>
  typeof input === 'string'
    ? input.slice(0, at) + input.slice(at + length)
    : Buffer.concat([input.subarray(0, at), input.subarray(at + length)])
