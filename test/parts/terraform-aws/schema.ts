/**
 * Schemas of a Terraform provider, read from what was generated of them: packages for Terraform in TypeScript tell of
 * each attribute its name, its type, and whether it must be, may be or cannot be said.
 */

/** As Terraform writes types: `"string"`, `["list", "string"]`, `["object", { … }]`. */
export type AttributeType = string | [string, AttributeType | { [name: string]: AttributeType }]

export type Attribute = { name: string; type: AttributeType; required: boolean; optional: boolean; computed: boolean }

export type NestedBlock = {
  name: string
  nesting: 'list' | 'set' | 'single'
  min: number
  /** 0: any number. */
  max: number
  block: Block
}

export type Block = { attributes: Attribute[]; blocks: NestedBlock[] }

/** What `toHclTerraform` of a structure says of one of its members. */
type Settable = { name: string; isBlock: boolean; kind: string; storage: string; structure: string | null }

/** What stands over a member of a class. */
type Member = {
  name: string
  computed: boolean
  optional: boolean
  required: boolean
  /** The class of a nested value. */
  of: string | null
  isSet: boolean
  /** How a plain value is got. */
  getter: string
}

type Source = { classes: Map<string, string>; interfaces: Map<string, string>; functions: Map<string, string> }

/** The schema of the resource, data source or provider whose generated source this is. */
export function schemaOf(text: string): Block {
  const source = divide(text)
  const main = [...source.classes].find(([, body]) => body.includes('static readonly tfResourceType'))
  if (main === undefined) throw new Error('no resource, data source or provider is generated here')
  const [, body] = main
  return blockOf(source, membersOf(body), settablesOf(body), '')
}

function divide(text: string): Source {
  const source: Source = { classes: new Map(), interfaces: new Map(), functions: new Map() }
  const pieces = text.split(/^(?=export (?:class|interface|function) )/m)
  for (const piece of pieces) {
    const [, kind, name = ''] = /^export (class|interface|function) (\w+)/.exec(piece) ?? []
    if (kind === 'class') source.classes.set(name, piece)
    else if (kind === 'interface') source.interfaces.set(name, piece)
    else if (kind === 'function') source.functions.set(name, piece)
  }
  return source
}

function blockOf(source: Source, members: Member[], settables: Settable[], structure: string): Block {
  const block: Block = { attributes: [], blocks: [] }
  const known = new Map(members.map((member) => [member.name, member]))
  for (const settable of settables) {
    const { name, isBlock } = settable
    const member = known.get(name) ?? fromInterface(source, structure, name)
    known.delete(name)
    if (isBlock) block.blocks.push(nestedBlock(source, settable, member))
    else block.attributes.push({ ...flagsOf(member), type: settableType(source, settable) })
  }
  for (const member of known.values()) {
    block.attributes.push({ ...flagsOf(member), type: computedType(source, member) })
  }
  return block
}

const flagsOf = ({ name, required, optional, computed }: Member) => ({ name, required, optional, computed })

function nestedBlock(source: Source, { name, kind, structure }: Settable, member: Member): NestedBlock {
  if (structure === null) throw new Error(`${name} is a block of nothing`)
  const isSingle = member.of?.endsWith('OutputReference') === true
  const nesting = kind === 'struct' ? 'single' : kind === 'set' ? 'set' : 'list'
  return {
    ...{ name, nesting, min: member.required && nesting !== 'single' ? 1 : 0 },
    max: isSingle && nesting !== 'single' ? 1 : 0,
    block: structureOf(source, structure),
  }
}

/** Of a structure by the name that its functions and its class share. */
function structureOf(source: Source, structure: string): Block {
  const className = structure[0]?.toUpperCase() + structure.slice(1)
  const members = membersOf(source.classes.get(`${className}OutputReference`) ?? '')
  return blockOf(source, members, settablesOf(source.functions.get(`${structure}ToHclTerraform`) ?? ''), className)
}

