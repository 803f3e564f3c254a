/** One commit as the rules see it: the index of its tree, and the few contents that were read. */
import { decodePath, type ObjectId, type Tree } from '../../model/index.ts'
import { matchBehind } from './path-pattern.ts'
import { directoryOf, joinPath } from './repository-path.ts'
import { type Positions, type TreeIndex, treeIndexOf } from './tree-index.ts'

export type { Positions } from './tree-index.ts'

/** Contents by object id, as `SourceRepository.readBlobs` answers them. */
export type FileContents = ReadonlyMap<ObjectId, Uint8Array>

/** Where a path leads once the symbolic links on its way (`links`, in the order they are met) are followed. */
export type Destination =
  | { kind: 'file'; position: number; links: Positions }
  | { kind: 'directory'; path: string; links: Positions }
  | { kind: 'missing'; path: string }
  | { kind: 'outside' }
  | { kind: 'loop' }
  /** A link's content was not read yet; it is wanted now. */
  | { kind: 'unread' }

export type CommitView = TreeIndex & {
  /** Everything a pattern means, links and submodules on its way considered; see `path-pattern.ts`. */
  match(pattern: string): Positions
  /** The first symbolic link on the way to a path, or the path itself; null where there is none. */
  firstLinkOn(path: string): string | null
  /** Follows symbolic links on the way, bounded. */
  resolve(path: string): Destination
  /** Text of a file (links followed); null where there is none, or where it was not read yet: then it is wanted. */
  read(path: string): string | null
  /** Asks for a content that a later round will read. */
  want(position: number): void
  /** What was asked for and is not there. */
  readonly wanted: ReadonlySet<number>
}

/** More links than this on one way is a loop, as for the kernel (ELOOP). */
const maximumLinks = 40

export function createCommitView(tree: Tree, contents: FileContents): CommitView {
  const index = treeIndexOf(tree)
  const { entry, find, isDirectory } = index
  const wanted = new Set<number>()
  const texts = new Map<ObjectId, string>()
  const links = new Set(index.symlinks.map((position) => entry(position).path))

  const bytesAt = (position: number): Uint8Array | null => {
    const bytes = contents.get(entry(position).oid)
    if (bytes === undefined) wanted.add(position)
    return bytes ?? null
  }

  const firstLinkOn = (path: string): string | null => {
    if (links.size === 0) return null
    for (let slash = path.indexOf('/'); slash >= 0; slash = path.indexOf('/', slash + 1)) {
      const ancestor = path.slice(0, slash)
      if (links.has(ancestor)) return ancestor
    }
    return links.has(path) ? path : null
  }

  const resolve = (path: string): Destination => {
    let current = path
    const followed: number[] = []
    while (followed.length <= maximumLinks) {
      const link = firstLinkOn(current)
      if (link === null) {
        const position = find(current)
        if (position >= 0) return { kind: 'file', position, links: followed }
        if (isDirectory(current)) return { kind: 'directory', path: current, links: followed }
        return { kind: 'missing', path: current }
      }
      const linkPosition = find(link)
      followed.push(linkPosition)
      const target = bytesAt(linkPosition)
      if (target === null) return { kind: 'unread' }
      const next = joinPath(directoryOf(link), `${decodePath(target)}/.${current.slice(link.length)}`)
      if (next === null) return { kind: 'outside' }
      current = next
    }
    return { kind: 'loop' }
  }

  const read = (path: string): string | null => {
    const destination = resolve(path)
    if (destination.kind !== 'file') return null
    const { mode, oid } = entry(destination.position)
    if (mode === 'submodule') return null
    const known = texts.get(oid)
    if (known !== undefined) return known
    const bytes = bytesAt(destination.position)
    if (bytes === null) return null
    const text = new TextDecoder().decode(bytes)
    texts.set(oid, text)
    return text
  }

  const match = (pattern: string): Positions => {
    const here = index.matchHere(pattern)
    return here.length > 0 ? here : matchBehind({ ...index, firstLinkOn, resolve }, pattern)
  }
  const want = (position: number): void => {
    const { mode, oid } = entry(position)
    if (mode !== 'submodule' && !contents.has(oid)) wanted.add(position)
  }
  return { ...index, match, firstLinkOn, resolve, read, want, wanted }
}
