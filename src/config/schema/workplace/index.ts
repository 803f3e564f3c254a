/** Where checks and builds run: the one map of the schemas of workplaces. */
import * as z from 'zod'
import type { BuildSettings, WorkplaceConfig } from '../../../model/index.ts'
import { exactlyOne, object, wholeNumber } from '../shapes.ts'
import { codeBuildWorkplaceSchema } from './codebuild.ts'
import { kubernetesWorkplaceSchema } from './kubernetes.ts'

/** To add a workplace: its schema in a file beside this one, ending in its `WorkplaceConfig`, and a line here. */
const workplaceSchemas = {
  kubernetes: kubernetesWorkplaceSchema.optional().describe('Jobs of a cluster.'),
  codebuild: codeBuildWorkplaceSchema.optional().describe('Builds of AWS CodeBuild.'),
}

const kinds = Object.keys(workplaceSchemas)

const workplaceSchema = object(workplaceSchemas, {
  expected: 'a mapping such as `{ kubernetes: { namespace: builds, image: registry.example/ci } }`',
})
  .superRefine(exactlyOne('workplace', kinds))
  .meta({
    id: 'Workplace',
    title: 'Workplace',
    description: 'Where checks and builds run, by its kind: exactly one of these.',
    minProperties: 1,
    maxProperties: 1,
  })
  .transform((given): WorkplaceConfig => Object.values(given).find((place) => place !== undefined) ?? z.NEVER)

export const buildSettingsSchema = object(
  {
    on: workplaceSchema.optional().describe('Where they run. Default: the machine that delivers.'),
    parallel: wholeNumber(1, 200)
      .optional()
      .describe('How many may run side by side. Default: 4, or what `TRUNKLINE_CONCURRENCY` says; elsewhere 10.'),
  },
  { expected: 'a mapping with `on`' },
)
  .meta({ id: 'Builds', title: 'Builds', description: 'Where checks and builds run.' })
  .transform(
    ({ on, parallel }): BuildSettings => ({ on: on ?? null, parallel: parallel ?? (on === undefined ? null : 10) }),
  )
