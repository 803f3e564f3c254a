/** A service that is a function. */
import * as z from 'zod'
import type { FunctionUrl, Json, LambdaRun } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { durationSchema } from './duration.ts'
import { addMistake, choice, flag, mustBe, object, textWith, wholeNumber } from './shapes.ts'

const handlerSchema = textWith('what is called, such as `dist/handler.main`', (handler) =>
  /^\S{1,128}$/.test(handler)
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be what is called, such as \`dist/handler.main\`` },
)

const runtimeSchema = textWith('a runtime such as `nodejs22.x`', (runtime) =>
  /^[a-z][a-z0-9.]{2,30}$/.test(runtime)
    ? null
    : { code: 'INVALID_VALUE', message: `\`{key}\` must be a runtime such as \`nodejs22.x\`, not ${show(runtime)}` },
)

const jsonSchema: z.ZodType<Json, Json> = z.json({
  error: mustBe('text, a number, true or false, a list or a mapping'),
})

const urlSchema = z.union(
  [
    z.literal(true).transform((): FunctionUrl => ({ auth: 'none', stream: false })),
    z.literal(false).transform(() => null),
    object({
      auth: choice(['none', 'iam'])
        .prefault('none')
        .describe('Who may ask: anyone, or who signs with AWS credentials.'),
      stream: flag(false).describe('Whether the answer is sent as it is made.'),
    }).transform((url): FunctionUrl => url),
  ],
  { error: mustBe('true, or a mapping with `auth`') },
)

const maxTimeoutMs = 15 * 60_000

const functionTimeout = durationSchema
  .superRefine((ms, context) => {
    if (ms >= 1000 && ms <= maxTimeoutMs && ms % 1000 === 0) return
    addMistake(context, { code: 'INVALID_DURATION', message: '`{key}` must be whole seconds, from `1s` to `15m`' })
  })
  .prefault('3s')

const lambdaSchema = object(
  {
    handler: handlerSchema.describe('What is called in the zip: the file without its ending, and the name in it.'),
    runtime: runtimeSchema.describe('What runs it, as AWS names it.'),
    architecture: choice(['x86_64', 'arm64']).prefault('x86_64').describe('The processor it runs on.'),
    memory: wholeNumber(128, 10_240).prefault(128).describe('In MB. Its share of a processor grows with it.'),
    timeout: functionTimeout.describe('How long one invocation may take.'),
    storage: wholeNumber(512, 10_240).prefault(512).describe('Room in `/tmp`, in MB.'),
    url: urlSchema.prefault(false).describe("An HTTPS address of the function's own (a function URL)."),
    healthEvent: jsonSchema
      .optional()
      .describe(
        'A new version is invoked with this event before it gets requests: where it answers with an error, it gets none.',
      ),
  },
  { expected: 'a mapping such as `{ handler: dist/handler.main, runtime: nodejs22.x }`' },
)

export const lambdaRunSchema = object(
  { lambda: lambdaSchema.describe('The function.') },
  { expected: 'a mapping such as `{ lambda: { handler: dist/handler.main, runtime: nodejs22.x } }`' },
)
  .meta({ id: 'LambdaRun', title: 'Run as a function', description: 'A function of AWS Lambda, made of its zip.' })
  .transform(
    ({ lambda: { memory, timeout, storage, healthEvent, ...rest } }): LambdaRun => ({
      kind: 'lambda',
      port: null,
      health: null,
      ...rest,
      memoryMb: memory,
      timeoutMs: timeout,
      storageMb: storage,
      ...(healthEvent === undefined ? {} : { healthEvent }),
    }),
  )
