/** Checks and builds as builds of a CodeBuild project. */
import type { WorkplaceConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { object } from '../shapes.ts'
import { image, named, platform } from './kubernetes.ts'

const projectName = named('the name of a CodeBuild project', /^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$/)

export const codeBuildWorkplaceSchema = object(
  {
    project: projectName.describe(
      'The CodeBuild project. It says what rights builds have, how large they are, which image they run, and where.',
    ),
    image: image.optional().describe("In place of the project's image: one with Trunkline and what builds call."),
    platform: platform
      .prefault('linux/x64')
      .describe('What the project runs on: `linux/x64` (LINUX_CONTAINER) or `linux/arm64` (ARM_CONTAINER).'),
    startTimeout: durationSchema
      .prefault('30m')
      .describe('How long a build may wait in the queue; longer is errored. From 5 minutes to 8 hours.'),
  },
  { expected: 'a mapping with `project`' },
)
  .meta({ id: 'CodeBuild', title: 'CodeBuild', description: 'Each check and build is a build of a CodeBuild project.' })
  .transform(
    ({ image: named, startTimeout, ...rest }): WorkplaceConfig => ({
      kind: 'codebuild',
      codebuild: { ...rest, image: named ?? null, startTimeoutMs: startTimeout },
    }),
  )
