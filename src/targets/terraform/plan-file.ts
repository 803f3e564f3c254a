/** A plan as `show -json` tells it: pure. What would change, what is lost, and a digest of all that is not secret. */
import * as z from 'zod'
import { digestOf } from '../../hashing/index.ts'
import type { Preview, PreviewedChange } from '../../model/index.ts'
import { recordOutput, recordResource } from './state.ts'

const changeSchema = z.object({
  actions: z.array(z.string()),
  before: z.unknown().optional(),
  after: z.unknown().optional(),
  after_unknown: z.unknown().optional(),
  before_sensitive: z.unknown().optional(),
  after_sensitive: z.unknown().optional(),
  replace_paths: z.array(z.array(z.union([z.string(), z.number()]))).optional(),
  importing: z.unknown().optional(),
})

const planSchema = z.object({
  resource_changes: z
    .array(z.object({ address: z.string(), type: z.string(), mode: z.string(), change: changeSchema }))
    .default([]),
  /** How resources are found, where that is not how the state has them. */
  resource_drift: z.array(z.object({ address: z.string(), mode: z.string(), change: changeSchema })).default([]),
  output_changes: z.record(z.string(), changeSchema).default({}),
  configuration: z
    .object({
      root_module: z
        .object({
          resources: z.array(z.object({ address: z.string() })).default([]),
          module_calls: z.record(z.string(), z.unknown()).default({}),
        })
        .default({ resources: [], module_calls: {} }),
    })
    .optional(),
})

export type PlanFile = z.output<typeof planSchema>
type Change = z.output<typeof changeSchema>

/** null where it is no plan that is understood. */
export function parsePlan(text: string): PlanFile | null {
  try {
    return planSchema.safeParse(JSON.parse(text)).data ?? null
  } catch {
    return null
  }
}

/** null: nothing would change. `stateful`: types that hold data, beside those that are known to. */
export function previewIn(plan: PlanFile, stateful: readonly string[]): Preview | null {
  const resources = plan.resource_changes.filter(
    ({ address, mode, change }) => mode === 'managed' && address !== recordResource && actionOf(change) !== null,
  )
  const outputs = Object.entries(plan.output_changes).filter(
    ([name, change]) => name !== recordOutput && actionOf(change) !== null,
  )
  if (resources.length + outputs.length === 0) return null
  const holdsData = new Set([...statefulTypes, ...stateful])
  const changes = [
    ...resources.flatMap(({ address, type, change }) => previewed(address, change, holdsData.has(type))),
    ...outputs.flatMap(([name, change]) => previewed(`output.${name}`, change, false)),
  ]
  const content = [...resources.map(({ address, change }) => [address, change] as const), ...outputs]
  return {
    digest: digestOf(
      'terraform-plan',
      content.map(([subject, change]) => boundIn(subject, change)),
    ),
    changes,
  }
}

export type DriftedResource = {
  address: string
  isGone: boolean
  fields: Array<{ path: string; expected: unknown; actual: unknown }>
}

/** What others changed since the last apply; values that are secret are not told. */
export const driftedIn = ({ resource_drift: drift }: PlanFile): DriftedResource[] =>
  drift.flatMap(({ address, mode, change }) => {
    if (mode !== 'managed' || address === recordResource || actionOf(change) === null) return []
    const [before, after] = [mappingOf(change.before), mappingOf(change.after)]
    const [hidden, alsoHidden] = [mappingOf(change.before_sensitive), mappingOf(change.after_sensitive)]
    const shown = (name: string, value: unknown) =>
      isAnySecret(hidden[name]) || isAnySecret(alsoHidden[name]) ? '(secret)' : (value ?? null)
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort()
    const fields = names
      .filter((name) => JSON.stringify(before[name] ?? null) !== JSON.stringify(after[name] ?? null))
      .map((path) => ({ path, expected: shown(path, before[path]), actual: shown(path, after[path]) }))
    const isGone = change.actions.includes('delete')
    return isGone || fields.length > 0 ? [{ address, isGone, fields }] : []
  })

/** Secret as a whole, or in a part of it. */
const isAnySecret = (marks: unknown): boolean =>
  marks === true || (typeof marks === 'object' && marks !== null && Object.values(marks).some(isAnySecret))

