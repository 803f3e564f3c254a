/** How a service's instances are replaced. */
import * as z from 'zod'
import type { RolloutStage, StagedStrategy } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { durationSchema } from './duration.ts'
import { titleSchema } from './name.ts'
import {
  addMistake,
  choice,
  exactlyOne,
  listOf,
  mustBe,
  mustBeOneOf,
  object,
  oneOrMany,
  wholeNumber,
} from './shapes.ts'

const surges = ['one-at-a-time', 'half', 'all-at-once'] as const
const staged = ['canary', 'blue-green'] as const
const names = [...surges, ...staged] as const

/** A canary that nobody looks at proves nothing: there is time for it without a word. */
const defaultPause = '1m'
const defaultPauseMs = 60_000
const defaultSteps = [10, 50].map((weight): RolloutStage => ({ weight, verify: null, pauseMs: defaultPauseMs }))

const pauseSchema = z.union([z.literal(0), durationSchema], { error: mustBe('a duration such as `2m`, or 0') })
const verifySchema = oneOrMany(titleSchema, 'the name of a verification, or a list of them')

const stepSchema = object({
  weight: wholeNumber(1, 100).describe('Percent of new requests that the new instances get.'),
  pause: pauseSchema
    .optional()
    .describe(`How long it is watched once it is verified. Without it \`${defaultPause}\`, and nothing at 100.`),
  verify: verifySchema
    .optional()
    .describe(
      'Verifications of the environment, by name, that the new instances must pass here. Without it those by `http` that ask the service itself.',
    ),
})
  .meta({
    id: 'CanaryStep',
    title: 'Step of a canary',
    description: 'So many new instances as its weight needs; then it is verified, and watched for a while.',
  })
  .transform(
    ({ weight, pause, verify }): RolloutStage => ({
      weight,
      verify: verify ?? null,
      pauseMs: pause ?? (weight === 100 ? 0 : defaultPauseMs),
    }),
  )

const stepsSchema = listOf(stepSchema, 'a list of steps')
  .min(1, { error: mustBe('a list of at least one step') })
  .superRefine((steps, context) => {
    steps.forEach(({ weight }, index) => {
      const before = steps[index - 1]
      if (before === undefined || weight > before.weight) return
      addMistake(
        context,
        {
          code: 'INVALID_VALUE',
          message: `\`weight\` must rise from step to step: ${show(weight)} comes after ${show(before.weight)}`,
        },
        [index, 'weight'],
      )
    })
  })

const canarySchema = object(
  {
    steps: stepsSchema
      .optional()
      .describe('Its weights, rising. The last is 100, also where it is not written. Without it 10, 50 and 100.'),
    every: wholeNumber(1, 50).optional().describe('In place of `steps`: linear, so many percent more at each step.'),
    pause: pauseSchema
      .optional()
      .describe(`With \`every\`: how long each step is watched. Default \`${defaultPause}\`.`),
    verify: verifySchema.optional().describe('With `every`: verifications of each step, by name.'),
  },
  { expected: 'a mapping with `steps`, such as `{ steps: [{ weight: 10, pause: 2m }] }`' },
)
  .superRefine(({ steps, every, pause, verify }, context) => {
    if (steps !== undefined && every !== undefined) {
      const message = '`{key}` has `steps` and `every`: keep one of them'
      addMistake(context, { code: 'NOT_EXACTLY_ONE', message })
    }
    const [lone] =
      every === undefined ? Object.entries({ pause, verify }).filter(([, value]) => value !== undefined) : []
    if (lone === undefined) return
    addMistake(context, {
      code: 'UNKNOWN_KEY',
      key: lone[0],
      message: `\`${lone[0]}\` belongs to \`every\`, which is missing from \`{parent}\``,
      hint: 'each of `steps` has its own',
    })
  })
  .meta({
    id: 'Canary',
    title: 'Canary',
    description:
      'New instances get a growing share of new requests, beside all old ones. A step that fails gives all of it back to the old ones at once.',
  })
  .transform(({ steps: given, every, pause, verify }): StagedStrategy => {
    const steps = given ?? (every === undefined ? defaultSteps : linearSteps(every, pause, verify))
    const last: RolloutStage = { weight: 100, verify: null, pauseMs: 0 }
    return { kind: 'canary', stages: steps.at(-1)?.weight === 100 ? steps : [...steps, last] }
  })

/** 10, 20, 30, … */
const linearSteps = (every: number, pauseMs = defaultPauseMs, verify: string[] | null = null): RolloutStage[] =>
  Array.from({ length: Math.ceil(100 / every) - 1 }, (_, index) => ({ weight: every * (index + 1), verify, pauseMs }))

const blueGreenSchema = object({
  verify: verifySchema
    .optional()
    .describe(
      'Verifications of the environment, by name, that the new instances must pass before the switch, and again after it. Without it those by `http` that ask the service itself.',
    ),
  keep: pauseSchema
    .prefault(defaultPause)
    .describe('How long the old instances are kept after the switch, to go back to.'),
})
  .meta({
    id: 'BlueGreen',
    title: 'Blue-green',
    description:
      'As many new instances as old ones are verified at a preview address, then all new requests go to them at once.',
  })
  .transform(
    ({ verify = null, keep }): StagedStrategy => ({
      kind: 'blue-green',
      stages: [
        { weight: 0, verify, pauseMs: 0 },
        { weight: 100, verify, pauseMs: keep },
      ],
    }),
  )

const stagedSchema = object(
  {
    canary: canarySchema.optional().describe('In steps, by weight.'),
    'blue-green': blueGreenSchema.optional().describe('A whole new set, and a switch.'),
  },
  { expected: 'a mapping such as `{ canary: { steps: [{ weight: 10, pause: 2m }] } }`' },
)
  .superRefine(exactlyOne('rollout', staged))
  .meta({ id: 'StagedRollout', title: 'Rollout in stages', description: 'Exactly one of these.' })
  .transform((given) => given.canary ?? given['blue-green'] ?? z.NEVER)

const namedSchema = choice(names).transform((name) => {
  if (name === 'canary') return canarySchema.parse({})
  if (name === 'blue-green') return blueGreenSchema.parse({})
  return name
})

export const rolloutSchema = z.union([namedSchema, stagedSchema], { error: mustBeOneOf(names) })
