/** A YAML or JSON file as a tree that knows where each of its parts stands. Nothing is resolved: an alias stays one. */

export type ScalarValue = string | number | boolean | null

export type ScalarStyle = 'plain' | 'single' | 'double' | 'block' | 'empty'

/** `start` and `end` are offsets in UTF-16 units, without anchor, tag, blanks and comments. */
type Extent = { start: number; end: number }
type Properties = { anchor: string | null; tag: string | null }

export type LocatedScalar = Extent & Properties & { kind: 'scalar'; value: ScalarValue; style: ScalarStyle }
export type LocatedMap = Extent & Properties & { kind: 'map'; style: 'block' | 'flow'; pairs: LocatedPair[] }
export type LocatedList = Extent & Properties & { kind: 'list'; style: 'block' | 'flow'; items: LocatedNode[] }
export type LocatedAlias = Extent & Properties & { kind: 'alias'; name: string }
export type LocatedNode = LocatedScalar | LocatedMap | LocatedList | LocatedAlias

export type LocatedPair = {
  key: LocatedNode
  value: LocatedNode
}

export type LocatedDocument = {
  root: LocatedNode | null
  /** Anchors that an alias of this document refers to, by name, with the first alias. */
  aliased: ReadonlyMap<string, LocatedAlias>
  anchored: ReadonlyMap<string, LocatedNode>
}

export type LocatedText = {
  file: string
  text: string
  format: 'yaml' | 'json'
  documents: LocatedDocument[]
}

/** The key of a pair as text; null where it is no scalar. */
export const keyOf = ({ key }: LocatedPair): string | null =>
  key.kind === 'scalar' && key.value !== null ? String(key.value) : null

export const pairOf = (map: LocatedMap, key: string): LocatedPair | undefined =>
  map.pairs.find((pair) => keyOf(pair) === key)

/** A scalar that is text under this key. */
export function textUnder(map: LocatedMap, key: string): string | null {
  const value = pairOf(map, key)?.value
  return value?.kind === 'scalar' && typeof value.value === 'string' ? value.value : null
}

/** All that a file says, each by its way from the root; and the way to each node. */
export type Outline = { says: Map<string, string>; ways: Map<LocatedNode, string> }

/** What has to stay as it is around an edit. */
export function outlineOf({ documents }: LocatedText): Outline {
  const found: Outline['says'] = new Map()
  const ways: Outline['ways'] = new Map()
  const walk = (node: LocatedNode, way: string) => {
    ways.set(node, way)
    if (node.anchor !== null) found.set(`${way}&`, node.anchor)
    if (node.tag !== null) found.set(`${way}!`, node.tag)
    switch (node.kind) {
      case 'scalar':
        found.set(way, saysOf(node.value))
        break
      case 'alias':
        found.set(way, `*${node.name}`)
        break
      case 'list':
        found.set(way, 'list')
        node.items.forEach((item, index) => {
          walk(item, `${way}/${index}`)
        })
        break
      case 'map':
        found.set(way, 'map')
        for (const pair of node.pairs) walk(pair.value, wayUnder(way, wayOfKey(pair.key)))
    }
  }
  documents.forEach(({ root }, index) => {
    if (root !== null) walk(root, `${index}:`)
  })
  return { says: found, ways }
}

export const saysOf = (value: ScalarValue): string => JSON.stringify(value)
export const wayUnder = (way: string, key: string): string => `${way}/${key}`

function wayOfKey(key: LocatedNode): string {
  if (key.kind === 'scalar') return JSON.stringify(key.value)
  if (key.kind === 'alias') return `*${key.name}`
  if (key.kind === 'list') return `[${key.items.map(wayOfKey).join(',')}]`
  return `{${key.pairs.map((pair) => `${wayOfKey(pair.key)}:${wayOfKey(pair.value)}`).join(',')}}`
}
