/** From one part of a store to another, by its bytes as they are; within a registry blobs are mounted. */
import { canonicalJson } from '../hashing/index.ts'
import type { Digest, ServiceName } from '../model/index.ts'
import type { ArtifactStore, Descriptor, Manifest, PackedArtifact, PackedBlob } from '../ports/index.ts'
import { artifactCorrupt } from './artifact-errors.ts'
import { digestOfBytes } from './digest.ts'
import { isIndex } from './manifest.ts'

export type Copy = {
  digest: Digest
  from: ArtifactStore
  /** Whose part `from` is. */
  service: ServiceName
  to: ArtifactStore
}

/** Idempotent. Provenance and bill of materials stay where it was built. */
export async function copyArtifact({ digest, from, service, to }: Copy, signal: AbortSignal): Promise<void> {
  await to.put(await storedArtifact(from, digest, placeOf(from.imageReference(digest, service)), signal), signal)
}

/** An artifact as its store has it: putting it there again moves nothing. */
export async function storedArtifact(
  from: ArtifactStore,
  digest: Digest,
  place: { host: string; repository: string } | null,
  signal: AbortSignal,
): Promise<PackedArtifact> {
  const document = await from.document(digest, signal)
  const open = (blob: Descriptor): PackedBlob => ({
    ...blob,
    content: { kind: 'stream', open: (until) => from.blob(blob, until), ...(place && { origin: place }) },
  })
  const blobsOf = ({ config, layers }: Manifest) => [config, ...layers].map(open)
  const manifests = isIndex(document)
    ? await Promise.all(
        document.manifests.map(async (each) => [each.digest, await from.manifest(each.digest, signal)] as const),
      )
    : []
  const blobs = isIndex(document) ? manifests.flatMap(([, manifest]) => blobsOf(manifest)) : blobsOf(document)
  return {
    digest,
    manifest: bytesOf(document, digest, from.location),
    manifests: manifests.map(([part, manifest]) => ({ digest: part, bytes: bytesOf(manifest, part, from.location) })),
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
    sizeBytes: blobs.reduce((sum, { size }) => sum + size, 0),
  }
}

/** Trunkline writes its manifests canonically, so that what was read is written as it was. */
function bytesOf(document: unknown, digest: Digest, location: string): Buffer {
  const bytes = Buffer.from(canonicalJson(document))
  const found = digestOfBytes(bytes)
  if (found !== digest) throw artifactCorrupt(digest, location, `a manifest that Trunkline did not write (${found})`)
  return bytes
}

function placeOf(reference: string | null): { host: string; repository: string } | null {
  const [, host, repository] = /^([^/]+)\/(.+)@/.exec(reference ?? '') ?? []
  return host === undefined || repository === undefined ? null : { host, repository }
}
