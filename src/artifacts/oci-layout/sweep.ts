/** Deleting what a layout's index no longer leads to. The caller holds the index's lock. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, isDigest, TrunklineError } from '../../model/index.ts'
import type { ImageIndex, Manifest } from '../../ports/index.ts'
import { digestFromHex, hexOf } from '../digest.ts'
import { isIndex } from '../manifest.ts'
import { orMissing } from './file-errors.ts'
import type { LayoutIndex } from './layout-index.ts'

/** A put writes its blobs before the index names them, and may find some there already: what is young stays. */
const graceMs = 60 * 60_000

export type SweepOptions = {
  blobDirectory: string
  /** What the index names from now on. */
  index: LayoutIndex
  /** Artifacts that are needed, whether the index names them or was lost. */
  kept: readonly Digest[]
  /** Manifests that were taken out of it: they go at once, so that nobody takes them for stored. */
  gone: readonly Digest[]
  read(digest: Digest): Promise<Manifest | ImageIndex>
  nowMs: number
}

/** Answers how many bytes were freed. */
export async function sweepBlobs({ blobDirectory, index, kept, gone, read, nowMs }: SweepOptions): Promise<number> {
  const reached = await reachedFrom([...index.map(({ digest }) => digest), ...kept], read)
  let freedBytes = 0
  const remove = async (digest: Digest, mayBeYoung: boolean) => {
    const path = join(blobDirectory, hexOf(digest))
    const status = await orMissing(stat(path))
    if (status === null || (!mayBeYoung && nowMs - status.mtimeMs < graceMs)) return
    await rm(path, { force: true })
    freedBytes += status.size
  }
  for (const digest of gone) if (!reached.has(digest)) await remove(digest, true)
  for (const name of await readdir(blobDirectory)) {
    const digest = digestFromHex(name)
    if (isDigest(digest) && !reached.has(digest)) await remove(digest, false)
  }
  return freedBytes
}

/** Every blob that these lead to. One that cannot be read leads nowhere, and stays itself. */
async function reachedFrom(roots: readonly Digest[], read: SweepOptions['read']): Promise<Set<Digest>> {
  const reached = new Set<Digest>()
  const visit = async (digest: Digest, depth: number): Promise<void> => {
    if (reached.has(digest)) return
    reached.add(digest)
    const document = await read(digest).catch((error) => {
      if (error instanceof TrunklineError) return null
      throw error
    })
    if (document === null) return
    if (!isIndex(document)) for (const blob of [document.config, ...document.layers]) reached.add(blob.digest)
    // One step, as everywhere: an index of indexes leads nowhere.
    else if (depth === 0) for (const each of document.manifests) await visit(each.digest, depth + 1)
  }
  for (const digest of roots) await visit(digest, 0)
  return reached
}
