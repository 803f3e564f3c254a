/** Chooses the files of a build directory that go into an artifact. */
import type { Dirent } from 'node:fs'
import { lstat, readdir, readlink } from 'node:fs/promises'
import { join } from 'node:path'
import picomatch from 'picomatch'
import { cancelledError, erroredError, failedError } from '../../model/index.ts'
import { limits } from '../limits.ts'
import { symlinkStaysInside } from '../symlink-target.ts'

/** One thing to pack. `path` is relative to the build directory, with `/` between segments. */
export type SelectedFile =
  | { kind: 'file'; path: string; executable: boolean; size: number }
  | { kind: 'symlink'; path: string; target: string }

export type Selection = {
  directory: string
  include: readonly string[]
  exclude: readonly string[]
  signal?: AbortSignal | undefined
}

/**
 * Files and symbolic links that match `include` and not `exclude`, in the order of their paths' bytes.
 *
 * A pattern that ends in a plain name (`dist`, `packages/web/dist`) also stands for the folder of that name with all in
 * it. Names with a leading dot match like any other. Folders are not entries of their own: empty ones are left out.
 * Fails with `ARTIFACT_EMPTY` where nothing matches, `ARTIFACT_LINK_OUTSIDE`, `ARTIFACT_SPECIAL_FILE` or
 * `ARTIFACT_NAME_NOT_UTF8` where something matches that cannot travel.
 */
export async function selectFiles(selection: Selection): Promise<SelectedFile[]> {
  const { directory, signal } = selection
  const wanted = compile(selection)
  const selected: SelectedFile[] = []
  const folders: string[] = ['']
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    if (signal?.aborted) throw cancelledError('packing was cancelled')
    for (const entry of await list(directory, folder)) {
      const path = folder === '' ? nameOf(entry) : `${folder}/${nameOf(entry)}`
      if (entry.isDirectory()) {
        if (wanted.mayContain(path)) folders.push(path)
      } else if (wanted.matches(path)) {
        if (selected.length >= limits.entries) throw tooManyFiles()
        selected.push(await describe(directory, path, entry))
      }
    }
  }
  if (selected.length === 0) throw await nothingMatched(selection)
  return inByteOrder(selected)
}

async function list(directory: string, folder: string): Promise<Dirent<Buffer>[]> {
  const path = join(directory, folder)
  try {
    // Names as bytes: Node would silently turn what is not UTF-8 into U+FFFD, and the file could not be opened.
    return await readdir(path, { withFileTypes: true, encoding: 'buffer' })
  } catch (cause) {
    throw erroredError('PACKING_READ', `cannot list ${path}: ${(cause as NodeJS.ErrnoException).code}`, { cause })
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The name as text. Bytes that are not UTF-8 become U+FFFD here; `describe` refuses those that were chosen. */
function nameOf(entry: Dirent<Buffer>): string {
  return entry.name.toString('utf8')
}

function isUtf8(name: Uint8Array): boolean {
  try {
    utf8.decode(name)
    return true
  } catch {
    return false
  }
}

async function describe(directory: string, path: string, entry: Dirent<Buffer>): Promise<SelectedFile> {
  if (!isUtf8(entry.name)) {
    throw failedError('ARTIFACT_NAME_NOT_UTF8', `the name of ${JSON.stringify(path)} is not UTF-8`, {
      hint: 'rename the file, or leave it out with exclude: artifacts carry names as UTF-8 only',
    })
  }
  if (Buffer.byteLength(path) > limits.pathBytes) {
    throw failedError(
      'ARTIFACT_PATH_TOO_LONG',
      `the path ${path.slice(0, 200)}… is longer than ${limits.pathBytes} bytes`,
    )
  }
  if (entry.isSymbolicLink()) return describeLink(directory, path)
  if (!entry.isFile()) {
    throw failedError('ARTIFACT_SPECIAL_FILE', `${path} is neither a file nor a link and cannot be packed`, {
      hint: 'sockets, pipes and devices exist on one machine only; leave it out with exclude',
    })
  }
  const status = await lstat(join(directory, path))
  // The owner's bit alone: the others follow the umask of whoever built it.
  return { kind: 'file', path, executable: (status.mode & 0o100) !== 0, size: status.size }
}

async function describeLink(directory: string, path: string): Promise<SelectedFile> {
  const raw = await readlink(join(directory, path), 'buffer')
  const target = raw.toString('utf8')
  if (!isUtf8(raw) || !symlinkStaysInside(path, target)) {
    throw failedError('ARTIFACT_LINK_OUTSIDE', `the symbolic link ${path} leads out of the bundle, to ${target}`, {
      hint: 'copy the file into the build, link it by a relative path inside it, or leave it out with exclude',
    })
  }
  return { kind: 'symlink', path, target }
}

type Wanted = { matches(path: string): boolean; mayContain(folder: string): boolean }

function compile({ include, exclude }: Selection): Wanted {
  const included = include.flatMap(withFolder)
  const excluded = exclude.flatMap(withFolder)
  // `s`: a file's name may hold a newline. Negation is what `exclude` is for.
  const options = { dot: true, nonegate: true, flags: 's' }
  const isIncluded = picomatch(included, options)
  const isExcluded = excluded.length === 0 ? () => false : picomatch(excluded, options)
  const excludedFolders = excluded.filter((pattern) => pattern.endsWith('/**')).map((pattern) => pattern.slice(0, -3))
  const isExcludedFolder = excludedFolders.length === 0 ? () => false : picomatch(excludedFolders, options)
  const bases = included.map((pattern) => picomatch.scan(pattern).base)
  return {
    matches: (path) => isIncluded(path) && !isExcluded(path),
    // Saves walking a `node_modules` that no pattern reaches.
    mayContain: (folder) =>
      !isExcludedFolder(folder) &&
      bases.some((base) => base === '' || isWithin(folder, base) || isWithin(base, folder)),
  }
}

const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`)

function withFolder(pattern: string): string[] {
  const plain = pattern.replace(/^(?:\.\/)+/, '').replace(/\/+$/, '')
  if (plain === '' || plain === '.') return ['**']
  const last = plain.slice(plain.lastIndexOf('/') + 1)
  return picomatch.scan(last).isGlob ? [plain] : [plain, `${plain}/**`]
}

function inByteOrder(files: SelectedFile[]): SelectedFile[] {
  // Not `<` on strings: UTF-16 code units order U+FFFD before an emoji, UTF-8 bytes the other way round.
  return files
    .map((file) => ({ file, key: Buffer.from(file.path) }))
    .sort((left, right) => Buffer.compare(left.key, right.key))
    .map(({ file }) => file)
}

const tooManyFiles = () =>
  failedError('ARTIFACT_TOO_LARGE', `more than ${limits.entries} files match`, {
    hint: 'narrow include, or leave folders out with exclude',
  })

async function nothingMatched({ directory, include, exclude }: Selection) {
  const present = (await readdir(directory)).sort().slice(0, 10)
  const except = exclude.length === 0 ? '' : ` (except ${exclude.join(', ')})`
  return failedError('ARTIFACT_EMPTY', `no file of the build matches ${include.join(', ')}${except}`, {
    hint:
      present.length === 0
        ? 'the build directory is empty: does the build write its output there?'
        : `the build directory holds ${present.join(', ')}; correct the artifact's include, or what the build writes`,
  })
}
