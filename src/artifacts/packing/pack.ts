import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { failedError } from '../../model/index.ts'
import type { Descriptor, PackedArtifact } from '../../ports/index.ts'
import { limits } from '../limits.ts'
import { artifactManifest, emptyConfig } from '../manifest.ts'
import { artifactTypes, mediaTypes } from '../media-types.ts'
import { createScratchFile, type ScratchFile } from './scratch-file.ts'
import { type SelectedFile, selectFiles } from './select-files.ts'
import { endTar, writeTarEntry } from './tar.ts'
import { writeZip } from './zip.ts'

/**
 * Rises with every change to the packers that changes the bytes of some artifact. The input hash counts a packer
 * version too (`src/planning/inputs/packer-version.ts`), which then has to rise with it.
 */
export const packerVersion = 1

export type PackRequest = {
  /** The build's directory. */
  directory: string
  /** Globs relative to it; see `selectFiles`. */
  include: readonly string[]
  exclude: readonly string[]
  /** Receives the layer's file; belongs to this artifact alone. */
  scratchDirectory: string
  signal?: AbortSignal
}

/**
 * Packs matching files as a bundle: one uncompressed tar layer. Uncompressed because zlib's output varies with its
 * version and the processor, and the digest must not; registries and file systems compress at rest if they care to.
 * Memory stays bounded whatever the size. Errors: see `selectFiles` and `readSelected`.
 */
export async function packBundle(request: PackRequest): Promise<PackedArtifact> {
  const { directory, signal } = request
  return pack(request, {
    fileName: 'layer.tar',
    artifactType: artifactTypes.bundle,
    layerType: mediaTypes.tarLayer,
    async write(archive, files) {
      for (const file of files) await writeTarEntry(archive, directory, file, { signal })
      await endTar(archive)
    },
  })
}

/** Packs matching files as a zip with stored entries, as AWS Lambda takes it. */
export async function packZip(request: PackRequest): Promise<PackedArtifact> {
  const { directory, signal } = request
  return pack(request, {
    fileName: 'layer.zip',
    artifactType: artifactTypes.zip,
    layerType: mediaTypes.zipLayer,
    write: (archive, files) => writeZip(archive, directory, files, signal),
  })
}

type Format = {
  fileName: string
  artifactType: string
  layerType: string
  write(archive: ScratchFile, files: readonly SelectedFile[]): Promise<void>
}

async function pack(request: PackRequest, format: Format): Promise<PackedArtifact> {
  const files = await selectFiles(request)
  checkTotalSize(files)
  const archive = await createScratchFile(join(request.scratchDirectory, format.fileName))
  try {
    await format.write(archive, files)
    const layer: Descriptor = { mediaType: format.layerType, digest: await archive.finish(), size: archive.size }
    return packedArtifact(format.artifactType, layer, archive.path)
  } catch (error) {
    await archive.abandon()
    await rm(archive.path, { force: true })
    throw error
  }
}

function packedArtifact(artifactType: string, layer: Descriptor, path: string): PackedArtifact {
  const manifest = artifactManifest(artifactType, layer)
  return {
    digest: manifest.digest,
    manifest: manifest.bytes,
    blobs: [emptyConfig, { ...layer, content: { kind: 'file', path } }],
    sizeBytes: emptyConfig.size + layer.size,
  }
}

export function checkTotalSize(files: readonly SelectedFile[]): void {
  const totalBytes = files.reduce((sum, file) => sum + (file.kind === 'file' ? file.size : 0), 0)
  if (totalBytes <= limits.totalBytes) return
  throw failedError('ARTIFACT_TOO_LARGE', `the files that match hold ${totalBytes} bytes`, {
    hint: `an artifact may hold ${limits.totalBytes}; narrow include, or leave folders out with exclude`,
  })
}
