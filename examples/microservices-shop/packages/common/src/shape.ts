/** Shapes of JSON that comes from outside: they read it into types, or say what is wrong and where. */
export type Shape<T> = (value: unknown, at: string) => T

export type Read<S> = S extends Shape<infer T> ? T : never

export class ShapeError extends Error {
  override readonly name = 'ShapeError'
  /** Path of the wrong value: `card.number`. */
  readonly at: string

  constructor(at: string, expected: string) {
    super(`${at || 'the document'} must be ${expected}`)
    this.at = at
  }
}

export const read = <T>(shape: Shape<T>, value: unknown): T => shape(value, '')

type Length = { min?: number; max?: number; pattern?: RegExp }

/** Text without surrounding space; by default not empty and at most 200 characters. */
export const text =
  ({ min = 1, max = 200, pattern }: Length = {}): Shape<string> =>
  (value, at) => {
    const trimmed = typeof value === 'string' ? value.trim() : null
    if (trimmed === null || trimmed.length < min || trimmed.length > max) {
      throw new ShapeError(at, `text of ${min} to ${max} characters`)
    }
    if (pattern && !pattern.test(trimmed)) throw new ShapeError(at, `text like ${pattern.source}`)
    return trimmed
  }

export const integer =
  ({ min = 0, max = Number.MAX_SAFE_INTEGER } = {}): Shape<number> =>
  (value, at) => {
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw new ShapeError(at, `a whole number from ${min} to ${max}`)
  }

export const oneOf =
  <const T extends string>(...words: readonly T[]): Shape<T> =>
  (value, at) => {
    const word = words.find((each) => each === value)
    if (word === undefined) throw new ShapeError(at, `one of ${words.join(', ')}`)
    return word
  }

export const listOf =
  <T>(item: Shape<T>, { max = 1000 } = {}): Shape<T[]> =>
  (value, at) => {
    if (!Array.isArray(value) || value.length > max) throw new ShapeError(at, `a list of at most ${max}`)
    return value.map((each, index) => item(each, `${at}[${index}]`))
  }

type Members = Record<string, Shape<unknown>>

/** Members that are not named are dropped. */
export const object =
  <const M extends Members>(members: M): Shape<{ [Name in keyof M]: Read<M[Name]> }> =>
  (value, at) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ShapeError(at, 'an object')
    const given = new Map<string, unknown>(Object.entries(value))
    const entries = Object.entries(members).map(([name, shape]) => [
      name,
      shape(given.get(name), at === '' ? name : `${at}.${name}`),
    ])
    // Built member by member from the shapes of the very same names.
    return Object.fromEntries(entries) as { [Name in keyof M]: Read<M[Name]> }
  }
