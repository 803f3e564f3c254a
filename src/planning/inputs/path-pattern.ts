/**
 * What a pattern of `trunkline.yaml` means in a tree.
 *
 * A glob (picomatch, dots included, case-sensitive) relative to the root. A pattern without wildcards names a file, a
 * link, a submodule or a folder with everything below. Where names look like wildcards (`pages/[id].tsx`), a path
 * that stands in the tree exactly so is meant as well. A pattern that points into a submodule means the submodule, one
 * that points through a symbolic link means the link and what lies behind it.
 *
 * A pattern is never tried against every file: the folders before its first wildcard are looked up as a range.
 */
import picomatch from 'picomatch'
import { encodePath, type ListedTree, patternCost, usageError } from '../../model/index.ts'
import type { CommitView } from './commit-view.ts'
import type { Positions, TreeIndex } from './tree-index.ts'

const wildcard = /[*?[\]{}()\\]/

/** What a pattern takes of the files below a folder, which it names letter by letter. */
export type PatternPart = {
  directory: string
  /** null: all of them, and a file of the folder's name. */
  accepts: null | ((tree: ListedTree, position: number) => boolean)
}

/** Positions of a normal pattern in the tree as it stands, links not followed. */
export function matchInTree(index: TreeIndex, normal: string): Positions {
  return partsOfPattern(index, normal).reduce<Positions>((found, part) => union(found, matchPart(index.tree, part)), [])
}

/** What a normal pattern means in a tree: its letters up to the first wildcard, and up to where they stand in the tree. */
export function partsOfPattern(index: Pick<TreeIndex, 'isDirectory' | 'find'>, normal: string): PatternPart[] {
  const segments = segmentsOf(normal)
  const literal = firstWildcard(segments)
  const standing = standingSegments(index, segments)
  return [literal, ...(standing > literal ? [standing] : [])].map((count) => partFrom(segments, count))
}

/** What a pattern means that points into a submodule or through symbolic links. */
export function matchBehind(
  view: Pick<CommitView, 'find' | 'entry' | 'matchHere' | 'firstLinkOn' | 'resolve'>,
  pattern: string,
): Positions {
  const segments = segmentsOf(normalizePattern(pattern))
  const literal = firstWildcard(segments)
  for (let count = 1; count <= literal; count += 1) {
    const position = view.find(segments.slice(0, count).join('/'))
    if (position >= 0 && view.entry(position).mode === 'submodule') return [position]
  }
  const directory = segments.slice(0, literal).join('/')
  const link = view.firstLinkOn(directory)
  if (link === null) return []
  const destination = view.resolve(directory)
  if (destination.kind !== 'directory' && destination.kind !== 'file') return [view.find(link)]
  const target = destination.kind === 'file' ? view.entry(destination.position).path : destination.path
  return union(destination.links, view.matchHere([target, ...segments.slice(literal)].join('/')))
}

const segmentsOf = (normal: string): string[] => (normal === '' ? [] : normal.split('/'))

/** `./a//b/` → `a/b`, `.` → the whole tree. */
export const normalizePattern = (pattern: string): string =>
  pattern
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .join('/')

function firstWildcard(segments: readonly string[]): number {
  const at = segments.findIndex((segment) => wildcard.test(segment))
  return at < 0 ? segments.length : at
}

/** How many leading segments stand in the tree exactly as written, wildcards or not. */
function standingSegments(index: Pick<TreeIndex, 'isDirectory' | 'find'>, segments: readonly string[]): number {
  let count = segments.length
  while (count > 0) {
    const path = segments.slice(0, count).join('/')
    if (index.isDirectory(path) || (count === segments.length && index.find(path) >= 0)) return count
    count -= 1
  }
  return 0
}

/** Takes the first `literal` segments by their letters, the rest as a glob below them. */
function partFrom(segments: readonly string[], literal: number): PatternPart {
  const directory = segments.slice(0, literal).join('/')
  const rest = segments.slice(literal).join('/')
  if (rest === '') return { directory, accepts: null }
  if (rest === '**' || rest === '**/*') return { directory, accepts: () => true }
  return { directory, accepts: acceptRest(rest, directory === '' ? '' : `${directory}/`) }
}

/** Positions that a part takes. */
export function matchPart(tree: ListedTree, { directory, accepts }: PatternPart): Positions {
  // Not by the index, which would remember it as asked for whole.
  const { start, end } = tree.rangeBelow(directory)
  if (accepts === null) {
    const itself = tree.find(directory)
    const below = span(start, end)
    return itself < 0 ? below : [itself, ...below]
  }
  const found: number[] = []
  for (let position = start; position < end; position += 1) if (accepts(tree, position)) found.push(position)
  return found
}

