/** Names with `{service}` and the like in them. */
import { type Mistake, show } from '../mistake.ts'
import { textWith } from './shapes.ts'

const known = ['project', 'environment', 'service'] as const
export type Placeholder = (typeof known)[number]

/** A placeholder that means nothing here; null where there is none. */
export function unknownPlaceholder(text: string, allowed: readonly string[] = known): Mistake | null {
  const unknown = [...text.matchAll(/\{([^}]*)\}/g)].find(([, name]) => !allowed.some((word) => word === name))
  if (unknown === undefined) return null
  const words = allowed.map((word) => `{${word}}`)
  return {
    code: 'INVALID_VALUE',
    message: `\`{key}\` has an unknown placeholder ${show(unknown[0])}`,
    hint: `known are ${[words.slice(0, -1).join(', '), ...words.slice(-1)].filter((part) => part !== '').join(' and ')}`,
  }
}

/** Text in which only some placeholders may stand, and that is otherwise of one kind. */
export const templateSchema = (expected: string, pattern: RegExp, allowed: readonly Placeholder[] = known) =>
  textWith(expected, (text) => {
    const unknown = unknownPlaceholder(text, allowed)
    if (unknown !== null) return unknown
    if (pattern.test(text.replace(/\{[^}]*\}/g, 'x'))) return null
    return { code: 'INVALID_VALUE', message: `\`{key}\` must be ${expected}, not ${show(text)}` }
  })
