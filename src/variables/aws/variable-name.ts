import { usageError } from '../../model/index.ts'
import type { FoundVariable } from './index.ts'

const isName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * What a variable is called that AWS keeps under another kind of name: `/`, `-` and `.` are `_`, and what has no capital
 * letter is written in capitals (`redis/url`, `redis-url` and `REDIS_URL` are one). null where that makes no name.
 */
export function variableName(text: string): string | null {
  const joined = text.replaceAll(/[/.-]+/g, '_')
  const made = /[A-Z]/.test(joined) ? joined : joined.toUpperCase()
  return isName.test(made) ? made : null
}

export type Named = { said: string; value: string }

/** Usage `VARIABLE_NAME` where what AWS calls something can be no variable, or two can be the same. `place` is for people. */
export function namedVariables(found: readonly Named[], place: string): FoundVariable[] {
  const saidOf = new Map<string, string>()
  return found.map(({ said, value }) => {
    const name = variableName(said)
    if (name === null) {
      throw usageError('VARIABLE_NAME', `${JSON.stringify(said)} in ${place} cannot be the name of a variable`, {
        hint: 'letters, digits, `_`, `-`, `.` and `/`, not beginning with a digit',
      })
    }
    const other = saidOf.get(name)
    if (other !== undefined) {
      throw usageError(
        'VARIABLE_NAME',
        `${JSON.stringify(other)} and ${JSON.stringify(said)} in ${place} are both ${name}`,
      )
    }
    saidOf.set(name, said)
    return { name, value }
  })
}
