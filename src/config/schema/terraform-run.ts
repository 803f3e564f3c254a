/** What Terraform applies. */
import type { TerraformRun } from '../../model/index.ts'
import { plainValueSchema } from './command.ts'
import { pathSchema, patternSchema } from './path.ts'
import { listOf, mappingOf, object, oneOrMany, textWith } from './shapes.ts'

const variableName = textWith('the name of an input variable', (name) =>
  /^[A-Za-z_][A-Za-z0-9_-]*$/.test(name)
    ? null
    : { code: 'INVALID_NAME', message: `\`${name}\` is not the name of an input variable` },
)

const typeName = textWith('a type such as `aws_db_instance`', (name) =>
  /^[a-z][a-z0-9_]*$/.test(name)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a type such as `aws_db_instance`' },
)

const terraformRunSchema = object(
  {
    directory: pathSchema.optional().describe('Folder of the artifact that the root module is in. Default: the whole.'),
    variables: mappingOf(variableName, plainValueSchema, 'a mapping of variables to values')
      .prefault({})
      .describe(
        'Values of input variables. A variable of the service (`env`) with the same name is its value, too, and wins.',
      ),
    variableFiles: oneOrMany(patternSchema, 'a path, or a list of them')
      .prefault([])
      .describe('Files of values (`.tfvars`) in the repository; `{environment}` may stand in the path.'),
    stateful: listOf(typeName, 'a list of types')
      .prefault([])
      .describe('Types of resources that hold data, beside those that Trunkline knows.'),
  },
  { expected: 'a mapping such as `{ directory: infra/cluster }`' },
)

export const terraformRun = object(
  { terraform: terraformRunSchema.describe('What is applied.') },
  { expected: 'a mapping such as `{ terraform: { directory: infra/cluster } }`' },
)
  .meta({ id: 'TerraformRun', title: 'Run by Terraform', description: 'Infrastructure: a root module.' })
  .transform(
    ({ terraform: { directory = '', ...rest } }): TerraformRun => ({
      ...{ kind: 'terraform', directory, ...rest, port: null, health: null },
    }),
  )
