/** Which paths of a commit may be laid down in a directory, and where its symbolic links lead. Pure. */

/** Names that mean `.git` to some file system: case, NTFS short names, trailing dots and spaces, streams (git's `verify_path`). */
const gitFolder = /^(?:\.git|git~1)[ .]*(?::.*)?$/i
/** Code points that HFS+ leaves out of names. */
const ignoredByHfs = /[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]/g

/** What makes a path unfit to be laid down, as the end of a sentence about it; null where nothing does. */
export function hostilePath(path: string): string | null {
  if (path === '' || path.includes('\0')) return 'is not a file name'
  if (path.startsWith('/')) return 'is absolute'
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return 'leads out of the directory'
    if (gitFolder.test(segment.replace(ignoredByHfs, '')))
      return 'lies in a git folder, where it would be code that git runs'
  }
  return null
}

/** More hops than this are a loop (Linux: `ELOOP`). */
const maxHops = 40

/**
 * Whether a symbolic link leads out of the directory it is laid down in, followed as the kernel does: through other
 * links, component by component. `links` holds the targets of all links that are laid down, by path.
 */
export function leadsOutside(link: string, links: ReadonlyMap<string, string>): boolean {
  const at = link.split('/').slice(0, -1)
  const ahead = (links.get(link) ?? '').split('/').reverse()
  if (isAbsolute(links.get(link))) return true
  for (let hops = 0; ahead.length > 0; ) {
    const segment = ahead.pop()
    if (segment === undefined || segment === '' || segment === '.') continue
    if (segment === '..') {
      if (at.pop() === undefined) return true
      continue
    }
    const target = links.get([...at, segment].join('/'))
    if (target === undefined) {
      at.push(segment)
      continue
    }
    hops += 1
    // A loop leads nowhere: opening it is an error.
    if (hops > maxHops) return false
    if (isAbsolute(target)) return true
    ahead.push(...target.split('/').reverse())
  }
  return false
}

const isAbsolute = (target: string | undefined): boolean => target?.startsWith('/') ?? false
