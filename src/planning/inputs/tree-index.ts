/** One commit's paths as a sorted list, its folders as ranges of it. Nothing here needs a file's content. */
import { encodePath, ListedTree, type Tree, type TreeEntry } from '../../model/index.ts'
import {
  matchInTree,
  matchPart as matchPartHere,
  normalizePattern,
  type PatternPart,
  partsOfPattern,
} from './path-pattern.ts'
import { baseNameOf } from './repository-path.ts'

/** Positions in the sorted tree, ascending. */
export type Positions = readonly number[]

export type TreeIndex = {
  readonly tree: ListedTree
  /** Symbolic links, few as a rule. */
  readonly symlinks: Positions
  /** Position of a path; -1 where the commit has none. */
  find(path: string): number
  entry(position: number): TreeEntry
  isDirectory(path: string): boolean
  /** Half-open range of everything below a folder. */
  rangeBelow(directory: string): { start: number; end: number }
  /** Files that lie in the folder itself, not deeper, and whose names match. */
  childrenNamed(directory: string, name: RegExp): Positions
  /** Files anywhere below a folder whose paths end so; no slash in it. */
  endingBelow(directory: string, ending: string): Positions
  /** What a pattern means in the tree as it stands, links not followed; see `path-pattern.ts`. */
  matchHere(pattern: string): Positions
  /** Files of this base name, anywhere but below `node_modules`. */
  named(baseName: string): Positions
  /** All that was asked so far. */
  asked(): AskedOfTree
}

/** What decisions over a tree rest on: nothing else of its paths is known to who made them. */
export type AskedOfTree = {
  /** Paths that were looked for, whether they are there or not. */
  found: ReadonlySet<string>
  /** Paths of files that were looked at one by one. */
  lookedAt: ReadonlySet<string>
  /** Folders that were asked for whole, or for being there. */
  ranges: ReadonlySet<string>
  /** What files below some folder were asked for. */
  parts: PatternPart[]
}

const indexes = new WeakMap<Tree, TreeIndex>()

/** The index of a tree, made once for each tree object: reading in rounds looks at the same tree again. */
export function treeIndexOf(tree: Tree): TreeIndex {
  const known = indexes.get(tree)
  if (known !== undefined) return known
  const index = createTreeIndex(tree)
  indexes.set(tree, index)
  return index
}

function createTreeIndex(listed: Tree): TreeIndex {
  const tree = ListedTree.of(listed)
  const positions = new Map<string, number>()
  const ranges = new Map<string, { start: number; end: number }>()
  const parts = new Map<string, { part: PatternPart; found: Positions }>()
  const names = new Map<string, Positions>()
  const matches = new Map<string, Positions>()
  const made = new Map<number, TreeEntry>()
  const symlinks: number[] = []
  for (let position = 0; position < tree.length; position += 1) {
    if (tree.modeAt(position) === 'symlink') symlinks.push(position)
  }

  const entry = (position: number): TreeEntry => {
    const known = made.get(position)
    if (known !== undefined) return known
    const found = tree.at(position)
    if (found === undefined) throw new RangeError(`no tree entry at ${position}`)
    made.set(position, found)
    return found
  }
  const find = (path: string): number => remembered(positions, path, () => tree.find(path))
  const rangeBelow = (directory: string) => remembered(ranges, directory, () => tree.rangeBelow(directory))
  const isDirectory = (path: string): boolean => {
    if (path === '') return true
    const { start, end } = rangeBelow(path)
    return start < end
  }
  const matchPart = (question: string, part: PatternPart): Positions =>
    remembered(parts, question, () => ({ part, found: matchPartHere(tree, part) })).found
  const childrenNamed = (directory: string, name: RegExp): Positions => {
    const prefixLength = directory === '' ? 0 : encodePath(directory).length + 1
    const accepts: PatternPart['accepts'] = (of, position) =>
      of.isChild(position, prefixLength) && name.test(baseNameOf(of.pathAt(position)))
    return matchPart(`${directory}/${name.source}`, { directory, accepts })
  }
  const endingBelow = (directory: string, ending: string): Positions => {
    const bytes = encodePath(ending)
    return matchPart(`${directory}/**${ending}`, { directory, accepts: (of, at) => of.pathEndsWith(at, bytes, 0) })
  }
  const named = (baseName: string): Positions =>
    remembered(names, baseName, () =>
      index.matchHere(`**/${baseName}`).filter((position) => !/(?:^|\/)node_modules\//.test(tree.pathAt(position))),
    )
  const matchHere = (pattern: string): Positions =>
    remembered(matches, pattern, () => {
      const normal = normalizePattern(pattern)
      return normal === pattern ? matchInTree(index, normal) : matchHere(normal)
    })

  const asked = (): AskedOfTree => {
    const lookedAt = new Set(Array.from(made.values(), ({ path }) => path))
    const normal = new Set(Array.from(matches.keys(), normalizePattern))
    return {
      found: new Set(positions.keys()),
      lookedAt,
      ranges: new Set(ranges.keys()),
      parts: [
        ...Array.from(parts.values(), ({ part }) => part),
        ...[...normal].flatMap((pattern) => partsOfPattern(index, pattern)),
      ],
    }
  }

  const index = {
    tree,
    symlinks,
    find,
    entry,
    isDirectory,
    rangeBelow,
    childrenNamed,
    endingBelow,
    matchHere,
    named,
    asked,
  }
  return index
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key)
  if (value !== undefined) return value
  const made = make()
  known.set(key, made)
  return made
}
