/**
 * Packs an image without any daemon: one uncompressed layer with the build's files on a base whose layers are named and
 * not touched. The same files on the same base give the same digest anywhere. For several platforms that layer is on
 * each one's own base, under one index.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { canonicalJson } from '../../hashing/index.ts'
import type { ImageRecipe } from '../../model/index.ts'
import type { ImagePlatform, PackedArtifact, PackedBlob } from '../../ports/index.ts'
import { digestOfBytes } from '../digest.ts'
import type { BaseImage } from '../image/base-image.ts'
import { imageConfig, scratchConfig } from '../image/image-config.ts'
import { packIndex } from '../image/image-index.ts'
import { encodeManifest } from '../manifest.ts'
import { mediaTypes } from '../media-types.ts'
import { checkTotalSize, type PackRequest } from './pack.ts'
import { createScratchFile } from './scratch-file.ts'
import { selectFiles } from './select-files.ts'
import { endTar, writeTarEntry } from './tar.ts'

/** What an image is put on, for one platform. */
export type ImageGround = {
  platform: ImagePlatform
  /** null: from scratch. */
  base: BaseImage | null
}

export type ImageRequest = PackRequest & {
  recipe: ImageRecipe
  /** One: an image. Several: an index. */
  grounds: readonly [ImageGround, ...ImageGround[]]
}

export async function packImage(request: ImageRequest): Promise<PackedArtifact> {
  const { recipe, grounds } = request
  const layer = await packLayer(request)
  const images = grounds.map((ground) => ({ platform: ground.platform, image: imageOn(ground, recipe, layer) }))
  const [only] = images
  return only !== undefined && images.length === 1 ? only.image : packIndex(images)
}

function imageOn({ platform, base }: ImageGround, recipe: ImageRecipe, layer: PackedBlob): PackedArtifact {
  const parent = base?.config ?? scratchConfig(platform)
  const configBytes = Buffer.from(canonicalJson(imageConfig(parent, recipe, layer.digest)))
  const config: PackedBlob = {
    mediaType: mediaTypes.imageConfig,
    digest: digestOfBytes(configBytes),
    size: configBytes.length,
    content: { kind: 'bytes', bytes: configBytes },
  }
  const layers = [...(base?.layers ?? []), layer]
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: descriptorOf(config),
    layers: layers.map(descriptorOf),
  })
  return {
    digest: manifest.digest,
    manifest: manifest.bytes,
    blobs: [config, ...layers],
    sizeBytes: [config, ...layers].reduce((sum, { size }) => sum + size, 0),
  }
}

const descriptorOf = ({ mediaType, digest, size }: PackedBlob) => ({ mediaType, digest, size })

async function packLayer(request: ImageRequest): Promise<PackedBlob> {
  const { directory, scratchDirectory, recipe, signal } = request
  const files = await selectFiles(request)
  checkTotalSize(files)
  const archive = await createScratchFile(join(scratchDirectory, 'layer.tar'))
  const folder = recipe.to.replace(/^\/+|\/+$/g, '')
  const inImage = (path: string): string => (folder === '' ? path : `${folder}/${path}`)
  try {
    for (const file of files) await writeTarEntry(archive, directory, file, { as: inImage(file.path), signal })
    await endTar(archive)
    const digest = await archive.finish()
    return { mediaType: mediaTypes.tarLayer, digest, size: archive.size, content: { kind: 'file', path: archive.path } }
  } catch (error) {
    await archive.abandon()
    await rm(archive.path, { force: true })
    throw error
  }
}
