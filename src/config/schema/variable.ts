/** Variables that a running service, or a verification, is given. */
import * as z from 'zod'
import type { EnvironmentVariable } from '../../model/index.ts'
import { plainValueSchema } from './command.ts'
import { nameSchema, variableNameSchema } from './name.ts'
import { isSecret } from './secret.ts'
import { addMistake, flag, mappingOf, mustBe, object } from './shapes.ts'

const literalSchema = plainValueSchema.superRefine((value, context) => {
  if (!isSecret(value)) return
  addMistake(context, {
    code: 'SECRET_IN_CONFIG',
    message: '`{key}` is a secret, written out',
    hint: 'name it instead: `{ from: NAME, secret: true }`, and change the secret: it has been in a file',
    secret: true,
  })
})

/** `network.DatabaseUrl`: an output of a service that is infrastructure. */
const outputPattern = /^([a-z][a-z0-9-]*)\.([A-Za-z0-9][\w-]*)$/

const sourceSchema = z.union([variableNameSchema, z.string().regex(outputPattern)], {
  error: mustBe('the name of a variable, or an output such as `network.DatabaseUrl`'),
})

const fromSource = object({
  from: sourceSchema.describe(
    "Its name in the environment's variable source, without the prefix; or an output of infrastructure, `service.output`.",
  ),
  secret: flag(false).describe('Whether its value is hidden in logs and errors, and compared by fingerprint only.'),
  default: literalSchema.optional().describe('Its value where the source has none.'),
})
  .meta({
    id: 'SourcedVariable',
    title: 'Variable from a source',
    description: "Read from the environment's variables when deploying.",
  })
  .transform(({ from, secret, default: fallback = null }): EnvironmentVariable => {
    const [, service, output] = outputPattern.exec(from) ?? []
    return service !== undefined && output !== undefined
      ? { kind: 'output', service, output, secret, default: fallback }
      : { kind: 'from', from, secret, default: fallback }
  })

const addressOf = object({ service: nameSchema.describe('A service that has a `run.port`.') })
  .meta({
    id: 'ServiceAddress',
    title: 'Address of a service',
    description: '`http://host:port` of another service in the same environment.',
  })
  .transform(({ service }): EnvironmentVariable => ({ kind: 'service', service }))

const variableSchema = z.union(
  [literalSchema.transform((value): EnvironmentVariable => ({ kind: 'value', value })), fromSource, addressOf],
  { error: mustBe('text, or a mapping with `from` or `service`') },
)

export const variablesSchema = mappingOf(
  variableNameSchema,
  variableSchema,
  'a mapping of variables to values',
).prefault({})
