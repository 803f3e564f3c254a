/** Durations: `10s`, `5m`, `8h`, `7d`, or milliseconds. */
import * as z from 'zod'
import { type Mistake, show } from '../mistake.ts'
import { addMistake, mustBe } from './shapes.ts'

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const
const pattern = /^([0-9]{1,9})(ms|s|m|h|d)$/
const longestMs = 366 * unitMs.d
/** A bare number below this was meant as seconds: no timeout of a command is that short. */
const leastBareMs = 100
const expected = 'a duration such as `10s`, `5m`, `8h`, `7d`, or milliseconds'

/** Milliseconds, or the mistake. */
function parseDuration(given: string | number): number | Mistake {
  if (typeof given === 'number') {
    if (!Number.isInteger(given) || given < 0) return invalid(given)
    if (given > 0 && given < leastBareMs) {
      return {
        code: 'INVALID_DURATION',
        message: `\`{key}\`: ${given} is ${given} milliseconds: did you mean \`${given}s\`?`,
        hint: `if it is meant, write \`${given}ms\``,
      }
    }
    return bounded(given)
  }
  const [, amount, unit] = pattern.exec(given) ?? []
  if (amount === undefined || !isUnit(unit)) return invalid(given)
  return bounded(Number(amount) * unitMs[unit])
}

const isUnit = (unit: string | undefined): unit is keyof typeof unitMs => unit !== undefined && unit in unitMs

const bounded = (ms: number): number | Mistake =>
  ms > 0 && ms <= longestMs
    ? ms
    : { code: 'INVALID_DURATION', message: '`{key}` must be more than nothing and at most a year (366d)' }

function invalid(given: string | number): Mistake {
  const [, amount, unit] = /^\s*([0-9]+)\s*([A-Za-z]+)\s*$/.exec(String(given)) ?? []
  const initial = unit?.toLowerCase().startsWith('milli') ? 'ms' : unit?.toLowerCase().slice(0, 1)
  const proposal = amount !== undefined && isUnit(initial) ? `${amount}${initial}` : null
  return {
    code: 'INVALID_DURATION',
    message: `\`{key}\` must be ${expected}, not ${show(given)}`,
    ...(proposal === null ? {} : { hint: `did you mean \`${proposal}\`?` }),
  }
}

/** Output: milliseconds. */
export const durationSchema = z
  .union([z.string().meta({ pattern: pattern.source }), z.number().meta({ type: 'integer' })], {
    error: mustBe(expected),
  })
  .meta({
    id: 'Duration',
    title: 'Duration',
    description: 'A number with its unit (`ms`, `s`, `m`, `h`, `d`), or milliseconds.',
  })
  .transform((given, context): number => {
    const parsed = parseDuration(given)
    if (typeof parsed === 'number') return parsed
    addMistake(context, parsed)
    return z.NEVER
  })
