/** One image for several platforms: an index over what was made for each. Pure. */
import type { ImagePlatform, PackedArtifact, PackedBlob } from '../../ports/index.ts'
import { encodeImageIndex } from '../manifest.ts'
import { mediaTypes } from '../media-types.ts'

export type PlatformImage = { platform: ImagePlatform; image: PackedArtifact }

/** In the order given, which is the recipe's. Blobs that several share are stored once. */
export function packIndex(images: readonly PlatformImage[]): PackedArtifact {
  const index = encodeImageIndex({
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: images.map(({ platform, image: { digest, manifest } }) => ({
      mediaType: mediaTypes.manifest,
      digest,
      size: manifest.length,
      platform,
    })),
  })
  const blobs = new Map<string, PackedBlob>()
  for (const { image } of images) for (const blob of image.blobs) blobs.set(blob.digest, blob)
  const manifests = new Map(images.map(({ image: { digest, manifest } }) => [digest, { digest, bytes: manifest }]))
  return {
    digest: index.digest,
    manifest: index.bytes,
    manifests: [...manifests.values()],
    blobs: [...blobs.values()],
    sizeBytes: [...blobs.values()].reduce((sum, { size }) => sum + size, 0),
  }
}
