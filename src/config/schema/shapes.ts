/** The shapes that schemas are made of: zod's, with mistakes in plain words and strict about unknown keys. */
import * as z from 'zod'
import { closestWord, didYouMean } from '../did-you-mean.ts'
import { carryMistakes, type Mistake, oneOf, show } from '../mistake.ts'

/** Words of the format that a later version understands. */
export type LaterWords = {
  /** What they are kinds of: `target`, `rollout`. */
  noun: string
  words: readonly string[]
  /** What this version has instead. */
  available: readonly string[]
}

/** Says what a value must be: for zod's `error`. An absent value is said to be missing. */
export const mustBe =
  (expected: string, hint?: string) =>
  (issue: { input?: unknown }): string =>
    carryMistakes(
      issue.input === undefined
        ? { code: 'MISSING_KEY', message: '`{key}` is missing from `{parent}`', hint: `it is ${expected}` }
        : {
            code: 'WRONG_TYPE',
            message:
              issue.input === null
                ? `\`{key}\` is empty: it must be ${expected}`
                : `\`{key}\` must be ${expected}, not ${show(issue.input)}`,
            ...(hint === undefined ? {} : { hint }),
          },
    )

/** Adds a mistake from within a refinement; `path` leads from the value to where it stands. */
export const addMistake = (
  context: z.core.$RefinementCtx<unknown>,
  mistake: Mistake,
  path: Array<string | number> = [],
): void => {
  context.addIssue({ code: 'custom', message: carryMistakes(mistake), path })
}

/** A mapping with exactly these keys. */
export const object = <Shape extends z.core.$ZodLooseShape>(
  shape: Shape,
  options: { later?: LaterWords; expected?: string; wrongType?: (issue: { input?: unknown }) => string } = {},
) => {
  const known = Object.keys(shape)
  const wrongType = options.wrongType ?? mustBe(options.expected ?? `a mapping with ${oneOf(known.slice(0, 4), 'and')}`)
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? carryMistakes(...issue.keys.map((key) => unknownKey(key, known, options.later)))
        : wrongType(issue),
  })
}

/** Keys by what other tools call them. */
const otherWords: Readonly<Record<string, readonly string[]>> = {
  run: ['command', 'cmd', 'script', 'exec'],
  command: ['run', 'cmd', 'script', 'exec'],
  replicas: ['instances', 'scale'],
  needs: ['dependsOn', 'requires'],
  from: ['valueFrom', 'source'],
  verify: ['tests', 'smoke'],
}

function unknownKey(key: string, known: readonly string[], later: LaterWords | undefined): Mistake {
  if (later?.words.includes(key)) return { ...notAvailable(key, later), key }
  if (key === '<<') {
    return {
      code: 'UNKNOWN_KEY',
      key,
      message: 'unknown key `<<`: YAML 1.2 has no merge keys',
      hint: 'repeat the keys, or let an alias stand for the whole value',
    }
  }
  const meant = didYouMean(key, known, otherWords)
  return {
    code: 'UNKNOWN_KEY',
    key,
    message: `unknown key \`${key}\`${meant}`,
    ...(meant === '' ? { hint: `known here: ${oneOf(known, 'and')}` } : {}),
  }
}

/** Whether an unknown key was probably meant to be `key`. */
export const isMisspelt = (unknown: string, key: string): boolean => closestWord(unknown, [key], otherWords) !== null

export const notAvailable = (word: string, later: LaterWords): Mistake => ({
  code: 'NOT_AVAILABLE',
  message: `${later.noun} \`${word}\` is not available in this version of Trunkline (available: ${later.available.join(', ')})`,
})

/** A mapping from names the user chooses. */
export const mappingOf = <Value extends z.core.SomeType>(
  key: z.ZodType<string, string>,
  value: Value,
  expected: string,
) => z.record(key, value, { error: mustBe(expected) })

export const listOf = <Item extends z.core.SomeType>(item: Item, expected: string) =>
  z.array(item, { error: mustBe(expected) })

/** A list that may be written as its only item. */
export const oneOrMany = <Item extends z.ZodType>(item: Item, expected: string) =>
  z.union([item.transform((only) => [only]), z.array(item)], { error: mustBe(expected) })

/** A list of words in which none stands twice. */
export const distinct = (words: readonly string[], context: z.core.$RefinementCtx<unknown>): void => {
  const seen = new Set<string>()
  words.forEach((word, index) => {
    if (seen.has(word)) addMistake(context, { code: 'DUPLICATE_ENTRY', message: `\`${word}\` stands twice` }, [index])
    seen.add(word)
  })
}

/** Says that a value must be one of a few words, with the one that was probably meant. */
export const mustBeOneOf =
  (words: readonly string[]) =>
  ({ input }: { input?: unknown }): string => {
    const meant = typeof input === 'string' ? didYouMean(input, words) : ''
    if (meant === '') return mustBe(oneOf(words))({ input })
    return carryMistakes({
      code: 'WRONG_TYPE',
      message: `\`{key}\` must be ${oneOf(words)}, not ${show(input)}${meant}`,
    })
  }

/** One of a few words. */
export const choice = <const Words extends readonly [string, ...string[]]>(words: Words, later?: LaterWords) =>
  z.enum(words, {
    error: ({ input }) =>
      typeof input === 'string' && later?.words.includes(input)
        ? carryMistakes(notAvailable(input, later))
        : mustBeOneOf(words)({ input }),
  })

export const flag = (fallback: boolean) => z.boolean({ error: mustBe('true or false') }).prefault(fallback)

export const wholeNumber = (min: number, max: number) => {
  const anyOf = mustBe(min > 1 ? `a whole number from ${min} to ${max}` : `a whole number ≥ ${min}`)
  const inRange = mustBe(`a whole number from ${min} to ${max}`)
  const error = (issue: { input?: unknown }) =>
    (typeof issue.input === 'number' && issue.input > max ? inRange : anyOf)(issue)
  return z.int({ error }).min(min, { error }).max(max, { error })
}

/** Text under a rule: null where it holds, else the mistake. */
export const textWith = (expected: string, rule: (text: string) => Mistake | null, hint?: string) =>
  z.string({ error: mustBe(expected, hint) }).superRefine((text, context) => {
    const mistake = rule(text)
    if (mistake !== null) addMistake(context, mistake)
  })

/** Checks that exactly one of the kinds was given. */
export const exactlyOne =
  (noun: string, kinds: readonly string[]) =>
  (given: Record<string, unknown>, context: z.core.$RefinementCtx<unknown>): void => {
    const named = kinds.filter((kind) => given[kind] !== undefined)
    if (named.length === 1) return
    addMistake(context, {
      code: 'NOT_EXACTLY_ONE',
      message:
        named.length === 0
          ? `\`{key}\` says no kind of ${noun}: it needs ${oneOf(kinds)}`
          : `\`{key}\` has ${oneOf(named, 'and')}: keep one of them`,
    })
  }
