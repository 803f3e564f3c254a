import { mkdir, readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Digest, erroredError, TrunklineError } from '../../model/index.ts'
import type {
  ArtifactStore,
  Descriptor,
  ImageIndex,
  Manifest,
  PackedArtifact,
  Referrer,
  Removal,
} from '../../ports/index.ts'
import { artifactCorrupt, artifactIsIndex, throwIfAborted } from '../artifact-errors.ts'
import { artifactTag } from '../artifact-tag.ts'
import { hexOf } from '../digest.ts'
import { emptyConfig, isIndex, referrerManifest } from '../manifest.ts'
import { mediaTypes } from '../media-types.ts'
import { createBlobFolder } from './blob-folder.ts'
import { prepareIncoming, writeDurably } from './durable-file.ts'
import { atStore, orMissing } from './file-errors.ts'
import { createIndexChanges } from './index-changes.ts'
import { withIndexLock } from './index-lock.ts'
import {
  encodeIndex,
  type LayoutIndex,
  referrersOf,
  tagged,
  withManifest,
  withoutManifests,
  withReferrer,
  withTag,
} from './layout-index.ts'

const layoutFile = '{"imageLayoutVersion":"1.0.0"}'

/**
 * An artifact store in a directory, which is made by the first write. Any number of processes may use it at once.
 * Besides what the specification names there is `.trunkline/`, with files under way and the lock.
 */