/** What the record must come after: everything at the root of the module. */
export const everythingIn = ({ configuration }: PlanFile): string[] => [
  ...(configuration?.root_module.resources.map(({ address }) => address) ?? []),
  ...Object.keys(configuration?.root_module.module_calls ?? {}).map((name) => `module.${name}`),
]

function previewed(subject: string, change: Change, isStateful: boolean): PreviewedChange[] {
  const action = actionOf(change)
  if (action === null) return []
  const because = action === 'replace' ? replacedBy(change) : action === 'change' ? changedIn(change) : []
  return [{ action, subject, ...(because.length > 0 ? { because } : {}), ...(isStateful ? { stateful: true } : {}) }]
}

function actionOf({ actions, importing }: Change): PreviewedChange['action'] | null {
  if (actions.includes('delete')) return actions.includes('create') ? 'replace' : 'remove'
  if (actions.includes('create')) return 'add'
  if (importing !== undefined && importing !== null) return 'import'
  if (actions.includes('update')) return 'change'
  return actions.includes('forget') ? 'remove' : null
}

const replacedBy = ({ replace_paths: paths = [] }: Change): string[] => [
  ...new Set(paths.map((path) => path.join('.'))),
]

const maxNamed = 6

function changedIn({ before, after, after_unknown: unknown }: Change): string[] {
  const old = mappingOf(before)
  const fresh = mappingOf(after)
  const open = mappingOf(unknown)
  const names = new Set([...Object.keys(old), ...Object.keys(fresh), ...Object.keys(open)])
  const changed = [...names].filter(
    (name) => open[name] === true || JSON.stringify(old[name]) !== JSON.stringify(fresh[name]),
  )
  return changed.sort().slice(0, maxNamed)
}

/** Secret values count by the fingerprint of the variables they come from, not here. */
const boundIn = (subject: string, { actions, before, after, after_unknown: unknown, ...rest }: Change) => ({
  subject,
  actions,
  replace: rest.replace_paths ?? [],
  before: withoutSecrets(before, rest.before_sensitive) ?? null,
  after: withoutSecrets(after, rest.after_sensitive) ?? null,
  unknown: unknown ?? null,
})

/** `marks` has the shape of the value, with `true` where it is secret. */
export function withoutSecrets(value: unknown, marks: unknown): unknown {
  if (marks === true) return 'secret'
  if (Array.isArray(value)) {
    return value.map((item: unknown, index) => withoutSecrets(item, Array.isArray(marks) ? marks[index] : undefined))
  }
  if (typeof value !== 'object' || value === null) return value
  const known = mappingOf(marks)
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withoutSecrets(member, known[name])]))
}

const mappingOf = (value: unknown): Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {}

/** Types whose resources hold data that is gone with them. */
const statefulTypes: readonly string[] = [
  ...['aws_db_instance', 'aws_rds_cluster', 'aws_rds_cluster_instance', 'aws_dynamodb_table', 'aws_s3_bucket'],
  ...['aws_efs_file_system', 'aws_fsx_lustre_file_system', 'aws_ebs_volume', 'aws_elasticache_cluster'],
  ...['aws_elasticache_replication_group', 'aws_memorydb_cluster', 'aws_docdb_cluster', 'aws_neptune_cluster'],
  ...['aws_redshift_cluster', 'aws_opensearch_domain', 'aws_elasticsearch_domain', 'aws_msk_cluster'],
  ...['aws_kinesis_stream', 'aws_sqs_queue', 'aws_cognito_user_pool', 'aws_kms_key', 'aws_secretsmanager_secret'],
  ...['aws_ecr_repository', 'aws_timestreamwrite_table', 'aws_backup_vault', 'aws_cloudwatch_log_group'],
  ...['google_sql_database_instance', 'google_storage_bucket', 'google_bigquery_dataset', 'google_bigquery_table'],
  ...['google_spanner_instance', 'google_spanner_database', 'google_bigtable_instance', 'google_compute_disk'],
  ...['google_redis_instance', 'google_filestore_instance', 'google_kms_crypto_key'],
  ...['azurerm_mssql_database', 'azurerm_postgresql_flexible_server', 'azurerm_mysql_flexible_server'],
  ...['azurerm_cosmosdb_account', 'azurerm_storage_account', 'azurerm_managed_disk', 'azurerm_redis_cache'],
  ...['azurerm_key_vault', 'kubernetes_namespace', 'kubernetes_persistent_volume_claim'],
]
