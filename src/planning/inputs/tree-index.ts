/** One commit's paths as a sorted list, its folders as ranges of it. Nothing here needs a file's content. */
import type { Tree, TreeEntry } from '../../model/index.ts'
import { matchInTree, normalizePattern } from './path-pattern.ts'

/** Positions in the sorted tree, ascending. */
export type Positions = readonly number[]

export type TreeIndex = {
  readonly entries: Tree
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

function createTreeIndex(tree: Tree): TreeIndex {
  const entries = inCodeUnitOrder(tree)
  const directoryFiles = new Map<string, Positions>()
  const names = new Map<string, Positions>()
  const matches = new Map<string, Positions>()
  const symlinks: number[] = []
  for (let position = 0; position < entries.length; position += 1) {
    if (entries[position]?.mode === 'symlink') symlinks.push(position)
  }

  const entry = (position: number): TreeEntry => {
    const found = entries[position]
    if (found === undefined) throw new RangeError(`no tree entry at ${position}`)
    return found
  }
  /** First position whose path does not come before `text` in code-unit order. */
  const lowerBound = (text: string): number => {
    let low = 0
    let high = entries.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entry(middle).path < text) low = middle + 1
      else high = middle
    }
    return low
  }
  const find = (path: string): number => {
    const position = lowerBound(path)
    return entries[position]?.path === path ? position : -1
  }
  const rangeBelow = (directory: string) => {
    if (directory === '') return { start: 0, end: entries.length }
    // `0` is the code unit after `/`, so that no other path lies between `directory/` and `directory0`.
    return { start: lowerBound(`${directory}/`), end: lowerBound(`${directory}0`) }
  }
  const isDirectory = (path: string): boolean => {
    if (path === '') return true
    return entries[lowerBound(`${path}/`)]?.path.startsWith(`${path}/`) ?? false
  }
  const childrenOf = (directory: string): Positions =>
    remembered(directoryFiles, directory, () => {
      const children: number[] = []
      const prefixLength = directory === '' ? 0 : directory.length + 1
      const { start, end } = rangeBelow(directory)
      for (let position = start; position < end; ) {
        const path = entry(position).path
        const slash = path.indexOf('/', prefixLength)
        if (slash < 0) {
          children.push(position)
          position += 1
        } else {
          position = rangeBelow(path.slice(0, slash)).end // over the whole sub-folder
        }
      }
      return children
    })
  const named = (baseName: string): Positions =>
    remembered(names, baseName, () =>
      index.matchHere(`**/${baseName}`).filter((position) => !/(?:^|\/)node_modules\//.test(entry(position).path)),
    )
  const matchHere = (pattern: string): Positions =>
    remembered(matches, pattern, () => {
      const normal = normalizePattern(pattern)
      return normal === pattern ? matchInTree(index, normal) : matchHere(normal)
    })

  const index = { entries, symlinks, find, entry, isDirectory, rangeBelow, childrenOf, matchHere, named }
  return index
}

function remembered<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key)
  if (value !== undefined) return value
  const made = make()
  known.set(key, made)
  return made
}

/** A tree is promised to be sorted; whoever hands over another order gets the same answers, a little later. */
function inCodeUnitOrder(tree: Tree): Tree {
  for (let position = 1; position < tree.length; position += 1) {
    const before = tree[position - 1]
    const after = tree[position]
    if (before !== undefined && after !== undefined && before.path > after.path) {
      return [...tree].sort((left, right) => (left.path < right.path ? -1 : left.path > right.path ? 1 : 0))
    }
  }
  return tree
}
