import type { Aws } from '../../aws/index.ts'
import { type Digest, isDigest, TrunklineError } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, ImageIndex, Manifest, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactIsIndex, throwIfAborted } from '../artifact-errors.ts'
import { artifactTag } from '../artifact-tag.ts'
import { emptyConfig, isIndex, referrerManifest } from '../manifest.ts'
import { mediaTypes } from '../media-types.ts'
import { parseDescriptor, parseDocument } from '../oci-schema.ts'
import { createBlobs } from './blobs.ts'
import { openBucket } from './bucket.ts'
import { keys } from './keys.ts'
import { removeArtifacts } from './removal.ts'

export type S3StoreOptions = {
  aws: Aws
  bucket: string
  /** Without slashes at its ends; '' is the whole bucket. */
  prefix: string
}

const blobsAtOnce = 4
const maxTagBytes = 1024
const maxDescriptorBytes = 64 * 1024

/**
 * An artifact store in a bucket: what an OCI layout holds, each thing an object of its own. Any number of processes may
 * use it at once; what is written twice is the same.
 */
export function createS3Store({ aws, bucket: name, prefix }: S3StoreOptions): ArtifactStore {
  const bucket = openBucket(aws, name, prefix)
  const location = `s3 at ${bucket.url}`
  const blobs = createBlobs(bucket, location)

  async function readDocument(digest: Digest, signal: AbortSignal) {
    const bytes = await blobs.read(digest, signal)
    try {
      const document = parseDocument(bytes)
      const descriptor: Descriptor = { mediaType: document.mediaType, digest, size: bytes.length }
      const artifactType = isIndex(document) ? undefined : document.artifactType
      return { document, descriptor: artifactType === undefined ? descriptor : { ...descriptor, artifactType } }
    } catch (cause) {
      throw artifactCorrupt(digest, `${bucket.url}/${keys.blob(digest)}`, 'no image manifest', cause)
    }
  }

  /** What is damaged counts as absent, so that it is built and stored again, which repairs it. */
  async function isComplete(digest: Digest, signal: AbortSignal, depth = 0): Promise<boolean> {
    const document = await readDocument(digest, signal).then(
      ({ document }) => document,
      (error) => {
        if (error instanceof TrunklineError && /^ARTIFACT_(?:MISSING|CORRUPT)$/.test(error.code)) return null
        throw error
      },
    )
    if (document === null || (isIndex(document) && depth > 0)) return false
    const parts = isIndex(document)
      ? document.manifests.map((each) => isComplete(each.digest, signal, depth + 1))
      : [document.config, ...document.layers].map((blob) => blobs.isSound(blob, signal))
    return (await Promise.all(parts)).every((isThere) => isThere)
  }

  const putDocument = (digest: Digest, bytes: Uint8Array, signal: AbortSignal) =>
    blobs.put({ mediaType: mediaTypes.manifest, digest, size: bytes.length, content: { kind: 'bytes', bytes } }, signal)

  const writeDescriptor = (key: string, descriptor: Descriptor, signal: AbortSignal) =>
    bucket.write(key, Buffer.from(JSON.stringify(descriptor)), { contentType: 'application/json' }, signal)

  async function putBlobs(all: readonly PackedBlob[], signal: AbortSignal): Promise<void> {
    const queue = all.values()
    const worker = async () => {
      for (const blob of queue) await blobs.put(blob, signal)
    }
    await Promise.all(Array.from({ length: blobsAtOnce }, worker))
  }

  const store: ArtifactStore = {
    location,
    imageReference: () => null,
    forService: () => store,
    objectOf: ({ digest }) => ({ bucket: name, key: bucket.at(keys.blob(digest)), region: aws.region }),

    async has(digest, signal) {
      throwIfAborted(signal)
      return await isComplete(digest, signal)
    },

    async put(artifact, signal) {
      throwIfAborted(signal)
      await putBlobs(artifact.blobs, signal)
      // The manifest last: who sees it may rely on its blobs.
      for (const { digest, bytes } of artifact.manifests ?? []) await putDocument(digest, bytes, signal)
      await putDocument(artifact.digest, artifact.manifest, signal)
      const { descriptor } = await readDocument(artifact.digest, signal)
      await writeDescriptor(keys.manifest(artifact.digest), descriptor, signal)
    },

    async document(digest, signal) {
      return (await readDocument(digest, signal)).document
    },

    async manifest(digest, signal): Promise<Manifest> {
      const document: Manifest | ImageIndex = await store.document(digest, signal)
      if (isIndex(document)) throw artifactIsIndex(digest, location)
      return document
    },

    blob: (descriptor, signal) => blobs.stream(descriptor, signal),

    async tag(digest, tags, signal) {
      await readDocument(digest, signal)
      for (const tag of tags.map(artifactTag)) {
        if ((await resolve(tag, signal)) === digest) continue
        // Which tags an artifact has is noted before it has them, so that none outlives it.
        await bucket.write(keys.tagOf(digest, tag), Buffer.of(), {}, signal)
        await bucket.write(keys.tag(tag), Buffer.from(digest), { contentType: 'text/plain' }, signal)
      }
    },

    resolveTag: (tag, signal) => resolve(artifactTag(tag), signal),

    async attach(subject, referrer, signal) {
      const { descriptor } = await readDocument(subject, signal)
      const { manifest, layer } = referrerManifest(descriptor, referrer)
      await putBlobs([emptyConfig, layer], signal)
      await putDocument(manifest.digest, manifest.bytes, signal)
      await writeDescriptor(keys.referrer(subject, manifest.digest), manifest.descriptor, signal)
      return manifest.digest
    },

    async referrers(subject, signal) {
      throwIfAborted(signal)
      const found: Descriptor[] = []
      for await (const { key } of bucket.list(keys.referrers(subject), signal)) {
        const bytes = await bucket.read(key, maxDescriptorBytes, signal)
        if (bytes !== null) found.push(parseDescriptor(bytes))
      }
      return found
    },

    async remove(artifacts, kept, signal) {
      throwIfAborted(signal)
      const read = async (digest: Digest, until: AbortSignal) => (await readDocument(digest, until)).document
      return await removeArtifacts({ bucket, artifacts, kept, read, nowMs: Date.now(), signal })
    },
  }

  async function resolve(tag: string, signal: AbortSignal): Promise<Digest | null> {
    throwIfAborted(signal)
    const named = (await bucket.read(keys.tag(tag), maxTagBytes, signal))?.toString()
    return named !== undefined && isDigest(named) ? named : null
  }

  return store
}
