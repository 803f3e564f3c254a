/** Functions that `serverless.yml` describes. */
import type { ServerlessRun } from '../../model/index.ts'
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { pathSchema, patternSchema } from './path.ts'
import { templateSchema } from './placeholder.ts'
import { listOf, object } from './shapes.ts'

const serverlessSchema = object(
  {
    config: pathSchema.prefault('serverless.yml').describe('Its `serverless.yml`.'),
    files: listOf(patternSchema, 'a list of paths and patterns')
      .prefault([])
      .describe('Other files that it reads: a change redeploys.'),
    stage: templateSchema('a stage', /^[A-Za-z0-9-]+$/, ['environment'])
      .prefault('{environment}')
      .describe('What the framework calls the environment.'),
    command: commandSchema
      .prefault('npx --no-install osls')
      .describe('The framework, run beside that file after `prepare`.'),
    timeout: durationSchema.prefault('30m').describe('How long a deployment may take.'),
  },
  { expected: 'a mapping such as `{ config: functions/serverless.yml }`' },
)

export const serverlessRunSchema = object(
  { serverless: serverlessSchema.describe('What `serverless.yml` describes.') },
  { expected: 'a mapping such as `{ serverless: { config: functions/serverless.yml } }`' },
)
  .meta({
    id: 'ServerlessRun',
    title: 'Run as serverless.yml says',
    description: 'Deployed by the Serverless framework, from zips that were built once.',
  })
  .transform(
    ({ serverless: { timeout, ...rest } }): ServerlessRun => ({
      kind: 'serverless',
      port: null,
      health: null,
      ...rest,
      timeoutMs: timeout,
    }),
  )
