/** What only a pipeline knows how to deploy. */
import type { PipelineRun } from '../../model/index.ts'
import { object } from './shapes.ts'

export const pipelineRun = object(
  {
    pipeline: object({}, { expected: 'an empty mapping: `{}`' }).describe(
      'Deployed by its pipeline, which alone knows how: for `target: { codepipeline: … }`.',
    ),
  },
  { expected: 'a mapping such as `{ pipeline: {} }`' },
)
  .meta({
    id: 'PipelineRun',
    title: 'Deployed by a pipeline',
    description: 'What only its pipeline knows how to deploy.',
  })
  .transform((): PipelineRun => ({ kind: 'pipeline', port: null, health: null }))
