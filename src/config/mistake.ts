/** What is wrong with one value, before anybody knows where in the file it stands. */

/**
 * `message` may hold `{key}`, which becomes the key the value stands under (`replicas`, `inputs[2]`), and `{parent}`,
 * the key around it.
 */
export type Mistake = {
  code: string
  message: string
  hint?: string
  /** The mistake is about this key of the value, not about the value. */
  key?: string
  /** The value must not be shown: it is a secret where a reference belongs. */
  secret?: boolean
}

/**
 * zod carries an issue's message as one string. Ours carries whole mistakes in it, as JSON, so that a code and a hint
 * stand where the rule stands.
 */
export const carryMistakes = (...mistakes: Mistake[]): string => JSON.stringify(mistakes)

/** The mistakes of an issue's message; a message of zod's own becomes one mistake. */
export function carriedMistakes(message: string): Mistake[] {
  if (!message.startsWith('[{')) return [{ code: 'INVALID_VALUE', message: `\`{key}\`: ${message}` }]
  // Only `carryMistakes` writes messages of this form: zod's own are sentences.
  return JSON.parse(message) as Mistake[]
}

const shownCharacters = 40

/** A value as a person would point at it: `"two"`, `3`, `a list`. */
export function show(value: unknown): string {
  if (value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value !== 'string') return String(value)
  const clipped = value.length > shownCharacters ? `${value.slice(0, shownCharacters)}…` : value
  return JSON.stringify(clipped)
}

/** `a`, `a or b`, `a, b or c`, each in backticks. */
export function oneOf(words: readonly string[], joint = 'or'): string {
  const quoted = words.map((word) => `\`${word}\``)
  const last = quoted.pop()
  if (last === undefined) return 'nothing'
  return quoted.length === 0 ? last : `${quoted.join(', ')} ${joint} ${last}`
}