/** Whether what lies behind `prefix` in a path matches. */
function acceptRest(rest: string, prefix: string): (tree: ListedTree, position: number) => boolean {
  const name = /^\*\*\/(\*?)([^/*?[\]{}()\\]+)$/.exec(rest)
  if (name !== null) {
    // `**/package.json` and `**/*.go` are most of all globs, and need neither strings nor regular expressions.
    const ending = encodePath(name[2] ?? '')
    const offset = encodePath(prefix).length
    if (name[1] === '*') return (tree, position) => tree.pathEndsWith(position, ending, offset)
    const segment = Buffer.concat([Buffer.from('/'), ending])
    const whole = encodePath(prefix + (name[2] ?? ''))
    // The slash before the name may be the last byte of the prefix.
    const slashOffset = Math.max(0, offset - 1)
    return (tree, position) =>
      tree.pathEndsWith(position, segment, slashOffset) || (offset === 0 && tree.isPath(position, whole))
  }
  const expression = globExpression(rest)
  // `*/package.json`: most paths do not end so, and need not become strings.
  const ending = encodePath(/\/[^/*?[\]{}()\\!+@]+$/.exec(rest)?.[0] ?? '')
  return (tree, position) =>
    tree.pathEndsWith(position, ending, 0) && expression.test(tree.pathAt(position).slice(prefix.length))
}

/** What a glob accepts. */
export type Glob = { test(path: string): boolean }

/**
 * A glob, compiled; newlines in names are ordinary characters, `!` at the front too. Usage error `PATTERN_TOO_COSTLY`
 * where a name could take for ever.
 */
export function globExpression(glob: string): Glob {
  const { fault, isDear } = patternCost(glob)
  if (fault !== null) {
    throw usageError('PATTERN_TOO_COSTLY', `the pattern ${JSON.stringify(glob.slice(0, 80))} ${fault}`, {
      hint: 'write it as several simpler patterns',
    })
  }
  if (glob === '') return { test: (path) => path === '' }
  const options = { dot: true, nonegate: true, strictSlashes: true, flags: 's' }
  const expression: RegExp = picomatch.makeRe(literalParentheses(glob), options)
  return isDear ? { test: (path) => couldMatch(glob, path) && expression.test(path) } : expression
}

/**
 * Whether a name can match at all: with everything but letters, `*` and `?` taken for any text. In time bounded by the
 * length of the glob times that of the name, where a regular expression that fails tries every way to fail.
 */
function couldMatch(glob: string, path: string): boolean {
  // An alternative without a group around it would be one to the whole.
  if (glob.includes('|')) return true
  // Beyond a bracket nothing is known: the rest may be anything.
  const plain = glob.replace(/[[\](){}\\@!+].*$/s, '**')
  const parts = plain.match(/\*{2,}\/?|\*|[\s\S]/g) ?? []
  let reached = new Uint8Array(path.length + 1)
  reached[0] = 1
  for (const part of parts) {
    const next = new Uint8Array(path.length + 1)
    let isOpen = false
    for (let at = 0; at <= path.length; at += 1) {
      const before = path[at - 1]
      if (part.startsWith('*')) {
        // `*` reaches on to the end of its segment, `**` everywhere.
        if (part === '*' && before === '/') isOpen = false
        if (reached[at] === 1) isOpen = true
        next[at] = isOpen ? 1 : 0
      } else if (at > 0 && reached[at - 1] === 1 && (part === '?' ? before !== '/' : before === part)) next[at] = 1
    }
    // `a/**` also means `a`, whose `/` the name does not have.
    if (part.startsWith('**') && reached[path.length] === 1) next[path.length] = 1
    if (part === '/' && reached[path.length] === 1) next[path.length] = 1
    reached = next
  }
  return reached[path.length] === 1
}

/** `app/(shop)/page.tsx` is a common folder name; only `@(a|b)` and its kin are patterns. */
const literalParentheses = (glob: string): string =>
  /[?*+@!]\(/.test(glob) ? glob : glob.replace(/(?<!\\)[()]/g, (parenthesis) => `\\${parenthesis}`)

const span = (start: number, end: number): number[] =>
  Array.from({ length: end - start }, (_, offset) => start + offset)

/** Both, ascending, each once. */
export const union = (left: Positions, right: Positions): Positions =>
  left.length === 0
    ? right
    : right.length === 0
      ? left
      : [...new Set([...left, ...right])].sort((one, other) => one - other)
