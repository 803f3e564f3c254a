/** Lays files of a commit down in a directory, byte for byte from git's objects: no filters, no attributes, no hooks. */
import { lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { sanitizeTerminal } from '../masking/index.ts'
import { type ObjectId, refusedError, usageError } from '../model/index.ts'
import { encodePath } from '../model/path-bytes.ts'
import type { InputFile, SourceRepository } from '../ports/index.ts'
import { hostilePath, leadsOutside } from './checkout-paths.ts'
import { projectInput } from './project-input.ts'
import { errnoOf, worldFault } from './world-fault.ts'

export type CheckoutOptions = {
  source: Pick<SourceRepository, 'readBlobs'>
  files: readonly InputFile[]
  /** Exists; it may hold what `prepare` made, which gives way. */
  directory: string
  /**
   * `inputs`: the files of a build, where a link that leads outside would let undeclared files in, and a submodule has
   * content that the commit does not hold: both are refused. `commit`: all of it, as `git clone` lays it down.
   */
  kind: 'inputs' | 'commit'
  signal: AbortSignal
}

/** Blobs in memory at a time, and files being written at a time. */
const filesAtOnce = 256
const writesAtOnce = 16

/**
 * Refused `HOSTILE_PATH`, `LINK_LEADS_OUTSIDE`; usage `SUBMODULE_INPUT`; errored where the disk fails. Links come last:
 * no file is ever written through one.
 */
export async function layDown(options: CheckoutOptions): Promise<void> {
  const { files, kind } = options
  for (const { path } of files) refuseHostilePath(path)
  if (kind === 'inputs') refuseSubmodules(files)
  const links = files.filter((file) => file.mode === 'symlink')
  const targets = await options.source.readBlobs(links.map((link) => link.oid))
  if (kind === 'inputs') refuseLinksOutside(links, targets)

  await makeDirectories(options)
  for (let from = 0; from < files.length; from += filesAtOnce) {
    await layDownContents(files.slice(from, from + filesAtOnce).filter(hasContent), options)
  }
  for (const link of links) {
    const target = contentOf(link, targets)
    await replacing(pathWithin(options.directory, link.path), link.path, (path) => symlink(target, path))
  }
}

const hasContent = (file: InputFile): boolean => file.mode === 'file' || file.mode === 'executable'

function refuseHostilePath(path: string): void {
  const why = hostilePath(path)
  if (why === null) return
  throw refusedError('HOSTILE_PATH', `the commit has a path that ${why}: ${JSON.stringify(path)}`, {
    hint: 'no ordinary git writes such a path: find out how it came into the repository',
  })
}

function refuseSubmodules(files: readonly InputFile[]): void {
  const submodule = files.find((file) => file.mode === 'submodule')
  if (submodule === undefined) return
  throw usageError(
    'SUBMODULE_INPUT',
    `the input ${shown(submodule.path)} is a submodule, whose files are in another repository`,
    {
      hint: 'copy its files into this repository (git subtree), have `prepare` fetch them, or name it under `ignore`',
    },
  )
}

function refuseLinksOutside(links: readonly InputFile[], contents: ReadonlyMap<ObjectId, Uint8Array>): void {
  // One byte, one character: where a link leads depends on `/` and `.` alone, and paths compare as bytes.
  const asText = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1')
  const keyOf = (path: string) => asText(encodePath(path))
  const targets = new Map(links.map((link) => [keyOf(link.path), asText(contentOf(link, contents))]))
  for (const link of links) {
    if (!leadsOutside(keyOf(link.path), targets)) continue
    const target = Buffer.from(contentOf(link, contents)).toString('utf8')
    throw refusedError(
      'LINK_LEADS_OUTSIDE',
      `the input ${shown(link.path)} is a symbolic link that leads out of the build directory, to ${shown(target)}`,
      {
        hint: 'a build sees only its inputs: make it a relative link to a file of the repository, or name it under `ignore`',
      },
    )
  }
}

/** A commit may come from anyone: its names must not reach into a terminal. */
const shown = (name: string): string => sanitizeTerminal(name).replaceAll('\n', '\\n')

function contentOf(file: InputFile, contents: ReadonlyMap<ObjectId, Uint8Array>): Buffer {
  const bytes = contents.get(file.oid)
  // The port answers all it was asked for, or throws.
  if (bytes === undefined) throw new Error(`no content for ${file.path} (${file.oid})`)
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** A path as the bytes that git knows it by: names need not be UTF-8. */
const pathWithin = (directory: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(`${directory}/`), encodePath(path)])

/** Makes every folder, parents first; a link or file that stands in the way of one is removed, not followed. */
async function makeDirectories({ files, directory }: CheckoutOptions): Promise<void> {
  const folders = new Set<string>()
  for (const { path, mode } of files) {
    for (let end = path.indexOf('/'); end !== -1; end = path.indexOf('/', end + 1)) folders.add(path.slice(0, end))
    if (mode === 'submodule') folders.add(path)
  }
  // A folder's name is a prefix of all below it, so that code-unit order has parents first.
  for (const folder of [...folders].sort()) {
    const path = pathWithin(directory, folder)
    try {
      await mkdir(path).catch(async (cause) => {
        if (errnoOf(cause) !== 'EEXIST') throw cause
        if ((await lstat(path)).isDirectory()) return
        await rm(path)
        await mkdir(path)
      })
    } catch (cause) {
      throw worldFault(cause, `make the folder ${folder}`)
    }
  }
}

async function layDownContents(
  files: readonly InputFile[],
  { source, directory, signal }: CheckoutOptions,
): Promise<void> {
  signal.throwIfAborted()
  const contents = await source.readBlobs(files.map((file) => file.oid))
  const queue = files.values()
  const writer = async () => {
    for (const file of queue) {
      const content = await projectInput(file, contentOf(file, contents))
      const mode = file.mode === 'executable' ? 0o777 : 0o666
      await replacing(pathWithin(directory, file.path), file.path, (path) =>
        writeFile(path, content, { flag: 'wx', mode }),
      )
    }
  }
  await Promise.all(Array.from({ length: writesAtOnce }, writer))
}

/** Creates something at a path; what `prepare` left there gives way. */
async function replacing(path: Buffer, name: string, create: (path: Buffer) => Promise<void>): Promise<void> {
  try {
    await create(path).catch(async (cause) => {
      if (errnoOf(cause) !== 'EEXIST') throw cause
      await rm(path, { recursive: true, force: true })
      await create(path)
    })
  } catch (cause) {
    throw worldFault(cause, `write ${name}`)
  }
}
