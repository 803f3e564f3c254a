/** Terraform and OpenTofu: where states are kept. */
import * as z from 'zod'
import type { Json, TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { unknownPlaceholder } from '../placeholder.ts'
import { isSecret } from '../secret.ts'
import { addMistake, choice, mappingOf, mustBe, object, textWith } from '../shapes.ts'

const settingsExample =
  'for example `backend: { s3: { bucket: states, key: "{environment}/{service}", region: eu-west-1 } }`'

const backendName = textWith('a kind of backend such as `s3`', (name) =>
  /^[a-z][a-z0-9]*$/.test(name) ? null : { code: 'INVALID_NAME', message: `\`${name}\` is no kind of backend` },
)

const settingSchema: z.ZodType<Json, Json> = z.json({ error: mustBe('a value') })

const backendSchema = mappingOf(
  backendName,
  mappingOf(z.string(), settingSchema, 'a mapping of settings'),
  'a mapping such as `{ s3: { bucket: states } }`',
).superRefine((given, context) => {
  if (Object.keys(given).length !== 1) {
    addMistake(context, {
      code: 'NOT_EXACTLY_ONE',
      message: '`{key}` names one kind of backend',
      hint: settingsExample,
    })
  }
  for (const [kind, settings] of Object.entries(given)) {
    for (const [setting, value] of Object.entries(settings)) {
      if (typeof value !== 'string') continue
      const mistake = isSecret(value)
        ? { code: 'SECRET_IN_CONFIG', message: `\`${setting}\` is a secret, written out`, secret: true }
        : unknownPlaceholder(value)
      if (mistake !== null) addMistake(context, mistake, [kind, setting])
    }
  }
})

export const terraformSchema = object(
  {
    program: choice(['terraform', 'tofu']).prefault('terraform').describe('The program that is installed.'),
    backend: backendSchema.describe(
      'Where states are kept: the kind of backend and its settings. `{project}`, `{environment}` and `{service}` are filled in.',
    ),
    timeout: durationSchema.prefault('60m').describe('How long one apply may take.'),
    lockTimeout: durationSchema
      .prefault('5m')
      .describe('How long a state that somebody else has locked is waited for.'),
  },
  { expected: 'a mapping such as `{ backend: { s3: { bucket: states } } }`' },
)
  .meta({ id: 'Terraform', title: 'Terraform', description: 'Infrastructure that Terraform or OpenTofu applies.' })
  .transform(({ backend, program, timeout, lockTimeout }): TargetConfig => {
    const [[type, settings] = ['local', {}]] = Object.entries(backend)
    return {
      kind: 'terraform',
      terraform: { program, backend: { type, settings }, timeoutMs: timeout, lockTimeoutMs: lockTimeout },
    }
  })
