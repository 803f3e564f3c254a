/** What a stack is made of. */
import type { CloudFormationRun, StackSource } from '../../model/index.ts'
import { plainValueSchema } from './command.ts'
import { nameSchema } from './name.ts'
import { pathSchema, patternSchema } from './path.ts'
import { templateSchema, unknownPlaceholder } from './placeholder.ts'
import { addMistake, choice, flag, listOf, mappingOf, object, oneOrMany, textWith } from './shapes.ts'

const stackName = templateSchema(
  'the name of a stack, such as `{project}-{environment}-network`',
  /^[A-Za-z][A-Za-z0-9-]{0,127}$/,
)

const logicalName = textWith('a name of letters and digits', (name) =>
  /^[A-Za-z0-9]{1,255}$/.test(name)
    ? null
    : { code: 'INVALID_NAME', message: `\`${name}\` is not a name that a template can have: letters and digits only` },
)

const typeName = textWith('a type such as `AWS::RDS::DBInstance`', (name) =>
  /^[A-Za-z0-9]+(?:::[A-Za-z0-9]+){1,3}$/.test(name)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a type such as `AWS::RDS::DBInstance`' },
)

const tagName = textWith('the name of a tag', (name) =>
  name === '' || name.length > 128 || /^aws:/i.test(name)
    ? { code: 'INVALID_NAME', message: 'a tag has a name of up to 128 characters that does not begin with `aws:`' }
    : null,
)

/** Text in which the names of project, environment and service may stand. */
const filledValue = plainValueSchema.superRefine((text, context) => {
  const mistake = /\{[a-z]+\}/.test(text) ? unknownPlaceholder(text) : null
  if (mistake !== null) addMistake(context, mistake)
})

const capabilities = ['CAPABILITY_IAM', 'CAPABILITY_NAMED_IAM', 'CAPABILITY_AUTO_EXPAND'] as const

const protectSchema = object(
  {
    termination: flag(false).describe('Whether AWS refuses to delete the stack, whoever asks.'),
    policy: pathSchema.optional().describe('A stack policy: a JSON file of the artifact.'),
    stateful: listOf(typeName, 'a list of types')
      .prefault([])
      .describe('Types of resources that hold data, beside those that Trunkline knows.'),
  },
  { expected: 'a mapping such as `{ termination: true }`' },
).transform(({ policy, ...rest }) => ({ ...rest, policy: policy ?? null }))

export const cloudformationRunSchema = object(
  {
    template: pathSchema.optional().describe('The template: a file of the artifact.'),
    cdk: pathSchema.optional().describe('In its place, a folder of the artifact that `cdk synth` wrote: `cdk.out`.'),
    stack: stackName
      .optional()
      .describe(
        'What the stack is called. Default: `{project}-{environment}-{service}`. Of a CDK app: as the app names it.',
      ),
    parameters: mappingOf(logicalName, filledValue, 'a mapping of parameters to values')
      .prefault({})
      .describe('Fixed values of parameters. Variables of the service (`env`) are parameters of their names, too.'),
    parameterFiles: oneOrMany(patternSchema, 'a path, or a list of them')
      .prefault([])
      .describe(
        'Files of the repository with values of parameters; later ones win. `{environment}` may stand in them.',
      ),
    capabilities: listOf(choice(capabilities), 'a list of capabilities')
      .optional()
      .describe(
        'What the template may do: `CAPABILITY_IAM` or `CAPABILITY_NAMED_IAM` for roles and policies, `CAPABILITY_AUTO_EXPAND` for macros such as SAM. Default: none; of a CDK app: all.',
      ),
    tags: mappingOf(tagName, filledValue, 'a mapping of tags to values')
      .prefault({})
      .describe('Of the stack, and of what it makes.'),
    code: mappingOf(logicalName, nameSchema, 'a mapping of functions to services')
      .prefault({})
      .describe('Functions and layers of the template, and the services whose artifacts are their code.'),
    importExisting: flag(false).describe(
      'Whether resources of the template that exist already are taken over: those that the template names.',
    ),
    protect: protectSchema.prefault({}).describe('What keeps the stack and its data.'),
  },
  { expected: 'a mapping such as `{ template: infra/network.yaml }`' },
)
  .superRefine(({ template, cdk, stack, code }, context) => {
    if ((template === undefined) === (cdk === undefined)) {
      const message =
        template === undefined
          ? '`{key}` has no `template`, and no `cdk` either'
          : '`{key}` has `template` and `cdk`: keep one of them'
      addMistake(context, { code: 'NOT_EXACTLY_ONE', message })
    }
    if (cdk !== undefined && stack === undefined) {
      addMistake(context, { code: 'MISSING_KEY', message: '`stack` is missing from `{key}`: which stack of the app?' })
    }
    if (cdk !== undefined && Object.keys(code).length > 0) {
      addMistake(context, { code: 'NOT_TOGETHER', message: '`code` is for templates: a CDK app names its own assets' })
    }
  })
  .meta({
    id: 'CloudFormationRun',
    title: 'As a stack',
    description: 'A stack of AWS CloudFormation: change sets are previewed, approved and executed.',
  })
  .transform(({ template, cdk, stack, capabilities: allowed, ...rest }): CloudFormationRun => {
    const source: StackSource =
      cdk !== undefined
        ? { kind: 'cdk', assembly: cdk, stack: stack ?? '' }
        : { kind: 'template', template: template ?? '', stack: stack ?? '{project}-{environment}-{service}' }
    const assumed = source.kind === 'cdk' ? [...capabilities] : []
    return { kind: 'cloudformation', source, ...rest, capabilities: allowed ?? assumed, port: null, health: null }
  })

export const cloudformationRun = object(
  { cloudformation: cloudformationRunSchema.describe('What the stack is made of.') },
  { expected: 'a mapping such as `{ cloudformation: { template: infra/network.yaml } }`' },
)
  .meta({ id: 'StackRun', title: 'Run as a stack', description: 'Infrastructure: a stack of AWS CloudFormation.' })
  .transform(({ cloudformation }): CloudFormationRun => cloudformation)
