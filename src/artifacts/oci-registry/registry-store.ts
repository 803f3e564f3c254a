import type { Digest } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, ImageIndex, Manifest, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactIsIndex } from '../artifact-errors.ts'
import { artifactTag } from '../artifact-tag.ts'
import { emptyConfig, isIndex, referrerManifest } from '../manifest.ts'
import { parseDocument } from '../oci-schema.ts'
import { downloadBlob } from './blob-download.ts'
import { uploadBlob } from './blob-upload.ts'
import { createRegistryClient } from './client.ts'
import type { CloudRegistry } from './cloud-registry.ts'
import { readManifest, resolveManifest, writeManifest } from './manifests.ts'
import { parseRepository } from './reference.ts'
import { addToFallback, listReferrers } from './referrers.ts'
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts'
import { createTransport, type Timeouts, type Transport } from './transport.ts'

export type RegistryStoreOptions = {
  /** `registry.example/shop` */
  repository: string
  /** Plain http. This machine's own registries are spoken to that way in any case. */
  insecure: boolean
  /** Credentials, proxies, and where Docker's configuration lies. */
  environment: NodeJS.ProcessEnv
  /** Names of other repositories of this registry whose blobs may be mounted instead of uploaded. */
  mountFrom?: readonly string[]
  retryPolicy?: RetryPolicy
  timeouts?: Timeouts
  /** Where the registry is a cloud's. */
  cloud?: CloudRegistry
  /** What carries requests; default: undici. */
  transport?: Transport
}

const uploadsAtOnce = 4

type Described = { bytes: Buffer; document: Manifest | ImageIndex; descriptor: Descriptor }

/** An artifact store in one repository of an OCI registry. Makes no request before it is used. */
export function createRegistryStore(options: RegistryStoreOptions): ArtifactStore {
  const { environment, mountFrom = [], retryPolicy = defaultRetryPolicy, cloud } = options
  const client = createRegistryClient({
    reference: parseRepository(options.repository, options.insecure),
    environment,
    transport: options.transport ?? createTransport(environment, options.timeouts),
    retryPolicy,
    ...(cloud && { cloud }),
  })

  async function describe(digest: Digest, signal: AbortSignal): Promise<Described> {
    const bytes = await readManifest(client, digest, signal)
    try {
      const document = parseDocument(bytes)
      return { bytes, document, descriptor: { mediaType: document.mediaType, digest, size: bytes.length } }
    } catch (cause) {
      throw artifactCorrupt(digest, `${client.label}/manifests/${digest}`, 'no image manifest', cause)
    }
  }

  /** A few at a time: an image's base has many layers, of which most are there or are mounted. */
  async function uploadAll(blobs: readonly PackedBlob[], signal: AbortSignal): Promise<void> {
    const queue = blobs.values()
    const failed = new AbortController()
    const until = AbortSignal.any([signal, failed.signal])
    const upload = async () => {
      for (const blob of queue) {
        try {
          await uploadBlob(client, blob, { mountFrom: sourcesOf(blob), signal: until })
        } catch (error) {
          failed.abort(error)
          throw error
        }
      }
    }
    await Promise.all(Array.from({ length: uploadsAtOnce }, upload))
  }

  /** Repositories of this registry that hold a blob already. */
  function sourcesOf({ content }: PackedBlob): string[] {
    const origin = content.kind === 'stream' ? content.origin : undefined
    const isNear = origin !== undefined && origin.host === client.place.host
    return isNear && origin.repository !== client.place.repository ? [origin.repository, ...mountFrom] : [...mountFrom]
  }

  const store: ArtifactStore = {
    location: `oci-registry at ${client.label}`,

    imageReference: (digest) => `${client.label}@${digest}`,
    forService: () => store,

    async has(digest, signal) {
      return (await resolveManifest(client, digest, signal)) !== null
    },

    async scanOf(digest, signal) {
      const { reportOf } = await import('./scan.ts')
      const { repository } = client.place
      return await reportOf(digest, {
        read: async (each) => (await describe(each, signal)).document,
        scanOf: cloud === undefined ? null : (each) => cloud.scanOf(repository, each, signal),
      })
    },

    async put(artifact, signal) {
      if ((await resolveManifest(client, artifact.digest, signal)) !== null) return
      await cloud?.prepareRepository(client.place.repository, signal)
      await uploadAll(artifact.blobs, signal)
      const { manifests = [], digest, manifest } = artifact
      await Promise.all(
        manifests.map((each) => writeManifest(client, { reference: each.digest, bytes: each.bytes }, signal)),
      )
      const { mediaType } = parseDocument(manifest)
      await writeManifest(client, { reference: digest, bytes: manifest, mediaType }, signal)
    },

    async document(digest, signal) {
      return (await describe(digest, signal)).document
    },

    async manifest(digest, signal) {
      const { document } = await describe(digest, signal)
      if (isIndex(document)) throw artifactIsIndex(digest, client.label)
      return document
    },

    blob: (descriptor, signal) => downloadBlob(client, descriptor, signal),

    async tag(digest, tags, signal) {
      const references = [...new Set(tags.map(artifactTag))]
      const [{ bytes, descriptor }, ...standing] = await Promise.all([
        describe(digest, signal),
        ...references.map((reference) => resolveManifest(client, reference, signal)),
      ])
      for (const [index, reference] of references.entries()) {
        // Not written again: repositories with immutable tags would refuse even that.
        if (standing[index] !== digest)
          await writeManifest(client, { reference, bytes, mediaType: descriptor.mediaType }, signal)
      }
    },

    resolveTag: (tag, signal) => resolveManifest(client, artifactTag(tag), signal),

    async attach(subject, referrer, signal) {
      const { descriptor } = await describe(subject, signal)
      const { manifest, layer } = referrerManifest(descriptor, referrer)
      for (const blob of [emptyConfig, layer]) await uploadBlob(client, blob, { mountFrom: [], signal })
      const { headers } = await writeManifest(client, { reference: manifest.digest, bytes: manifest.bytes }, signal)
      // The header says that the registry took note of the subject by itself.
      if (headers['oci-subject'] === undefined) await addToFallback(client, subject, manifest.descriptor, signal)
      return manifest.digest
    },

    referrers: (subject, signal) => listReferrers(client, subject, signal),

    async remove(artifacts, kept, signal) {
      const { removeManifests } = await import('./removal.ts')
      const read = async (digest: Digest) =>
        (await resolveManifest(client, digest, signal)) === null ? null : (await describe(digest, signal)).document
      return removeManifests(client, { artifacts, kept, read, signal, ...(cloud && { cloud }) })
    },
  }
  return store
}