function settableType(source: Source, { kind, storage, structure }: Settable): AttributeType {
  if (structure !== null) {
    const object = objectType(structureOf(source, structure))
    return kind === 'struct' ? object : [kind, object]
  }
  if (kind === 'simple') return plainType(storage)
  const [, element = 'string'] = /^(\w+?)(?:List|Map|Set)$/.exec(storage) ?? []
  return [kind, plainType(element)]
}

function plainType(storage: string): AttributeType {
  if (storage === 'boolean') return 'bool'
  if (storage === 'string' || storage === 'number') return storage
  const [, element, outer] = /^(\w+?)(List|Map|Set)$/.exec(storage) ?? []
  if (element === undefined || outer === undefined) return 'dynamic'
  return [outer.toLowerCase(), plainType(element)]
}

function computedType(source: Source, { of, isSet, getter }: Member): AttributeType {
  if (of === 'StringMap') return ['map', 'string']
  if (of === 'NumberMap') return ['map', 'number']
  if (of === 'BooleanMap') return ['map', 'bool']
  if (of?.endsWith('Map')) return ['map', computedObject(source, of.slice(0, -3))]
  if (of?.endsWith('OutputReference')) return computedObject(source, of.slice(0, -'OutputReference'.length))
  if (of !== null) return [isSet ? 'set' : 'list', computedObject(source, of.replace(/List$/, ''))]
  const inSet = getter.includes('tolist')
  if (getter.includes('getStringMapAttribute')) return ['map', 'string']
  if (getter.includes('getNumberListAttribute')) return [inSet ? 'set' : 'list', 'number']
  if (getter.includes('getListAttribute')) return [inSet ? 'set' : 'list', 'string']
  if (getter.includes('getNumberAttribute')) return 'number'
  if (getter.includes('getBooleanAttribute')) return 'bool'
  return getter.includes('getStringAttribute') ? 'string' : 'dynamic'
}

const computedObject = (source: Source, className: string): AttributeType => {
  const members = membersOf(source.classes.get(`${className}OutputReference`) ?? '')
  return ['object', Object.fromEntries(members.map((member) => [member.name, computedType(source, member)]))]
}

/** Blocks in it are lists of objects. */
function objectType({ attributes, blocks }: Block): AttributeType {
  const plain = attributes.map(({ name, type }): [string, AttributeType] => [name, type])
  const nested = blocks.map(({ name, nesting, block }): [string, AttributeType] => [
    name,
    nesting === 'single' ? objectType(block) : [nesting, objectType(block)],
  ])
  return ['object', Object.fromEntries([...plain, ...nested])]
}

function settablesOf(text: string): Settable[] {
  const entry =
    /^\s+(\w+): \{\n\s+value: (.+),\n\s+isBlock: (true|false),\n\s+type: "(\w+)",\n\s+storageClassType: "(\w+)",/gm
  return [...text.matchAll(entry)].map(([, name = '', value = '', isBlock, kind = '', storage = '']) => ({
    ...{ name, kind, storage, isBlock: isBlock === 'true' },
    structure: /(?<![\w.])(\w+)ToHclTerraform\b/.exec(value)?.[1] ?? null,
  }))
}

function membersOf(text: string): Member[] {
  const member =
    /^ {2}\/\/ (\w+) - computed: (\w+), optional: (\w+), required: (\w+)\n(?: {2}private (.+)\n)?(?: {2}public get \w+\(\) \{\n(.+))?/gm
  return [...text.matchAll(member)].map(([, name = '', computed, optional, required, field = '', getter = '']) => {
    const [, of, rest = ''] = /= new (?:cdkt[fn]\.)?(\w+)\((.*)\);/.exec(field) ?? []
    return {
      ...{ name, getter, of: of ?? null, isSet: rest.endsWith('true') },
      ...{ computed: computed === 'true', optional: optional === 'true', required: required === 'true' },
    }
  })
}

/** Structures that nothing can refer to have no class: their interface says what must be said. */
function fromInterface(source: Source, structure: string, name: string): Member {
  const text = source.interfaces.get(structure) ?? ''
  const camel = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const required = new RegExp(`^  readonly ${camel}: `, 'm').test(text)
  return { name, computed: false, optional: !required, required, of: null, isSet: false, getter: '' }
}
