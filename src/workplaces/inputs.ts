/**
 * The contents of files on their way to a worker: a bundle in the artifact store, each file named by its object id. So a
 * worker needs neither git nor a login to its host, and sees nothing of the repository but what its work depends on.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packBundle } from '../artifacts/packing/index.ts'
import { unpackArtifact } from '../artifacts/unpack.ts'
import type { BuildSource } from '../building/index.ts'
import { createWorkDirectory } from '../building/work-directory.ts'
import { worldFault } from '../building/world-fault.ts'
import { type Digest, erroredError, type ObjectId } from '../model/index.ts'
import type { ArtifactStore, InputFile, SourceRepository } from '../ports/index.ts'

/** Contents in memory at a time, and files being read or written at a time. */
const filesAtOnce = 256

export type InputsPlace = {
  source: Pick<SourceRepository, 'readBlobs'>
  artifacts: ArtifactStore
  workDirectory: string
  signal: AbortSignal
}

/** Puts the contents of files into the store; the same contents are the same bundle. */
export async function storeInputs(files: readonly InputFile[], place: InputsPlace): Promise<Digest> {
  const { source, artifacts, workDirectory, signal } = place
  const wanted = [...new Set(files.filter(({ mode }) => mode !== 'submodule').map(({ oid }) => oid))].sort()
  const work = await createWorkDirectory(workDirectory)
  try {
    for (let from = 0; from < wanted.length; from += filesAtOnce) {
      signal.throwIfAborted()
      const contents = await source.readBlobs(wanted.slice(from, from + filesAtOnce))
      await Promise.all([...contents].map(([oid, content]) => writeFile(join(work.tree, oid), content)))
    }
    const request = { directory: work.tree, scratchDirectory: work.scratch, include: ['*'], exclude: [], signal }
    // A bundle of nothing is no bundle: what has no inputs gets an empty file that nobody asks for.
    if (wanted.length === 0) await writeFile(join(work.tree, 'none'), '')
    const packed = await packBundle(request)
    await artifacts.put(packed, signal)
    return packed.digest
  } catch (cause) {
    throw worldFault(cause, 'pack the inputs of a build')
  } finally {
    await work.remove()
  }
}

/** As a source of contents, for as long as `directory` is there. */
export async function openInputs(
  inputs: readonly Digest[],
  { artifacts, directory, signal }: { artifacts: ArtifactStore; directory: string; signal: AbortSignal },
): Promise<BuildSource> {
  await mkdir(directory, { recursive: true })
  const folders: string[] = []
  for (const [at, digest] of inputs.entries()) {
    const folder = join(directory, String(at))
    await unpackArtifact(artifacts, digest, folder, signal)
    folders.push(folder)
  }
  const read = async (oid: ObjectId): Promise<Uint8Array> => {
    for (const folder of folders) {
      const content = await readFile(join(folder, oid)).catch((error: NodeJS.ErrnoException) => {
        if (error.code === 'ENOENT') return null
        throw worldFault(error, `read the input ${oid}`)
      })
      if (content !== null) return content
    }
    throw erroredError('INPUT_MISSING', `the inputs of the order lack ${oid}`)
  }
  return {
    // Checks and builds name their files; a whole checkout is no work for elsewhere.
    tree: () => Promise.reject(new Error('an order has no tree')),
    async readBlobs(oids) {
      const contents = new Map<ObjectId, Uint8Array>()
      const wanted = [...new Set(oids)]
      for (let from = 0; from < wanted.length; from += filesAtOnce) {
        const some = wanted.slice(from, from + filesAtOnce)
        await Promise.all(some.map(async (oid) => contents.set(oid, await read(oid))))
      }
      return contents
    },
  }
}
