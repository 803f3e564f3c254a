/** Taking artifacts out of a repository: their manifests go, and the registry gives space back when it likes. */
import { type Digest, refusedError, short } from '../../model/index.ts'
import type { Descriptor, ImageIndex, Manifest, Removal } from '../../ports/index.ts'
import { isIndex } from '../manifest.ts'
import type { RegistryClient } from './client.ts'
import type { CloudRegistry } from './cloud-registry.ts'
import { resolveManifest } from './manifests.ts'
import { fallbackTag, listReferrers } from './referrers.ts'

const atOnce = 8

export type RemovalOptions = {
  artifacts: readonly Digest[]
  kept: readonly Digest[]
  /** null where it is not there. */
  read(digest: Digest): Promise<Manifest | ImageIndex | null>
  signal: AbortSignal
  /** Deletes by an API of its own. */
  cloud?: CloudRegistry
}

/** Refused `STORE_KEEPS_ARTIFACTS` where the registry lets no manifest be deleted: before anything is gone. */
export async function removeManifests(client: RegistryClient, options: RemovalOptions): Promise<Removal> {
  const { artifacts, signal } = options
  const removed: Digest[] = []
  const parts = new Map<Digest, Digest[]>()
  await each(artifacts, async (artifact) => {
    const document = await options.read(artifact)
    if (document === null) return
    parts.set(artifact, isIndex(document) ? document.manifests.map(({ digest }) => digest) : [])
  })
  const shared = [...parts.values()].some((own) => own.length > 0) ? await partsOfKept(options) : new Set<Digest>()
  await each([...parts], async ([artifact, own]) => {
    const referrers = await listReferrers(client, artifact, signal)
    // The artifact first: who crashes after it leaves documents about nothing, never an artifact that lost its own.
    if (await deleteManifest(client, artifact, options)) removed.push(artifact)
    for (const digest of own) if (!shared.has(digest)) await deleteManifest(client, digest, options)
    await removeReferrers(client, artifact, referrers, options)
  })
  return { removed, freedBytes: null }
}

async function removeReferrers(
  client: RegistryClient,
  artifact: Digest,
  referrers: readonly Descriptor[],
  options: RemovalOptions,
): Promise<void> {
  for (const { digest } of referrers) await deleteManifest(client, digest, options)
  const list = await resolveManifest(client, fallbackTag(artifact), options.signal)
  if (list !== null) await deleteManifest(client, list, options)
}

/** Manifests of single platforms that an image which stays has too. */
async function partsOfKept({ kept, read }: RemovalOptions): Promise<Set<Digest>> {
  const shared = new Set<Digest>(kept)
  await each(kept, async (digest) => {
    const document = await read(digest)
    if (document !== null && isIndex(document)) for (const part of document.manifests) shared.add(part.digest)
  })
  return shared
}

/** Whether it was there. */
async function deleteManifest(
  client: RegistryClient,
  digest: Digest,
  { cloud, signal }: RemovalOptions,
): Promise<boolean> {
  if (cloud !== undefined) return await cloud.deleteManifest(client.place.repository, digest, signal)
  const { status } = await client.call(
    {
      method: 'DELETE',
      path: `manifests/${digest}`,
      right: 'delete',
      accept: [200, 202, 204, 404, 405],
      action: `delete ${short(digest)}`,
    },
    signal,
  )
  if (status === 405) throw keepsAll(client.label)
  return status !== 404
}

const keepsAll = (label: string) =>
  refusedError('STORE_KEEPS_ARTIFACTS', `${label} lets no artifact be deleted`, {
    hint: 'allow it (distribution: REGISTRY_STORAGE_DELETE_ENABLED=true), or use the registry’s own clean-up rules',
  })

async function each<Item>(items: readonly Item[], work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items.values()
  const worker = async () => {
    for (const item of queue) await work(item)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
