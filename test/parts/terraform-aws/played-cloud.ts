/**
 * A cloud that is played: it has what Terraform made in it, gives what only a cloud can give (ids, addresses), and may be
 * changed by hand. Nothing is behind it. What it takes is what the provider's schema says.
 */
import { createHash } from 'node:crypto'
import { type Value as Any, Unknown } from './msgpack.ts'
import type { ProviderSchema } from './package.ts'
import type { AttributeType, Block } from './schema.ts'

export type Value = Any
export type Values = { [name: string]: Value }

/** What is asked to be made, changed or removed. */
export type CloudCall = { action: 'create' | 'update' | 'delete'; type: string; values: Values }

export type PlayedCloud = {
  readonly schema: ProviderSchema
  /** All that was asked for so far. */
  readonly calls: CloudCall[]
  /** What there is now, by type and id. */
  readonly resources: Map<string, Values>
  /** Before each call: who waits holds it up, who throws fails it. */
  before: (call: CloudCall) => Promise<void> | void
  plan(type: string, prior: Values | null, proposed: Values | null): { planned: Values | null; replaces: string[] }
  apply(type: string, prior: Values | null, planned: Values | null): Promise<Values | null>
  /** What became of it: null where somebody removed it. */
  refresh(type: string, state: Values): Values | null
  readData(type: string, config: Values): Values
}

export type CloudOptions = {
  schema: ProviderSchema
  account: string
  region: string
  /** `aws_db_instance.address`, `data.aws_availability_zones.names`: what it gives for what it computes. */
  gives?: Record<string, Value>
}

/** Of these another one is made where one of these is changed, as the provider's documentation says. */
const replacedBy: Record<string, readonly string[]> = {
  aws_vpc: ['cidr_block'],
  aws_subnet: ['cidr_block', 'availability_zone', 'vpc_id'],
  aws_eks_cluster: ['name', 'role_arn'],
  aws_eks_node_group: ['cluster_name', 'node_group_name', 'instance_types', 'subnet_ids', 'node_role_arn'],
  aws_ecr_repository: ['name'],
  aws_db_instance: ['identifier', 'engine', 'username', 'db_name', 'db_subnet_group_name', 'storage_encrypted'],
  aws_elasticache_replication_group: ['replication_group_id', 'subnet_group_name', 'at_rest_encryption_enabled'],
}

export function playCloud({ schema, account, region, gives = {} }: CloudOptions): PlayedCloud {
  const resources = new Map<string, Values>()
  let made = 0

  const blockOf = (type: string): Block => {
    const block = schema.resources[type]
    if (block === undefined) throw new Error(`${type} is not known here`)
    return block
  }
  const keyOf = (type: string, { id }: Values) => `${type}/${String(id)}`

  function given(path: string, name: string, type: AttributeType, id: string): Value {
    const known = gives[`${path}.${name}`]
    if (known !== undefined) return known
    const kind = path.replace(/^(?:data\.)?aws_/, '')
    if (name === 'id') return id
    if (/(?:^|_)arn$/.test(name)) return `arn:aws:${kind.split('_')[0]}:${region}:${account}:${kind}/${id}`
    return madeUp(type, (inner, innerType) => given(`${path}.${name}`, inner, innerType, id), `${name}-of-${id}`)
  }

  function filled(path: string, block: Block, values: Values, id: string): Values {
    const result: Values = { ...values }
    for (const { name, type } of block.attributes) {
      if (name === 'tags_all' && result[name] instanceof Unknown) result[name] = values['tags'] ?? {}
      else if (result[name] instanceof Unknown) result[name] = given(path, name, type, id)
    }
    for (const { name, block: inner } of block.blocks) {
      result[name] = eachOf(result[name], (one) => filled(`${path}.${name}`, inner, one, id))
    }
    return result
  }

  const cloud: PlayedCloud = {
    ...{ schema, calls: [], resources },
    before: () => {},

    plan(type, prior, proposed) {
      if (proposed === null) return { planned: null, replaces: [] }
      if (prior === null) return { planned: withUnknown(blockOf(type), proposed), replaces: [] }
      const changed = (replacedBy[type] ?? []).filter((name) => !isSame(prior[name], proposed[name]))
      return { planned: proposed, replaces: changed }
    },

    async apply(type, prior, planned) {
      const action = planned === null ? 'delete' : prior === null ? 'create' : 'update'
      const call: CloudCall = { action, type, values: planned ?? prior ?? {} }
      cloud.calls.push(call)
      await cloud.before(call)
      if (prior !== null) resources.delete(keyOf(type, prior))
      if (planned === null) return null
      const digest = createHash('sha256').update(`${type} ${++made}`).digest('hex').slice(0, 17)
      const values = filled(type, blockOf(type), planned, `${type.replace(/^aws_/, '').replaceAll('_', '-')}-${digest}`)
      resources.set(keyOf(type, values), values)
      return values
    },

    refresh: (type, state) => resources.get(keyOf(type, state)) ?? null,

    readData(type, config) {
      const block = schema.dataSources[type]
      if (block === undefined) throw new Error(`data ${type} is not known here`)
      return filled(`data.${type}`, block, withUnknown(block, config), type)
    },
  }
  return cloud
}

/** What is computed and not said is known only afterwards. */
function withUnknown(block: Block, values: Values): Values {
  const result: Values = { ...values }
  for (const { name, computed } of block.attributes) {
    if (computed && (result[name] ?? null) === null) result[name] = new Unknown()
  }
  for (const { name, block: inner } of block.blocks) {
    result[name] = eachOf(result[name], (one) => withUnknown(inner, one))
  }
  return result
}

function eachOf(value: Value | undefined, change: (one: Values) => Values): Value {
  if (Array.isArray(value)) return value.map((one) => eachOf(one, change))
  if (value === null || value === undefined || value instanceof Unknown || typeof value !== 'object') {
    return value ?? null
  }
  return change(value)
}

function madeUp(type: AttributeType, member: (name: string, type: AttributeType) => Value, text: string): Value {
  if (type === 'number') return 0
  if (type === 'bool') return false
  if (typeof type === 'string') return text
  const [kind, of] = type
  if (kind === 'map') return {}
  if (kind === 'object' && typeof of === 'object' && !Array.isArray(of)) {
    return Object.fromEntries(Object.entries(of).map(([name, inner]) => [name, member(name, inner)]))
  }
  // Where something is made up of objects there is one: modules ask for the first.
  return Array.isArray(of) && of[0] === 'object' ? [madeUp(of, member, text)] : []
}

const isSame = (one: Value | undefined, other: Value | undefined): boolean =>
  JSON.stringify(one ?? null) === JSON.stringify(other ?? null)
