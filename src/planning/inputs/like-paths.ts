/**
 * Which file a path is like, as far as a selection can tell. What is an input follows from answers that the tree gave:
 * who looked for a path, for a folder, for what a pattern takes. Where no question ever told two files apart, both are
 * inputs of the same, for the same reason; so is a file that comes, and what one that goes leaves behind does not change.
 */
import type { ListedTree } from '../../model/index.ts'
import type { PatternPart } from './path-pattern.ts'
import { ancestorsOf, directoryOf, isWithin } from './repository-path.ts'
import type { AskedOfTree } from './tree-index.ts'

/** A file by its place in a tree. */
export type PlacedFile = { tree: ListedTree; position: number; path: string }

/** How far around a path another is looked for that it is like. */
const maxNeighbours = 16

export type LikePaths = {
  /**
   * A position of `tree` whose file is like the given one: in both trees and no other than it was, which `isSteady` says.
   * 'nothing' where no question ever concerned the path, null where no such file is found.
   */
  find(file: PlacedFile, tree: ListedTree, isSteady: (position: number) => boolean): number | 'nothing' | null
}

export function createLikePaths(asked: AskedOfTree): LikePaths {
  const partsOf = Map.groupBy(asked.parts, ({ directory }) => directory)

  const traitsOf = (file: PlacedFile): Traits => {
    const ranges: string[] = []
    const parts: PatternPart[] = []
    for (const part of partsOf.get(file.path) ?? []) if (part.accepts === null) parts.push(part)
    for (const ancestor of ancestorsOf(directoryOf(file.path))) {
      if (asked.ranges.has(ancestor)) ranges.push(ancestor)
      for (const part of partsOf.get(ancestor) ?? []) {
        if (part.accepts === null || part.accepts(file.tree, file.position)) parts.push(part)
      }
    }
    return { ranges, parts }
  }

  const isKnownByName = (path: string): boolean => asked.found.has(path) || asked.lookedAt.has(path)

  return {
    find(file, tree, isSteady) {
      if (isKnownByName(file.path)) return null
      const traits = traitsOf(file)
      if (traits.ranges.length === 0 && traits.parts.length === 0) return 'nothing'
      // What it must share a folder with lies around it in the order of paths.
      const [narrowest = ''] = traits.ranges
      for (const position of around(tree.lowerBound(file.path), tree.length)) {
        if (!isSteady(position)) continue
        const path = tree.pathAt(position)
        if (path === file.path || !isWithin(path, narrowest) || isKnownByName(path)) continue
        if (isSame(traits, traitsOf({ tree, position, path }))) return position
      }
      return null
    },
  }
}

/** Questions that concern a path: two files of the same traits were never told apart. */
type Traits = { ranges: readonly string[]; parts: readonly PatternPart[] }

const isSame = (one: Traits, other: Traits): boolean =>
  one.ranges.length === other.ranges.length &&
  one.ranges.every((folder, at) => folder === other.ranges[at]) &&
  one.parts.length === other.parts.length &&
  one.parts.every((part) => other.parts.includes(part))

/** Positions from the nearest on. */
function* around(position: number, length: number): Generator<number> {
  for (let distance = 0; distance < maxNeighbours; distance += 1) {
    const before = position - 1 - distance
    const behind = position + distance
    if (before >= 0) yield before
    if (behind < length) yield behind
  }
}
