/** What must hold after a rollout. */
import * as z from 'zod'
import type { Verification } from '../../model/index.ts'
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { nameSchema, titleSchema } from './name.ts'
import { requestPathSchema } from './run.ts'
import { listOf, mustBe, object, wholeNumber } from './shapes.ts'
import { variablesSchema } from './variable.ts'

const sharedShape = { name: titleSchema.describe('What people call it; once in an environment.') }

const commandVerification = object({
  ...sharedShape,
  run: commandSchema.describe('The command, run in a clean checkout of the commit after `prepare`.'),
  env: variablesSchema.describe('Variables it is given, such as addresses of services.'),
  timeout: durationSchema.prefault('10m').describe('When it counts as failed.'),
})
  .meta({ id: 'CommandVerification', title: 'Verification by command', description: 'Succeeds when the command does.' })
  .transform(({ timeout, ...rest }): Verification => ({ kind: 'command', ...rest, timeoutMs: timeout }))

const httpVerification = object({
  ...sharedShape,
  http: requestPathSchema.describe('The path to ask for.'),
  service: nameSchema.describe('The service that is asked.'),
  status: wholeNumber(100, 599).prefault(200).describe('The status it must answer with.'),
  contains: z
    .string({ error: mustBe('text') })
    .min(1, { error: mustBe('text') })
    .optional()
    .describe('Text the answer must contain.'),
  // What is asked is healthy already: who still answers wrongly after this will not get better by waiting.
  timeout: durationSchema.prefault('1m').describe('When it counts as failed.'),
})
  .meta({
    id: 'HttpVerification',
    title: 'Verification by HTTP',
    description: 'Asks a service until it answers as expected, or time is up.',
  })
  .transform(
    ({ timeout, http, contains, ...rest }): Verification => ({
      kind: 'http',
      ...rest,
      path: http,
      contains: contains ?? null,
      env: {},
      timeoutMs: timeout,
    }),
  )

export const verificationsSchema = listOf(
  z.union([commandVerification, httpVerification], {
    error: mustBe('a mapping with `name` and `run`, or `name`, `http` and `service`'),
  }),
  'a list of verifications',
).prefault([])
