/** AWS CodePipeline: which pipeline carries a service, and what it is given. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema, unknownPlaceholder } from '../placeholder.ts'
import { listOf, mappingOf, object, textWith } from '../shapes.ts'

/** What CodePipeline takes as a name. */
const name = '[A-Za-z0-9.@_-]{1,100}'
const maxValueLength = 1000

const actionSchema = textWith('the name of an action', (text) =>
  new RegExp(`^${name}$`).test(text)
    ? null
    : { code: 'INVALID_NAME', message: '`{key}` must be the name of an action of the pipeline, such as `Source`' },
)

const approvalSchema = textWith('the name of an approval', (text) =>
  new RegExp(`^(?:${name}/)?${name}$`).test(text)
    ? null
    : { code: 'INVALID_NAME', message: '`{key}` must name an approval, such as `Release` or `Production/Release`' },
)

/** `TRUNKLINE` is ours: it says whose an execution is. */
const variableName = textWith('the name of a variable', (text) => {
  if (text === 'TRUNKLINE')
    return { code: 'INVALID_NAME', message: 'the variable `TRUNKLINE` says whose an execution is: choose another name' }
  return /^[A-Za-z0-9@_-]{1,128}$/.test(text)
    ? null
    : { code: 'INVALID_NAME', message: `\`${text}\` is not the name of a variable of a pipeline` }
})

const filled = ['project', 'environment', 'service', 'commit', 'version', 'artifact', 'image'] as const

const valueSchema = textWith('a text', (text) => {
  if (text === '' || text.length > maxValueLength)
    return { code: 'INVALID_VALUE', message: '`{key}` must have 1 to 1000 characters: CodePipeline takes no other' }
  return unknownPlaceholder(text, filled)
})

export const codepipelineSchema = object(
  {
    pipeline: templateSchema('the name of a pipeline', new RegExp(`^${name}$`))
      .prefault('{project}-{service}-{environment}')
      .describe('The pipeline. It belongs to one service and one environment, and is of type V2.'),
    sources: listOf(actionSchema, 'a list of source actions')
      .optional()
      .describe(
        'Source actions that are given the release: S3 its zip, ECR its image, git its commit. Without it all of the pipeline; others bring what is newest.',
      ),
    prefix: templateSchema('a prefix such as `revisions`', /^[\w.-]+(?:\/[\w.-]+)*$/, ['project', 'environment'])
      .prefault('revisions')
      .describe('What keys of zips begin with, in the bucket that an S3 source action reads.'),
    variables: mappingOf(variableName, valueSchema, 'a mapping such as `{ IMAGE: "{image}" }`')
      .prefault({})
      .describe(
        "Variables of the pipeline, besides the service's own `env`. Filled in are `{commit}`, `{version}`, `{artifact}` (a digest), `{image}` (by digest), `{project}`, `{environment}` and `{service}`.",
      ),
    approvals: listOf(approvalSchema, 'a list of approval actions')
      .prefault([])
      .describe(
        "Manual approvals of the pipeline that are passed because the environment's own `approval` was: `Release`, or `Production/Release`. All others wait for a person.",
      ),
    timeout: durationSchema
      .prefault('60m')
      .describe(
        'How long an execution may work until it is stopped, and how long one of somebody else is waited for. Time that passes waiting for people does not count.',
      ),
    waitForPeople: durationSchema
      .prefault('24h')
      .describe('How long it may wait for an approval, or at a transition that is disabled, until it is stopped.'),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where a service is reached.'),
  },
  { expected: 'a mapping such as `{ pipeline: "{service}-{environment}" }`' },
)
  .meta({
    id: 'CodePipeline',
    title: 'AWS CodePipeline',
    description: 'A pipeline that carries what Trunkline decides to where it runs.',
  })
  .transform(
    ({ sources, timeout, waitForPeople, url, ...rest }): TargetConfig => ({
      kind: 'codepipeline',
      codepipeline: {
        ...rest,
        sources: sources ?? null,
        timeoutMs: timeout,
        waitForPeopleMs: waitForPeople,
        url: url ?? null,
      },
    }),
  )
