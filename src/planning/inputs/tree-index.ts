/** One commit's paths as a sorted list, its folders as ranges of it. Nothing here needs a file's content. */
import { encodePath, ListedTree, type Tree, type TreeEntry } from '../../model/index.ts'
import { matchInTree, normalizePattern } from './path-pattern.ts'

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
  /** Files that lie in the folder itself, not deeper. */
  childrenOf(directory: string): Positions
  /** What a pattern means in the tree as it stands, links not followed; see `path-pattern.ts`. */
  matchHere(pattern: string): Positions
  /** Files of this base name, anywhere but below `node_modules`. */
  named(baseName: string): Positions
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
  const directoryFiles = new Map<string, Positions>()
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
  const rangeBelow = (directory: string) =>
    remembered(ranges, directory, () => {
      if (directory === '') return { start: 0, end: tree.length }
      // `0` is the byte after `/`, so that no other path lies between `directory/` and `directory0`.
      return { start: tree.lowerBound(`${directory}/`), end: tree.lowerBound(`${directory}0`) }
    })
  const isDirectory = (path: string): boolean => {
    if (path === '') return true
    const { start, end } = rangeBelow(path)
    return start < end
  }
  const childrenOf = (directory: string): Positions =>
    remembered(directoryFiles, directory, () => {
      const children: number[] = []
      const prefixLength = directory === '' ? 0 : encodePath(directory).length + 1
      const { start, end } = rangeBelow(directory)
      for (let position = start; position < end; position += 1) {
        if (tree.isChild(position, prefixLength)) children.push(position)
      }
      return children
    })
  const named = (baseName: string): Positions =>
    remembered(names, baseName, () =>
      index.matchHere(`**/${baseName}`).filter((position) => !/(?:^|\/)node_modules\//.test(tree.pathAt(position))),
    )
  const matchHere = (pattern: string): Positions =>
    remembered(matches, pattern, () => {
      const normal = normalizePattern(pattern)
      return normal === pattern ? matchInTree(index, normal) : matchHere(normal)
    })

  const index = { tree, symlinks, find, entry, isDirectory, rangeBelow, childrenOf, matchHere, named }
  return index
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key)
  if (value !== undefined) return value
  const made = make()
  known.set(key, made)
  return made
}
