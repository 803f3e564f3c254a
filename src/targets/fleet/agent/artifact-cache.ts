/**
 * Artifacts on this host, unpacked once per digest. Their bytes come over the connection to the controller, which has
 * checked the manifest against the artifact's digest; every blob is checked here against the manifest.
 */
import { createHash } from 'node:crypto'
import {
  createReadStream,
  createWriteStream,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
} from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ArtifactSource } from '../../../artifacts/unpack.ts'
import { type Digest, erroredError } from '../../../model/index.ts'
import type { Descriptor, Manifest } from '../../../ports/index.ts'
import type { Host } from './host.ts'

/** Unpacked artifacts that nothing refers to are kept for quick ways back, up to this many. */
const keptUnused = 20

const keptBlobsMs = 10 * 60_000

const hexOf = (digest: Digest): string => digest.slice('sha256:'.length)

export class ArtifactCache {
  private readonly host: Host
  private readonly installing = new Map<Digest, Promise<void>>()

  constructor(host: Host) {
    this.host = host
  }

  folderOf(digest: Digest): string {
    return join(this.host.paths.artifacts, hexOf(digest))
  }

  has(digest: Digest): boolean {
    return existsSync(this.folderOf(digest))
  }

  missingBlobs(blobs: readonly Digest[]): Digest[] {
    return [...new Set(blobs)].filter((digest) => !existsSync(this.blobPath(digest)))
  }

  /** Keeps a blob for an installation. Bytes that are not the digest's: errored `ARTIFACT_CORRUPT`. */
  async receive(digest: Digest, content: Readable, signal: AbortSignal): Promise<void> {
    const part = `${this.blobPath(digest)}.${this.host.random.hex(6)}`
    const hash = createHash('sha256')
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk)
        done(null, chunk)
      },
    })
    try {
      await pipeline(content, hashing, createWriteStream(part, { mode: 0o600, flush: true }), { signal })
      const actual = hash.digest('hex')
      if (actual !== hexOf(digest)) {
        throw erroredError('ARTIFACT_CORRUPT', `the bytes received for ${digest} are those of sha256:${actual}`)
      }
      await rename(part, this.blobPath(digest))
    } finally {
      await rm(part, { force: true })
    }
  }

  /** Unpacks an artifact whose blobs are here. Idempotent; callers at the same time share one installation. */
  async install(digest: Digest, manifest: Manifest, signal: AbortSignal): Promise<void> {
    if (this.has(digest)) return
    const running = this.installing.get(digest) ?? this.unpack(digest, manifest, signal)
    this.installing.set(digest, running)
    try {
      await running
    } finally {
      this.installing.delete(digest)
    }
  }

  /** Deletes the longest unused artifacts beyond a bound, and what interrupted transfers left. */
  collectGarbage(inUse: ReadonlySet<string>): void {
    const unused = readdirSync(this.host.paths.artifacts)
      .map((hex) => ({ hex, path: join(this.host.paths.artifacts, hex) }))
      .filter(({ hex }) => !inUse.has(`sha256:${hex}`) && !this.isBusy(hex))
      .map(({ hex, path }) => ({ hex, path, usedMs: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
      .sort((left, right) => right.usedMs - left.usedMs)
    const leftovers = unused.filter(({ hex }) => hex.includes('.'))
    const complete = unused.filter(({ hex }) => !hex.includes('.'))
    for (const { path } of [...leftovers, ...complete.slice(keptUnused)]) rmSync(path, { recursive: true, force: true })
    this.dropOldBlobs()
  }

  /** Not right after an installation: another artifact on its way may share a blob. */
  private dropOldBlobs(): void {
    for (const name of readdirSync(this.host.paths.blobs)) {
      const path = join(this.host.paths.blobs, name)
      const ageMs = this.host.clock.now() - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0)
      if (ageMs > keptBlobsMs) rmSync(path, { force: true })
    }
  }

  private isBusy(name: string): boolean {
    return [...this.installing.keys()].some((digest) => name.startsWith(hexOf(digest)))
  }

  private blobPath(digest: Digest): string {
    return join(this.host.paths.blobs, hexOf(digest))
  }

  private async unpack(digest: Digest, manifest: Manifest, signal: AbortSignal): Promise<void> {
    const { unpackArtifact } = await import('../../../artifacts/unpack.ts')
    const part = `${this.folderOf(digest)}.${this.host.random.hex(6)}`
    try {
      await mkdir(part, { mode: 0o700 })
      await unpackArtifact(this.storeOf(manifest), digest, part, signal)
      renameSync(part, this.folderOf(digest))
      // Its own time, not that of a file in it: how long it has been unused is counted from here.
      utimesSync(this.folderOf(digest), new Date(), new Date())
    } finally {
      await rm(part, { recursive: true, force: true })
    }
  }

  /** The received blobs of one artifact, as the store that unpacking reads from. */
  private storeOf(manifest: Manifest): ArtifactSource {
    return {
      location: this.host.paths.blobs,
      manifest: async () => manifest,
      blob: async (descriptor: Descriptor) => createReadStream(this.blobPath(descriptor.digest)),
    }
  }
}
