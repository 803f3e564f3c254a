/** An image as container tools write it (an OCI layout in a folder), made into an artifact. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { type Digest, erroredError } from '../../model/index.ts'
import type { Descriptor, Manifest, PackedArtifact, PackedBlob } from '../../ports/index.ts'
import { digestOfBytes, hexOf } from '../digest.ts'
import { encodeManifest } from '../manifest.ts'
import { mediaTypes } from '../media-types.ts'
import { parseIndex } from '../oci-schema.ts'
import { layerTypes, parseImageManifest } from './image-manifest.ts'

/** Set by what made it: where a base lay on that machine, when it was made. No two machines agree on them. */
const annotationsOfTools = /^org\.opencontainers\.image\.(?:base\.|created$|ref\.name$)/

/**
 * Reads the only image in the folder. Its manifest is written anew, canonically and in OCI's types; configuration and
 * layers stay the bytes that they are. Errored `IMAGE_EXPORT` where it is none.
 */
export async function readExportedImage(directory: string): Promise<PackedArtifact> {
  const blobPath = (digest: Digest) => join(directory, 'blobs', 'sha256', hexOf(digest))
  try {
    const manifest = await onlyManifest(await readFile(join(directory, 'index.json')), blobPath)
    const { bytes, digest } = encodeManifest(manifest)
    const blobs = new Map<Digest, PackedBlob>()
    for (const descriptor of [manifest.config, ...manifest.layers]) {
      const path = blobPath(descriptor.digest)
      const { size } = await stat(path)
      if (size !== descriptor.size) throw new Error(`${path} has ${size} bytes in place of ${descriptor.size}`)
      blobs.set(descriptor.digest, { ...descriptor, content: { kind: 'file', path } })
    }
    const all = [...blobs.values()]
    return { digest, manifest: bytes, blobs: all, sizeBytes: all.reduce((sum, { size }) => sum + size, 0) }
  } catch (cause) {
    throw erroredError('IMAGE_EXPORT', `what the container tool wrote is no image: ${messageOf(cause)}`, {
      hint: 'look at the last lines of its output; is the disk full?',
      cause,
    })
  }
}

/** Some tools list an image below an index of its own, beside what says how it was built: that is told by ourselves. */
async function onlyManifest(indexBytes: Uint8Array, blobPath: (digest: Digest) => string): Promise<Manifest> {
  let entries = parseIndex(indexBytes)
  const [only] = entries
  if (entries.length === 1 && only !== undefined && isIndexType(only.mediaType)) {
    entries = parseIndex(await verifiedBlob(only, blobPath))
  }
  const images = entries.filter(({ annotations }) => annotations?.['vnd.docker.reference.type'] === undefined)
  const [image] = images
  if (image === undefined || images.length > 1) throw new Error(`it holds ${images.length} images`)
  return normalized(parseImageManifest(await verifiedBlob(image, blobPath)))
}

const isIndexType = (type: string): boolean =>
  type === mediaTypes.index || type === 'application/vnd.docker.distribution.manifest.list.v2+json'

async function verifiedBlob({ digest }: Descriptor, blobPath: (digest: Digest) => string): Promise<Buffer> {
  const bytes = await readFile(blobPath(digest))
  if (digestOfBytes(bytes) !== digest) throw new Error(`${blobPath(digest)} has other bytes than its name says`)
  return bytes
}

function normalized({
  config,
  layers,
  annotations = {},
}: Pick<Manifest, 'config' | 'layers' | 'annotations'>): Manifest {
  const kept = Object.entries(annotations).filter(([name]) => !annotationsOfTools.test(name))
  const plain = ({ digest, size }: Descriptor, mediaType: string): Descriptor => ({ mediaType, digest, size })
  return {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: plain(config, mediaTypes.imageConfig),
    layers: layers.map((layer) => plain(layer, layerTypes[layer.mediaType] ?? layer.mediaType)),
    ...(kept.length > 0 && { annotations: Object.fromEntries(kept) }),
  }
}

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))
