/** Taking artifacts out of a bucket, with what nothing else there needs. */
import { type Digest, isDigest, TrunklineError } from '../../model/index.ts'
import type { Descriptor, ImageIndex, Manifest, Removal } from '../../ports/index.ts'
import { digestFromHex } from '../digest.ts'
import { isIndex } from '../manifest.ts'
import type { Bucket } from './bucket.ts'
import { keys } from './keys.ts'

const atOnce = 16
/** A put may have found a blob there and not yet named it: what is young stays. */
const graceMs = 60 * 60_000

export type RemovalOptions = {
  bucket: Bucket
  artifacts: readonly Digest[]
  kept: readonly Digest[]
  read(digest: Digest, signal: AbortSignal): Promise<Manifest | ImageIndex>
  nowMs: number
  signal: AbortSignal
}

export async function removeArtifacts(options: RemovalOptions): Promise<Removal> {
  const { bucket, signal } = options
  const removed: Digest[] = []
  const documents = new Set<Digest>()
  const blobs = new Set<Digest>()
  const take = async (digest: Digest) => {
    documents.add(digest)
    for (const blob of blobsOf(await readable(options, digest))) blobs.add(blob.digest)
  }
  await each(new Set(options.artifacts), async (artifact) => {
    const own = await ownKeys(bucket, artifact, signal)
    if (own.length === 0 && (await bucket.head(keys.blob(artifact), signal)) === null) return
    removed.push(artifact)
    const document = await readable(options, artifact)
    for (const digest of [artifact, ...partsOf(document), ...referrersIn(own)]) await take(digest)
    // The names first: who crashes after it leaves bytes, never a name without them.
    await bucket.remove([...(await tagsIn(bucket, artifact, own, signal)), ...own], signal)
  })
  if (removed.length === 0) return { removed, freedBytes: 0 }
  const reached = await reachedByOthers(options)
  const unneeded = (digests: Set<Digest>) => [...digests].filter((digest) => !reached.has(digest))
  const freed = [
    await removeBlobs(options, unneeded(documents), { young: true }),
    await removeBlobs(options, unneeded(blobs), { young: false }),
  ]
  return { removed, freedBytes: freed.reduce((sum, bytes) => sum + bytes, 0) }
}

async function ownKeys(bucket: Bucket, artifact: Digest, signal: AbortSignal): Promise<string[]> {
  const found: string[] = []
  for await (const { key } of bucket.list(keys.folder(artifact), signal)) found.push(key)
  return found
}

/** Those that still name it: a tag may have moved on. */
async function tagsIn(
  bucket: Bucket,
  artifact: Digest,
  own: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const tags = own.flatMap((key) => /\/tags\/(.+)$/.exec(key)?.[1] ?? []).map(keys.tag)
  const naming: string[] = []
  for (const key of tags) if ((await bucket.read(key, 1024, signal))?.toString() === artifact) naming.push(key)
  return naming
}

const referrersIn = (own: readonly string[]): Digest[] =>
  own.flatMap((key) => digestIn(/\/referrers\/([0-9a-f]{64})\.json$/.exec(key)?.[1]))

/** What all that stays leads to: the artifacts that are needed, and whatever else is stored whole. */
async function reachedByOthers(options: RemovalOptions): Promise<Set<Digest>> {
  const { bucket, kept, signal } = options
  const roots = new Set<Digest>(kept)
  for await (const { key } of bucket.list(keys.manifests, signal)) {
    const [, owner, referrer] =
      /^manifests\/([0-9a-f]{64})\/(?:manifest\.json|referrers\/([0-9a-f]{64})\.json)$/.exec(key) ?? []
    for (const digest of [...digestIn(owner), ...digestIn(referrer)]) roots.add(digest)
  }
  const reached = new Set<Digest>(roots)
  await each(roots, async (root) => {
    const document = await readable(options, root)
    for (const blob of blobsOf(document)) reached.add(blob.digest)
    for (const part of partsOf(document)) {
      reached.add(part)
      for (const blob of blobsOf(await readable(options, part))) reached.add(blob.digest)
    }
  })
  return reached
}

async function removeBlobs(
  { bucket, nowMs, signal }: RemovalOptions,
  digests: readonly Digest[],
  { young }: { young: boolean },
): Promise<number> {
  const gone: string[] = []
  let bytes = 0
  await each(digests, async (digest) => {
    const head = await bucket.head(keys.blob(digest), signal)
    if (head === null || (!young && nowMs - head.modifiedMs < graceMs)) return
    gone.push(head.key)
    bytes += head.sizeBytes
  })
  await bucket.remove(gone, signal)
  return bytes
}

/** null for what cannot be read: it leads nowhere. */
async function readable(
  { read, signal }: Pick<RemovalOptions, 'read' | 'signal'>,
  digest: Digest,
): Promise<Manifest | ImageIndex | null> {
  try {
    return await read(digest, signal)
  } catch (error) {
    if (error instanceof TrunklineError && error.code.startsWith('ARTIFACT_')) return null
    throw error
  }
}

const blobsOf = (document: Manifest | ImageIndex | null): Descriptor[] =>
  document === null || isIndex(document) ? [] : [document.config, ...document.layers]

const partsOf = (document: Manifest | ImageIndex | null): Digest[] =>
  document !== null && isIndex(document) ? document.manifests.map(({ digest }) => digest) : []

function digestIn(hex: string | undefined): Digest[] {
  if (hex === undefined) return []
  const digest = digestFromHex(hex)
  return isDigest(digest) ? [digest] : []
}

async function each<Item>(items: Iterable<Item>, work: (item: Item) => Promise<void>): Promise<void> {
  const queue = items[Symbol.iterator]()
  const worker = async () => {
    for (let next = queue.next(); !next.done; next = queue.next()) await work(next.value)
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
