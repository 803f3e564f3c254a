/** Unpacking: an artifact's files in a folder, all of them or none. */
import { randomBytes } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Digest, erroredError, short, TrunklineError } from '../model/index.ts'
import type { ArtifactStore, Descriptor } from '../ports/index.ts'
import { abortReason, artifactCorrupt, throwIfAborted } from './artifact-errors.ts'
import { limits } from './limits.ts'
import { mediaTypes } from './media-types.ts'
import { createExtraction } from './unpacking/extraction.ts'
import { malformed } from './unpacking/malformed.ts'
import { untar } from './unpacking/untar.ts'
import { unzip } from './unpacking/unzip.ts'
import { verifier } from './verified-stream.ts'

/** The part of a store that is read here. */
export type ArtifactSource = Pick<ArtifactStore, 'location' | 'manifest' | 'blob'>

/**
 * Puts the files of a bundle or zip into `directory`, which is made, or replaced where it is empty. They appear at
 * once, by a rename: whoever crashes leaves at most a sibling `<directory>.unpacking-…`, which a later call clears.
 *
 * Idempotent where the path of `directory` holds the digest's first twelve digits: then what is there already is this
 * artifact, whole. In any other filled directory nothing is touched (errored `UNPACK_DIRECTORY_TAKEN`).
 * Hostile content is refused with `ARTIFACT_UNSAFE` or `ARTIFACT_TOO_LARGE`; wrong bytes are errored `ARTIFACT_CORRUPT`.
 */
export async function unpackArtifact(
  store: ArtifactSource,
  digest: Digest,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  throwIfAborted(signal)
  if (await isUnpacked(digest, directory)) return
  const layer = await layerOf(store, digest, signal)
  const workspace = `${directory}.unpacking-${randomBytes(6).toString('hex')}`
  try {
    await clearAbandoned(directory)
    const content = join(workspace, 'content')
    await mkdir(content, { recursive: true })
    await extractLayer({ store, layer, content, workspace, signal })
    throwIfAborted(signal)
    await moveIntoPlace(content, digest, directory)
  } catch (error) {
    throw unpackingError(error, directory, signal)
  } finally {
    await rm(workspace, { recursive: true, force: true })
  }
}

async function isUnpacked(digest: Digest, directory: string): Promise<boolean> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw erroredError('UNPACK_DIRECTORY', `cannot unpack into ${directory}: ${error.message}`, { cause: error })
  })
  if (names.length === 0) return false
  if (directory.includes(short(digest))) return true
  throw erroredError('UNPACK_DIRECTORY_TAKEN', `cannot unpack ${short(digest)} into ${directory}: it is not empty`)
}

async function layerOf(store: ArtifactSource, digest: Digest, signal: AbortSignal): Promise<Descriptor> {
  const { layers } = await store.manifest(digest, signal)
  const [layer] = layers
  if (layer === undefined || layers.length !== 1)
    throw malformed(`it has ${layers.length} layers, where one is expected`)
  return layer
}

type LayerWork = {
  store: ArtifactSource
  layer: Descriptor
  /** Receives the files. */
  content: string
  /** For what is needed meanwhile. */
  workspace: string
  signal: AbortSignal
}

async function extractLayer({ store, layer, content, workspace, signal }: LayerWork): Promise<void> {
  const { mediaType, size } = layer
  if (mediaType !== mediaTypes.tarLayer && mediaType !== mediaTypes.zipLayer)
    throw malformed(`its layer is ${mediaType}`)
  // Nothing is compressed: an archive is its files and some headers.
  if (size > 2 * limits.totalBytes) throw malformed(`its layer has ${size} bytes`)
  const extraction = createExtraction(content)
  const bytes = await readVerified(store, layer, signal)
  if (mediaType === mediaTypes.tarLayer) await untar(bytes, extraction, signal)
  else {
    const path = join(workspace, 'layer.zip')
    await pipeline(bytes, createWriteStream(path, { flags: 'wx' }), { signal })
    await using file = await open(path, 'r')
    await unzip(file, size, extraction, signal)
  }
  await extraction.finish()
}

/** Checked here as well: a store may be a mere folder of received blobs. */
async function readVerified(store: ArtifactSource, layer: Descriptor, signal: AbortSignal): Promise<Readable> {
  const source = await store.blob(layer, signal)
  const checked = verifier(layer, (found) => artifactCorrupt(layer.digest, store.location, found))
  source.once('error', (error) => checked.destroy(error))
  checked.once('close', () => source.destroy())
  return source.pipe(checked)
}

async function moveIntoPlace(content: string, digest: Digest, directory: string): Promise<void> {
  try {
    await rename(content, directory)
  } catch (error) {
    // Someone else was faster; where it is the same artifact, theirs is as good.
    if (!(await isUnpacked(digest, directory))) throw error
    return
  }
  await using folder = await open(dirname(directory), 'r')
  await folder.sync()
}

const abandonedAfterMs = 60 * 60 * 1000

async function clearAbandoned(directory: string): Promise<void> {
  const parent = dirname(directory)
  await mkdir(parent, { recursive: true })
  for (const name of await readdir(parent)) {
    if (!name.startsWith(`${basename(directory)}.unpacking-`)) continue
    const path = join(parent, name)
    const changedMs = await stat(path).then(
      (status) => status.mtimeMs,
      () => Number.POSITIVE_INFINITY,
    )
    if (Date.now() - changedMs > abandonedAfterMs) await rm(path, { recursive: true, force: true })
  }
}

function unpackingError(error: unknown, directory: string, signal: AbortSignal): unknown {
  if (error instanceof TrunklineError) return error
  if (signal.aborted) return abortReason(signal)
  if (!(error instanceof Error && 'code' in error)) return error
  const hint = error.code === 'ENOSPC' ? { hint: 'free space on that disk' } : {}
  return erroredError('UNPACK_DIRECTORY', `cannot unpack into ${directory}: ${error.message}`, {
    cause: error,
    ...hint,
  })
}
