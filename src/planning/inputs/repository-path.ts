/** Paths relative to the repository's root, with `/`; the root itself is the empty string. */

/** `a/b/c` → `a/b`; a path without `/` lies in the root. */
export function directoryOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}

/** `a/b/c` → `c`. */
export const baseNameOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

/** `relative` as seen from `directory`, with `.` and `..` resolved; null where it is absolute or leads out of the repository. */
export function joinPath(directory: string, relative: string): string | null {
  if (relative.startsWith('/')) return null
  const segments = directory === '' ? [] : directory.split('/')
  for (const segment of relative.split('/')) {
    if (segment === '' || segment === '.') continue
    if (segment === '..') {
      if (segments.pop() === undefined) return null
    } else {
      segments.push(segment)
    }
  }
  return segments.join('/')
}

/** Whether `path` is `directory` or lies below it. */
export const isWithin = (path: string, directory: string): boolean =>
  directory === '' || path === directory || path.startsWith(`${directory}/`)

/** The folder itself, its parent, and so on to the root. */
export function* ancestorsOf(directory: string): Generator<string> {
  let current = directory
  while (current !== '') {
    yield current
    current = directoryOf(current)
  }
  yield ''
}

/** How people write a folder as an input: `packages/common/**`. */
export const everythingBelow = (directory: string): string => (directory === '' ? '**' : `${directory}/**`)

/** A folder for a sentence: the root has a name too. */
export const folderName = (directory: string): string => (directory === '' ? 'the repository’s root' : directory)
