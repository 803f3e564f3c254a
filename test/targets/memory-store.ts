import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pack } from 'tar-stream'
import { canonicalJson } from '../../src/hashing/index.ts'
import { type Digest, erroredError, isDigest } from '../../src/model/index.ts'
import type { ArtifactStore, Manifest } from '../../src/ports/index.ts'

/** Artifacts in memory: enough of a store for a target to take bundles from. */
export class MemoryStore implements ArtifactStore {
  readonly location = 'memory'
  private readonly manifests = new Map<Digest, Manifest>()
  private readonly blobs = new Map<Digest, Buffer>()

  /** Makes a bundle of files (path to content) and answers its digest. */
  async addBundle(files: Record<string, string>): Promise<Digest> {
    const archive = pack()
    for (const [name, content] of Object.entries(files))
      archive.entry({ name, mode: 0o644, mtime: new Date(0) }, content)
    archive.finalize()
    const layer = await buffer(archive)
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.trunkline.bundle.v1',
      config: this.addBlob('application/vnd.oci.empty.v1+json', Buffer.from('{}')),
      layers: [this.addBlob('application/vnd.oci.image.layer.v1.tar', layer)],
    }
    const digest = digestOf(Buffer.from(canonicalJson(manifest)))
    this.manifests.set(digest, manifest)
    return digest
  }

  /** Takes bytes for a zip, whatever they are. */
  async addZip(bytes: Buffer): Promise<Digest> {
    const manifest: Manifest = {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      artifactType: 'application/vnd.trunkline.zip.v1',
      config: this.addBlob('application/vnd.oci.empty.v1+json', Buffer.from('{}')),
      layers: [this.addBlob('application/zip', bytes)],
    }
    const digest = digestOf(Buffer.from(canonicalJson(manifest)))
    this.manifests.set(digest, manifest)
    return digest
  }

  imageReference(): null {
    return null
  }

  forService(): ArtifactStore {
    return this
  }

  async has(digest: Digest): Promise<boolean> {
    return this.manifests.has(digest)
  }

  async manifest(digest: Digest): Promise<Manifest> {
    const manifest = this.manifests.get(digest)
    if (manifest === undefined) throw erroredError('ARTIFACT_MISSING', `no ${digest} in memory`)
    return manifest
  }

  document(digest: Digest): Promise<Manifest> {
    return this.manifest(digest)
  }

  async blob({ digest }: { digest: Digest }): Promise<Readable> {
    return Readable.from([this.blobs.get(digest) ?? Buffer.alloc(0)])
  }

  put = notForThis
  tag = notForThis
  resolveTag = notForThis
  attach = notForThis
  referrers = notForThis
  remove = notForThis

  private addBlob(mediaType: string, bytes: Buffer) {
    const digest = digestOf(bytes)
    this.blobs.set(digest, bytes)
    return { mediaType, digest, size: bytes.length }
  }
}

const notForThis = () => Promise.reject(new Error('a target only reads artifacts'))

function digestOf(bytes: Buffer): Digest {
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
  if (!isDigest(digest)) throw new Error(`not a digest: ${digest}`)
  return digest
}
