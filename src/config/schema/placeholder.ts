/** Names with `{service}` and the like in them. */
import { show } from '../mistake.ts'
import { textWith } from './shapes.ts'

const known = ['project', 'environment', 'service'] as const
export type Placeholder = (typeof known)[number]

/** Text in which only some placeholders may stand, and that is otherwise of one kind. */
export const templateSchema = (expected: string, pattern: RegExp, allowed: readonly Placeholder[] = known) =>
  textWith(expected, (text) => {
    const unknown = [...text.matchAll(/\{([^}]*)\}/g)].find(([, name]) => !allowed.some((word) => word === name))
    if (unknown) {
      return {
        code: 'INVALID_VALUE',
        message: `\`{key}\` has an unknown placeholder ${show(unknown[0])}`,
        hint: `known are ${allowed.map((word) => `{${word}}`).join(', ')}`,
      }
    }
    if (pattern.test(text.replace(/\{[^}]*\}/g, 'x'))) return null
    return { code: 'INVALID_VALUE', message: `\`{key}\` must be ${expected}, not ${show(text)}` }
  })
