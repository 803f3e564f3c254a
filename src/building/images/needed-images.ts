/** What a Dockerfile builds on of other services, each by its service's name: images, and folders of bundles and zips. */
import { createWriteStream } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { hexOf } from '../../artifacts/digest.ts'
import { formatPlatform, isPlatform, parsePlatform } from '../../artifacts/image/platform.ts'
import { encodeManifest, isIndex } from '../../artifacts/manifest.ts'
import { mediaTypes } from '../../artifacts/media-types.ts'
import { canonicalJson } from '../../hashing/index.ts'
import { type Digest, failedError, type ServiceName } from '../../model/index.ts'
import type { ArtifactStore, Manifest } from '../../ports/index.ts'
import { isImage, placeOfNeed } from '../needs.ts'
import { worldFault } from '../world-fault.ts'
import type { NamedContext } from './tool-commands.ts'

export type NeedsPlace = {
  artifacts: ArtifactStore
  /** The build's directory, in which bundles and zips are unpacked already. */
  directory: string
  /** Receives layouts. */
  scratch: string
  platform: string
  /** Hands an image in a layout to the tool, and answers how it is called there. */
  bring(layout: string, digest: Digest): Promise<string>
  signal: AbortSignal
}

export async function namedContexts(
  needs: Readonly<Record<ServiceName, Digest>>,
  place: NeedsPlace,
): Promise<NamedContext[]> {
  const contexts: NamedContext[] = []
  for (const [name, digest] of Object.entries(needs)) {
    if (await isImage(place.artifacts, digest, place.signal)) {
      const layout = join(place.scratch, name)
      const manifest = await writeLayout(name, digest, layout, place)
      contexts.push({ name, source: await place.bring(layout, manifest) })
    } else contexts.push({ name, source: placeOfNeed(place.directory, name) })
  }
  return contexts
}

/** The manifest for the platform, with its blobs: every tool reads it from there without a registry. */
async function writeLayout(name: string, digest: Digest, layout: string, place: NeedsPlace): Promise<Digest> {
  const { artifacts, signal } = place
  const manifest = await artifacts.manifest(await forPlatform(name, digest, place), signal)
  const blobs = join(layout, 'blobs', 'sha256')
  try {
    await mkdir(blobs, { recursive: true })
    for (const descriptor of new Map([manifest.config, ...manifest.layers].map((one) => [one.digest, one])).values()) {
      const file = createWriteStream(join(blobs, hexOf(descriptor.digest)))
      await pipeline(await artifacts.blob(descriptor, signal), file, { signal })
    }
    return await writeIndex(layout, blobs, manifest)
  } catch (cause) {
    throw worldFault(cause, `lay down the image of ${name}`)
  }
}

async function writeIndex(layout: string, blobs: string, manifest: Manifest): Promise<Digest> {
  const { bytes, digest } = encodeManifest(manifest)
  await writeFile(join(blobs, hexOf(digest)), bytes)
  const entry = { mediaType: mediaTypes.manifest, digest, size: bytes.length }
  await writeFile(
    join(layout, 'index.json'),
    canonicalJson({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [entry] }),
  )
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  return digest
}

async function forPlatform(name: string, digest: Digest, { artifacts, platform, signal }: NeedsPlace): Promise<Digest> {
  const document = await artifacts.document(digest, signal)
  if (!isIndex(document)) return digest
  const wanted = parsePlatform(platform)
  const found = document.manifests.find((entry) => entry.platform && isPlatform(entry.platform, wanted))
  if (found !== undefined) return found.digest
  const known = document.manifests.flatMap((entry) => (entry.platform ? [formatPlatform(entry.platform)] : []))
  throw failedError('BASE_PLATFORM', `the image of ${name} is not made for ${platform}`, {
    hint: `it is made for ${known.join(', ')}: add ${platform} to its platforms`,
  })
}
