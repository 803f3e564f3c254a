import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mediaTypes } from '../artifacts/media-types.ts'
import { type Digest, failedError, refusedError, type ServiceName } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'
import { hostilePath } from './checkout-paths.ts'
import { worldFault } from './world-fault.ts'

export type NeedsOptions = {
  artifacts: ArtifactStore
  /** The build's directory. */
  directory: string
  /** A Dockerfile builds on images by name; nothing else can make use of one. */
  takesImages: boolean
  signal: AbortSignal
}

/** Where the artifact of a service that a build starts from is unpacked, in the build's directory. */
export const placeOfNeed = (directory: string, service: ServiceName): string =>
  join(directory, '.trunkline', 'needs', service)

/** Unpacks the artifacts a build starts from at `.trunkline/needs/<service>`. */
export async function layDownNeeds(needs: Readonly<Record<ServiceName, Digest>>, options: NeedsOptions): Promise<void> {
  const { artifacts, directory, takesImages, signal } = options
  const entries = Object.entries(needs)
  if (entries.length === 0) return
  const { unpackArtifact } = await import('../artifacts/unpack.ts')
  for (const [service, digest] of entries) {
    const why = service.includes('/') ? 'has a slash' : hostilePath(service)
    if (why !== null) throw refusedError('HOSTILE_PATH', `a service's name ${why}: ${JSON.stringify(service)}`)
    if (await isImage(artifacts, digest, signal)) {
      if (takesImages) continue
      throw failedError('NEEDS_IMAGE', `\`needs\` names ${service}, which is an image: there is nothing to unpack`, {
        hint: 'an image can be built on by a Dockerfile (`FROM <service>`); files come from a bundle or a zip',
      })
    }
    const place = placeOfNeed(directory, service)
    await mkdir(place, { recursive: true }).catch((cause) => {
      throw worldFault(cause, `make ${place}`)
    })
    await unpackArtifact(artifacts, digest, place, signal)
  }
}

/** Bundles and zips name their type; an image has none. */
export async function isImage(artifacts: ArtifactStore, digest: Digest, signal: AbortSignal): Promise<boolean> {
  const document = await artifacts.document(digest, signal)
  return document.mediaType === mediaTypes.index || document.config.mediaType === mediaTypes.imageConfig
}
