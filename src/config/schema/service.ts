/** One service: a unit that is deployed on its own. */
import type * as z from 'zod'
import { artifactSchema } from './artifact.ts'
import { buildSchema, checkSchema } from './build.ts'
import { buildAndArtifact } from './bundling.ts'
import { plainValueSchema } from './command.ts'
import { inputsSchema, patternsSchema } from './input.ts'
import { labelSchema, nameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { runSchema } from './run.ts'
import { distinct, flag, listOf, mappingOf, object } from './shapes.ts'
import { variablesSchema } from './variable.ts'

const serviceNames = listOf(nameSchema, 'a list of service names').superRefine(distinct).prefault([])

export const serviceSchema = object({
  path: pathSchema.optional().describe('The folder of the service: everything in it is an input.'),
  inputs: inputsSchema.prefault([]).describe('Further inputs: paths or globs, or some keys of a file.'),
  checkInputs: patternsSchema
    .prefault([])
    .describe('What only checks read: a change rechecks and does not rebuild. Taken out of the inputs.'),
  deployInputs: patternsSchema
    .prefault([])
    .describe(
      'What says how the service is deployed: a change redeploys and does not rebuild. Taken out of the inputs.',
    ),
  ignore: patternsSchema.prefault([]).describe('What belongs to nothing. Taken out of the inputs.'),
  infer: flag(true).describe(
    'Whether imports of workspaces, Go packages, Dockerfile `COPY` and path dependencies count as inputs.',
  ),
  needs: serviceNames.describe(
    'Services whose artifacts the build starts from: unpacked at `.trunkline/needs/<service>`.',
  ),
  checks: mappingOf(labelSchema, checkSchema, 'a mapping of checks to commands')
    .prefault({})
    .describe('Commands that must succeed before a release exists, by name.'),
  build: buildSchema
    .optional()
    .describe('What makes what the artifact is packed from. Without it the inputs are packed.'),
  artifact: artifactSchema
    .optional()
    .describe(
      'What is packed. Without it: where esbuild bundles, what it made, for a function as a zip; else a bundle of everything in the build directory.',
    ),
  rebuild: plainValueSchema.optional().describe('A salt: changing it rebuilds, though no input changed.'),
  run: runSchema.optional().describe('How instances run.'),
  env: variablesSchema.describe('Variables its instances are given.'),
  deployAfter: serviceNames.describe('Services that are rolled out before this one.'),
  target: nameSchema.optional().describe('Which target of an environment runs it. Not needed where there is only one.'),
})
  .meta({ id: 'Service', title: 'Service', description: 'A unit that is deployed on its own.' })
  .transform((service) => ({ ...service, ...buildAndArtifact(service) }))

export type ServiceDocument = z.output<typeof serviceSchema>