export function createLayoutStore(directory: string): ArtifactStore {
  const location = `oci-layout at ${abbreviated(directory)}`
  const indexPath = join(directory, 'index.json')
  const blobDirectory = join(directory, 'blobs', 'sha256')
  const ownDirectory = join(directory, '.trunkline')
  const incoming = join(ownDirectory, 'incoming')
  const blobs = createBlobFolder(blobDirectory, incoming, location)

  let prepared: Promise<void> | null = null
  /** Once a process; tried again after a failure. */
  const prepare = (signal: AbortSignal): Promise<void> => {
    prepared ??= makeLayout(signal).catch((error) => {
      prepared = null
      throw error
    })
    return prepared
  }

  async function makeLayout(signal: AbortSignal): Promise<void> {
    await mkdir(blobDirectory, { recursive: true })
    await prepareIncoming(incoming, Date.now())
    await changeIndex(signal, (index) => index)
    await writeMissing(join(directory, 'oci-layout'), layoutFile)
  }

  async function writeMissing(path: string, content: string): Promise<void> {
    if ((await orMissing(readFile(path))) !== null) return
    await writeDurably(path, incoming, (file) => file.writeFile(content))
  }

  async function readIndex(): Promise<LayoutIndex | null> {
    const bytes = await orMissing(readFile(indexPath))
    if (bytes === null) return null
    const { parseIndex } = await loadSchema()
    try {
      return parseIndex(bytes)
    } catch (cause) {
      throw erroredError('ARTIFACT_STORE_CORRUPT', `${indexPath} is not an OCI image index`, {
        hint: 'move it away: artifacts are found without it, only tags and attached documents are lost',
        cause,
      })
    }
  }

  const locked = <Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> =>
    withIndexLock(join(ownDirectory, 'lock'), signal, work)

  const changes = createIndexChanges({
    locked,
    read: readIndex,
    write: (index) => writeDurably(indexPath, incoming, (file) => file.writeFile(encodeIndex(index))),
    async check(digest) {
      if (!(await isComplete(digest))) throw sweptMeanwhile(location)
    },
  })

  /** `needed` must be there, whole, for the change to be made: who sweeps holds the lock too. */
  const changeIndex = (
    signal: AbortSignal,
    change: (index: LayoutIndex) => LayoutIndex,
    ...needed: Digest[]
  ): Promise<void> => changes.make({ change, needed, signal })

  async function removeAll(
    digests: ReadonlySet<Digest>,
    kept: readonly Digest[],
    signal: AbortSignal,
  ): Promise<Removal> {
    return locked(signal, async () => {
      const before = await readIndex()
      if (before === null) return { removed: [], freedBytes: 0 }
      const removed: Digest[] = []
      for (const digest of digests) if ((await blobs.size(digest)) !== null) removed.push(digest)
      const { index, gone } = withoutManifests(before, digests)
      // First: a crash after it leaves blobs that the next sweep finds, never a name without its bytes.
      await writeDurably(indexPath, incoming, (file) => file.writeFile(encodeIndex(index)))
      const { sweepBlobs } = await import('./sweep.ts')
      const read = async (digest: Digest) => (await readDocument(digest)).document
      const all = [...new Set([...gone, ...digests])]
      return {
        removed,
        freedBytes: await sweepBlobs({ blobDirectory, index, kept, gone: all, read, nowMs: Date.now() }),
      }
    })
  }

  async function readDocument(digest: Digest): Promise<{ document: Manifest | ImageIndex; descriptor: Descriptor }> {
    const bytes = await blobs.read(digest)
    const { parseDocument } = await loadSchema()
    try {
      const document = parseDocument(bytes)
      const descriptor: Descriptor = { mediaType: document.mediaType, digest, size: bytes.length }
      const artifactType = isIndex(document) ? undefined : document.artifactType
      return { document, descriptor: artifactType === undefined ? descriptor : { ...descriptor, artifactType } }
    } catch (cause) {
      throw artifactCorrupt(digest, join(blobDirectory, hexOf(digest)), 'no image manifest', cause)
    }
  }

  /** What is damaged counts as absent, so that it is built and stored again, which repairs it. */
  async function isComplete(digest: Digest): Promise<boolean> {
    if ((await blobs.size(digest)) === null) return false
    const read = await readDocument(digest).catch((error) => {
      if (error instanceof TrunklineError && error.code === 'ARTIFACT_CORRUPT') return null
      throw error
    })
    if (read === null) return false
    const { document } = read
    if (isIndex(document)) {
      for (const each of document.manifests) if (!(await isCompleteManifest(each.digest))) return false
      return true
    }
    for (const { digest, size } of [document.config, ...document.layers]) {
      if ((await blobs.size(digest)) !== size) return false
    }
    return true
  }

  /** Of an index: one step, never more. */
  async function isCompleteManifest(digest: Digest): Promise<boolean> {
    const size = await blobs.size(digest)
    if (size === null || isIndex((await readDocument(digest)).document)) return false
    return isComplete(digest)
  }

  async function putManifest(digest: Digest, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
    const blob = { mediaType: mediaTypes.manifest, digest, size: bytes.length }
    await blobs.put({ ...blob, content: { kind: 'bytes', bytes } }, signal)
  }

  const guarded =
    <Arguments extends unknown[], T>(work: (...rest: Arguments) => Promise<T>) =>
    (...rest: Arguments) =>
      atStore(directory, () => work(...rest))

  const store: ArtifactStore = {
    location,

    imageReference: () => null,
    forService: () => store,

    has: guarded(async (digest: Digest, signal: AbortSignal) => {
      throwIfAborted(signal)
      return isComplete(digest)
    }),

    put: guarded(async (artifact: PackedArtifact, signal: AbortSignal) => {
      throwIfAborted(signal)
      await prepare(signal)
      for (const blob of artifact.blobs) await blobs.put(blob, signal)
      // The manifest last: who sees it may rely on its blobs.
      for (const { digest, bytes } of artifact.manifests ?? []) await putManifest(digest, bytes, signal)
      await putManifest(artifact.digest, artifact.manifest, signal)
      const { descriptor } = await readDocument(artifact.digest)
      await changeIndex(signal, (index) => withManifest(index, descriptor), artifact.digest)
    }),

    document: guarded(async (digest: Digest, signal: AbortSignal) => {
      throwIfAborted(signal)
      return (await readDocument(digest)).document
    }),

    manifest: guarded(async (digest: Digest, signal: AbortSignal) => {
      throwIfAborted(signal)
      const { document } = await readDocument(digest)
      if (isIndex(document)) throw artifactIsIndex(digest, location)
      return document
    }),

    blob: guarded((descriptor: Descriptor, signal: AbortSignal) => blobs.stream(descriptor, signal)),

    tag: guarded(async (digest: Digest, tags: readonly string[], signal: AbortSignal) => {
      throwIfAborted(signal)
      const { descriptor } = await readDocument(digest)
      await prepare(signal)
      await changeIndex(
        signal,
        (index) =>
          tags.reduce<LayoutIndex>((changed, tag) => {
            const name = artifactTag(tag)
            return tagged(changed, name) === digest ? changed : withTag(changed, descriptor, name)
          }, index),
        digest,
      )
    }),

    resolveTag: guarded(async (tag: string, signal: AbortSignal) => {
      throwIfAborted(signal)
      return tagged((await readIndex()) ?? [], artifactTag(tag))
    }),

    attach: guarded(async (subject: Digest, referrer: Referrer, signal: AbortSignal) => {
      throwIfAborted(signal)
      const { descriptor } = await readDocument(subject)
      await prepare(signal)
      const { manifest, layer } = referrerManifest(descriptor, referrer)
      for (const blob of [emptyConfig, layer]) await blobs.put(blob, signal)
      await putManifest(manifest.digest, manifest.bytes, signal)
      await changeIndex(signal, (index) => withReferrer(index, manifest.descriptor, subject), subject, manifest.digest)
      return manifest.digest
    }),

    referrers: guarded(async (subject: Digest, signal: AbortSignal) => {
      throwIfAborted(signal)
      return referrersOf((await readIndex()) ?? [], subject)
    }),

    remove: guarded(async (artifacts: readonly Digest[], kept: readonly Digest[], signal: AbortSignal) => {
      throwIfAborted(signal)
      // Without a layout there is nothing to take away, and none is made for that.
      if ((await orMissing(stat(indexPath))) === null) return { removed: [], freedBytes: 0 }
      await prepare(signal)
      return removeAll(new Set(artifacts), kept, signal)
    }),
  }
  return store
}

const sweptMeanwhile = (location: string) =>
  erroredError('ARTIFACT_SWEPT', `another process pruned ${location} while something was put there`, {
    hint: 'try again: what is missing is stored anew',
  })

/** `~` for the user's own folder, for people. */
function abbreviated(directory: string): string {
  const home = homedir()
  return directory.startsWith(`${home}/`) ? `~${directory.slice(home.length)}` : directory
}

/** Schemas are loaded where there is something to parse: a plan mostly only asks what is there. */
const loadSchema = () => import('../oci-schema.ts')
