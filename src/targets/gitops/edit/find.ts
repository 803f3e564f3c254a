/** Finds a place in a located file, or refuses with the line where the way to it ends. */
import {
  keyOf,
  type LocatedDocument,
  type LocatedMap,
  type LocatedNode,
  type LocatedText,
  pairOf,
  textUnder,
} from './located.ts'
import { type PathStep, pathText } from './path.ts'
import { positionOf, refuseAt } from './refusal.ts'

/** Which document of a file: by its place, or by what it is. Absent parts match any. */
export type DocumentSelector = { index?: number; kind?: string; name?: string }

/** A node with all that it stands in, the outermost first and itself last. */
export type Trail = { document: LocatedDocument; nodes: LocatedNode[] }

/** The one node at the end of the path; in one document alone, or `PLACE_AMBIGUOUS`. */
export function findNode(file: LocatedText, selector: DocumentSelector, path: readonly PathStep[]): Trail {
  const documents = file.documents.filter((document, index) => isSelected(document, index, selector))
  const [only] = documents
  if (only === undefined) {
    refuseAt(file, 0, {
      code: 'PLACE_MISSING',
      sentence: `${selectorText(selector)} is not in this file`,
      hint: 'Add it to the file first, or name another file.',
    })
  }
  if (documents.length === 1) return follow(file, only, path)
  const found = documents.filter((document) => canFollow(document, path))
  const [first, second] = found
  if (first === undefined) return follow(file, only, path)
  if (second !== undefined) {
    refuseAt(file, second.root?.start ?? 0, {
      code: 'PLACE_AMBIGUOUS',
      sentence: `${pathText(path)} is in ${found.length} documents of this file`,
      hint: 'Say which with `document: { kind: …, name: … }`.',
    })
  }
  return follow(file, first, path)
}

/** Keys under which the name and kind of a Kubernetes object stand. */
function isSelected({ root }: LocatedDocument, index: number, selector: DocumentSelector): boolean {
  if (root === null) return false
  if (selector.index !== undefined && selector.index !== index) return false
  if (selector.kind === undefined && selector.name === undefined) return true
  if (root.kind !== 'map') return false
  if (selector.kind !== undefined && textUnder(root, 'kind') !== selector.kind) return false
  if (selector.name === undefined) return true
  const metadata = pairOf(root, 'metadata')?.value
  return metadata?.kind === 'map' && textUnder(metadata, 'name') === selector.name
}

function selectorText({ index, kind, name }: DocumentSelector): string {
  if (kind !== undefined || name !== undefined) return [kind ?? 'a document', name].filter(Boolean).join(' ')
  return index === undefined ? 'a document' : `document ${index}`
}

const canFollow = ({ root }: LocatedDocument, path: readonly PathStep[]): boolean => {
  let node: LocatedNode | undefined = root ?? undefined
  for (const step of path) node = node === undefined ? undefined : stepInto(node, step)[0]
  return node !== undefined
}

function follow(file: LocatedText, document: LocatedDocument, path: readonly PathStep[]): Trail {
  let node = document.root
  if (node === null) return refuseAt(file, 0, missing(path, 'the file is empty'))
  const nodes = [node]
  for (const [depth, step] of path.entries()) {
    if (node.kind === 'alias') refuseAlias(file, node, pathText(path.slice(0, depth)))
    const [found, second]: LocatedNode[] = stepInto(node, step)
    if (second !== undefined) {
      refuseAt(file, second.start, {
        code: 'PLACE_AMBIGUOUS',
        sentence: `${pathText(path.slice(0, depth + 1))} is there more than once`,
        hint: 'Make the items differ, or name one by its index.',
      })
    }
    if (found === undefined) {
      const merged = mergedKey(node)
      if (merged !== undefined) refuseMerged(file, merged.start, pathText(path.slice(0, depth + 1)))
      refuseAt(file, node.start, missing(path, `there is no ${pathText(path.slice(0, depth + 1))}`))
    }
    node = found
    nodes.push(node)
  }
  return { document, nodes }
}

const missing = (path: readonly PathStep[], why: string) =>
  ({
    code: 'PLACE_MISSING',
    sentence: `${pathText(path)} is not in this file: ${why}`,
    hint: 'Write it into the file once; Trunkline then keeps its value.',
  }) as const

/** None, one, or (in a list) several. */
function stepInto(node: LocatedNode, step: PathStep): LocatedNode[] {
  if (step.kind === 'key') {
    const value = node.kind === 'map' ? pairOf(node, step.key)?.value : undefined
    return value === undefined ? [] : [value]
  }
  if (node.kind !== 'list') return []
  if (step.kind === 'index') return node.items.slice(step.index, step.index + 1)
  return node.items.filter((item) => item.kind === 'map' && isField(item, step.field, step.value))
}

function isField(map: LocatedMap, field: string, value: string): boolean {
  const found = pairOf(map, field)?.value
  return found?.kind === 'scalar' && found.value !== null && String(found.value) === value
}

export const mergedKey = (node: LocatedNode): LocatedNode | undefined =>
  node.kind === 'map' ? node.pairs.find((pair) => keyOf(pair) === '<<')?.key : undefined

export function refuseMerged(file: LocatedText, offset: number, what: string): never {
  refuseAt(file, offset, {
    code: 'PLACE_SHARED',
    sentence: `${what} may come from the merge key here (<<), and an edit there would change more than this`,
    hint: 'Write the value out where it is meant.',
  })
}

export function refuseAlias(file: LocatedText, node: LocatedNode & { kind: 'alias' }, what: string): never {
  refuseAt(file, node.start, {
    code: 'PLACE_SHARED',
    sentence: `${what === '' ? 'the value' : what} is an alias here (*${node.name}), and an edit of what it refers to would change more than this`,
    hint: 'Write the value out where it is meant.',
  })
}

/** Refuses where an alias elsewhere shows the same node, or one around it. */
export function assertOwn(file: LocatedText, { document, nodes }: Trail): void {
  for (const node of nodes) {
    if (node.kind === 'alias') refuseAlias(file, node, '')
    const alias = node.anchor === null ? undefined : document.aliased.get(node.anchor)
    if (alias === undefined) continue
    refuseAt(file, node.start, {
      code: 'PLACE_SHARED',
      sentence: `this is anchored as &${node.anchor} and used again in line ${positionOf(file.text, alias.start).line}: an edit would change both`,
      hint: 'Write the value out in both places.',
    })
  }
}
