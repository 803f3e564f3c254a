/** Where an environment's variables and secrets come from. */
import type * as z from 'zod'
import { variableNameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { distinct, type LaterWords, object, oneOrMany, textWith } from './shapes.ts'

const later: LaterWords = {
  noun: 'variable source',
  words: ['kubernetesSecret'],
  available: ['prefix', 'dotenv', 'ssm', 'secretsManager'],
}

const parameterPathSchema = textWith('a path such as `/shop/stage/`', (path) =>
  /^\/(?:[\w.-]+\/?)*$/.test(path)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a path such as `/shop/stage/`, with a slash first' },
)

const secretNameSchema = textWith('the name of a secret', (name) =>
  /^[\w/+=.@:-]{1,512}$/.test(name)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be the name or the ARN of a secret' },
)

export const variableSourceSchema = object(
  {
    prefix: variableNameSchema
      .optional()
      .describe(
        'Variables of the delivering process that begin with this belong to the environment: with `STAGE_`, `STAGE_REDIS_URL` is its `REDIS_URL`.',
      ),
    dotenv: oneOrMany(pathSchema, 'a file, or a list of files')
      .superRefine(distinct)
      .prefault([])
      .describe('Dotenv files on the delivering machine; a later one wins over an earlier one.'),
    ssm: oneOrMany(parameterPathSchema, 'a path, or a list of paths')
      .superRefine(distinct)
      .prefault([])
      .describe(
        "Parameters of AWS Systems Manager below these paths, decrypted, in the environment's account and region: `/shop/stage/redis/url` is `REDIS_URL`. They win over files.",
      ),
    secretsManager: oneOrMany(secretNameSchema, 'a secret, or a list of secrets')
      .superRefine(distinct)
      .prefault([])
      .describe(
        'Secrets of AWS Secrets Manager, by name or ARN; one that is a JSON object gives a variable for each key. They win over parameters; what has the prefix wins over all.',
      ),
  },
  { later },
)
  .meta({ id: 'VariableSource', title: 'Variables', description: 'Where the variables of an environment come from.' })
  .prefault({})

export type VariableSourceDocument = z.output<typeof variableSourceSchema>
