/** The files of a site as its artifact has them. */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import picomatch from 'picomatch'
import { unpackArtifact } from '../../artifacts/unpack.ts'
import { type Digest, refusedError, type SiteRun, short } from '../../model/index.ts'
import type { ArtifactStore } from '../../ports/index.ts'
import { withScratchFolder } from '../scratch-folder.ts'
import { contentTypeOf } from './content-type.ts'

export type WantedFile = {
  path: string
  sha256: string
  type: string
  cache: string
  read(): Promise<Buffer>
}

/** By path. */
export type WantedFiles = ReadonlyMap<string, WantedFile>

const defaultCache = 'no-cache'
/** One call takes it whole. */
const maxBytes = 1_000_000_000

/** They are there until `use` has ended. */
export async function withFiles<Result>(
  artifacts: ArtifactStore,
  { artifact, run }: { artifact: Digest; run: SiteRun },
  signal: AbortSignal,
  use: (files: WantedFiles) => Promise<Result>,
): Promise<Result> {
  return await withScratchFolder('trunkline-site-', async (scratch) => {
    const directory = join(scratch, short(artifact))
    await unpackArtifact(artifacts, artifact, directory, signal)
    return await use(await filesIn(directory, run, signal))
  })
}

async function filesIn(directory: string, run: SiteRun, signal: AbortSignal): Promise<WantedFiles> {
  const rules = run.cache.map(({ pattern, header }) => ({ matches: picomatch(pattern, { dot: true }), header }))
  const files = new Map<string, WantedFile>()
  for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
    signal.throwIfAborted()
    if (entry.isDirectory()) continue
    const at = join(entry.parentPath, entry.name)
    const path = relative(directory, at).split(sep).join('/')
    await assertServable(at, path)
    files.set(path, {
      ...{ path, type: contentTypeOf(path) },
      sha256: createHash('sha256')
        .update(await readFile(at))
        .digest('hex'),
      cache: rules.find(({ matches }) => matches(path))?.header ?? defaultCache,
      read: () => readFile(at),
    })
  }
  return files
}

/** A link within the artifact is what it leads to. */
async function assertServable(at: string, path: string): Promise<void> {
  const found = await stat(at).catch(() => null)
  if (found?.isFile() !== true) {
    throw refusedError('NOT_A_FILE', `${path} is a link that leads to no file, and a site has nothing else`)
  }
  if (found.size <= maxBytes) return
  throw refusedError('FILE_TOO_LARGE', `${path} holds ${Math.ceil(found.size / 1e6)} MB, and a site takes 1000`)
}
