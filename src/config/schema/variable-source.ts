/** Where an environment's variables and secrets come from. */
import type { VariableSourceConfig } from '../../model/index.ts'
import { variableNameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { distinct, type LaterWords, object, oneOrMany } from './shapes.ts'

const later: LaterWords = {
  noun: 'variable source',
  words: ['ssm', 'secretsManager', 'kubernetesSecret'],
  available: ['prefix', 'dotenv'],
}

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
  },
  { later },
)
  .meta({ id: 'VariableSource', title: 'Variables', description: 'Where the variables of an environment come from.' })
  .prefault({})
  .transform(({ prefix, dotenv }): VariableSourceConfig => ({ prefix: prefix ?? null, dotenv }))
