/** The whole of `trunkline.yaml`. */
import type * as z from 'zod'
import { awsSchema } from './aws.ts'
import { prepareSchema } from './build.ts'
import { plainValueSchema } from './command.ts'
import { ecrSchema } from './ecr.ts'
import { environmentSchema } from './environment.ts'
import { taskSchema } from './hook.ts'
import { inputsSchema } from './input.ts'
import { labelSchema, nameSchema } from './name.ts'
import { notifySchema } from './notification.ts'
import { buildersSchema, peopleSchema } from './person.ts'
import { branchSchema } from './ref-name.ts'
import { serviceSchema } from './service.ts'
import { mappingOf, object, textWith } from './shapes.ts'
import { stateSchema } from './state.ts'
import { storeSchema } from './store.ts'
import { buildSettingsSchema } from './workplace/index.ts'

const platformSchema = textWith('`any` or a platform such as `linux/x64`', (platform) => {
  if (platform === 'any' || /^[a-z0-9]+\/(?:x64|arm64|arm|ia32|ppc64|s390x|riscv64|loong64)$/.test(platform))
    return null
  const proposal = platform.replace(/\/(?:amd64|x86_64)$/, '/x64').replace(/\/aarch64$/, '/arm64')
  return {
    code: 'INVALID_VALUE',
    message: '`{key}` must be `any` or a platform such as `linux/x64`',
    ...(proposal === platform ? {} : { hint: `did you mean \`${proposal}\`?` }),
  }
})

export const projectSchema = object({
  project: nameSchema.describe('The name of the project.'),
  trunk: branchSchema.prefault('main').describe('The branch that policy is read from.'),
  shared: inputsSchema.prefault([]).describe('Inputs of every service, such as lockfiles.'),
  artifacts: storeSchema
    .prefault('oci-layout')
    .describe(
      'Where artifacts are kept: `oci-layout` (on this machine), `oci-layout:path`, `oci://host/repository`, `oci+http://` for a registry without TLS, or `s3://bucket/prefix` in the account and region of `aws`.',
    ),
  aws: awsSchema.optional().describe('The account of AWS of what belongs to no environment; environments say theirs.'),
  builds: buildSettingsSchema
    .prefault({})
    .describe('Where checks and builds run: on the machine that delivers, or elsewhere (docs/building-elsewhere.md).'),
  ecr: ecrSchema
    .optional()
    .describe(
      "How missing repositories of Amazon's registry (ECR) are made. Without it: by others, before a delivery.",
    ),
  platform: platformSchema
    .optional()
    .describe(
      'For which platform builds are: `any` where their output does not depend on it. Without it: the platform they run on.',
    ),
  tools: mappingOf(labelSchema, plainValueSchema, 'a mapping of tools to versions')
    .prefault({})
    .describe('Tools and the beginning of their version: checked before a build, part of every input hash.'),
  prepare: prepareSchema.optional().describe('Installs what checks and builds need, once per content.'),
  services: mappingOf(nameSchema, serviceSchema, 'a mapping of names to services').describe(
    'What is deployed, by name.',
  ),
  environments: mappingOf(nameSchema, environmentSchema, 'a mapping of names to environments')
    .prefault({})
    .describe('Where it is deployed, by name.'),
  tasks: mappingOf(labelSchema, taskSchema, 'a mapping of names to tasks')
    .prefault({})
    .describe('One-off jobs, by name.'),
  people: mappingOf(labelSchema, peopleSchema, 'a mapping of groups to people')
    .prefault({})
    .describe('Groups of people, by name.'),
  builders: buildersSchema
    .prefault([])
    .describe(
      'Who delivers, with the SSH keys it signs with; `@group` for the people of a group. Where it is given, only signed records, events and approvals count (docs/signatures.md). Empty: who may push refs is trusted.',
    ),
  notify: notifySchema.describe('Who is told of what.'),
  state: stateSchema.describe('Where the ledger, records and leases live.'),
}).meta({ id: 'Project', title: 'trunkline.yaml', description: 'The configuration of a project.' })

/** As written, with short forms written out and defaults filled in; keys are those of the file. */
export type ProjectDocument = z.output<typeof projectSchema>
