/** What can be fuzzed: something that makes inputs by chance, and the code that has to bear them. */
import type { Random } from './random.ts'

export type Input = string | Buffer

export type Target = {
  name: string
  /** What the input is given to; part of its story. */
  kinds: readonly Kind[]
  /** Called once in a process before the first input, and after the last. */
  open?(): Promise<void>
  close?(): Promise<void>
}

export type Kind = {
  name: string
  make(random: Random): Input
  /**
   * Ends with nothing, or with a thrown `TrunklineError`. Any other exception, and a promise that an answer of the code
   * breaks (`Broken`), is a bug.
   */
  run(input: Input): void | Promise<void>
}

/** What the code answered breaks a promise: the sentence says which. */
export class Broken extends Error {
  override name = 'Broken'
}

export function promise(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Broken(sentence)
}

/** What ends up before people's eyes holds no command for a terminal. */
export function promiseHarmless(text: string, what: string): void {
  const found = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/.exec(text)
  promise(found === null, `${what} holds the character U+${found?.[0].charCodeAt(0).toString(16)}`)
}
