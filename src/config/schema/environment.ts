/** A named place where a release runs. Its policy is read from trunk, its recipe from the commit. */
import type * as z from 'zod'
import { awsSchema } from './aws.ts'
import { approvalSchema, scanSchema, windowsSchema } from './gate.ts'
import { hooksSchema } from './hook.ts'
import { patternsSchema } from './input.ts'
import { nameSchema } from './name.ts'
import { rolloutSchema } from './rollout.ts'
import { routesSchema } from './route.ts'
import { choice, distinct, listOf, mappingOf, object, oneOrMany } from './shapes.ts'
import { targetSchema } from './target/index.ts'
import { variableSourceSchema } from './variable-source.ts'
import { verificationsSchema } from './verification.ts'

export const environmentSchema = object({
  on: routesSchema.describe('Which refs feed it. Without it, it takes only `trunkline deploy`.'),
  after: oneOrMany(nameSchema, 'an environment, or a list of them')
    .superRefine(distinct)
    .prefault([])
    .describe('Environments that must have verified the release before.'),
  approval: approvalSchema.optional().describe('Who must agree before a deployment.'),
  windows: windowsSchema.describe('When deployments may start. Empty: always.'),
  scan: scanSchema.optional().describe('Which findings of vulnerability scans (ECR) are let in.'),
  target: targetSchema.optional().describe("The environment's only target; its kind is its name."),
  targets: mappingOf(nameSchema, targetSchema, 'a mapping of names to targets')
    .optional()
    .describe('Several targets by name; services say theirs.'),
  aws: awsSchema
    .optional()
    .describe('The account of AWS that its targets and variables are in. What is missing comes from the project.'),
  variables: variableSourceSchema.describe('Where variables and secrets come from.'),
  onFailure: listOf(choice(['rollback', 'yank', 'notify']), 'a list of reactions')
    .superRefine(distinct)
    .prefault(['rollback', 'yank', 'notify'])
    .describe('What happens when a deployment fails, in this order.'),
  rollout: rolloutSchema.prefault('one-at-a-time').describe("How a service's instances are replaced."),
  rollouts: mappingOf(nameSchema, rolloutSchema, 'a mapping of services to rollouts')
    .prefault({})
    .describe('The same for single services.'),
  hooks: hooksSchema.prefault({}).describe('Commands around a deployment, such as migrations.'),
  verify: verificationsSchema.describe('What must hold after the rollout.'),
  deployInputs: patternsSchema.prefault([]).describe('The overlay of this environment: paths only it sees.'),
}).meta({
  id: 'Environment',
  title: 'Environment',
  description:
    'A named place where a release runs. `rollout`, `rollouts`, `hooks`, `verify` and `deployInputs` are read from the commit, all else from trunk.',
})

export type EnvironmentDocument = z.output<typeof environmentSchema>
