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

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** A path from its bytes, in the form a `TreeEntry` has it: bytes that are not UTF-8 become lone surrogates. */
export function pathFromBytes(bytes: Uint8Array): string {
  try {
    return strictUtf8.decode(bytes)
  } catch {
    return decodeWithSurrogates(bytes)
  }
}

function decodeWithSurrogates(bytes: Uint8Array): string {
  let text = ''
  let at = 0
  while (at < bytes.length) {
    const sequence = validSequenceAt(bytes, at)
    if (sequence === null) {
      text += String.fromCharCode(0xdc00 + (bytes[at] ?? 0))
      at += 1
    } else {
      text += sequence.text
      at += sequence.length
    }
  }
  return text
}

/** The one UTF-8 character that starts at `at`, or null where none does. */
function validSequenceAt(bytes: Uint8Array, at: number): { text: string; length: number } | null {
  const lead = bytes[at] ?? 0
  const length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4
  try {
    return { text: strictUtf8.decode(bytes.subarray(at, at + length)), length }
  } catch {
    return null
  }
}
