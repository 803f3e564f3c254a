/**
 * A repository for each service (`registry.example/shop/{service}`), as teams on ECR have them. Who knows the service
 * asks its part (`forService`); who knows a digest alone is answered by looking through all, which is remembered.
 */
import { type Digest, type ServiceName, TrunklineError } from '../../model/index.ts'
import type { ArtifactStore, ImageIndex, Manifest } from '../../ports/index.ts'
import { artifactMissing } from '../artifact-errors.ts'
import { isIndex } from '../manifest.ts'
import { createRegistryStore, type RegistryStoreOptions } from './registry-store.ts'

/** Stands for the service's name in the repository's. */
export const servicePlaceholder = '{service}'

export type ServiceRepositoriesOptions = RegistryStoreOptions & {
  /** Whose repositories are looked through. */
  services: readonly ServiceName[]
}

export function createServiceRepositories(options: ServiceRepositoriesOptions): ArtifactStore {
  const { services, repository, ...shared } = options
  const parts = new Map<ServiceName, ArtifactStore>()
  /** Where a digest was seen. */
  const places = new Map<Digest, ArtifactStore>()

  function part(service: ServiceName): ArtifactStore {
    const known = parts.get(service)
    if (known !== undefined) return known
    const made = createRegistryStore({ ...shared, repository: repository.replace(servicePlaceholder, service) })
    parts.set(service, made)
    return made
  }

  const all = (): ArtifactStore[] => {
    for (const service of services) part(service)
    return [...parts.values()]
  }

  async function find(digest: Digest, signal: AbortSignal): Promise<ArtifactStore | null> {
    const known = places.get(digest)
    if (known !== undefined) return known
    const found = await Promise.all(all().map(async (store) => ((await store.has(digest, signal)) ? store : null)))
    const place = found.find((store) => store !== null) ?? null
    if (place !== null) places.set(digest, place)
    return place
  }

  async function placeOf(digest: Digest, signal: AbortSignal): Promise<ArtifactStore> {
    const place = await find(digest, signal)
    if (place === null) throw artifactMissing(digest, store.location)
    return place
  }

  /** What a document names is where it is. */
  function remember(document: Manifest | ImageIndex, place: ArtifactStore): void {
    const named = isIndex(document) ? document.manifests : [document.config, ...document.layers]
    for (const { digest } of named) places.set(digest, place)
  }

  const store: ArtifactStore = {
    location: `oci-registry at ${repository}`,
    imageReference: (digest, service) => part(service).imageReference(digest, service),
    forService: part,

    has: async (digest, signal) => (await find(digest, signal)) !== null,

    async scanOf(digest, signal) {
      const place = await placeOf(digest, signal)
      return (await place.scanOf?.(digest, signal)) ?? { kind: 'unavailable', why: 'this registry scans nothing' }
    },

    async put() {
      throw new Error('an artifact is put into the repository of its service')
    },

    async document(digest, signal) {
      const place = await placeOf(digest, signal)
      const document = await place.document(digest, signal)
      remember(document, place)
      return document
    },

    async manifest(digest, signal) {
      const place = await placeOf(digest, signal)
      const manifest = await place.manifest(digest, signal)
      remember(manifest, place)
      return manifest
    },

    async blob(descriptor, signal) {
      const known = places.get(descriptor.digest)
      for (const place of known === undefined ? all() : [known]) {
        try {
          return await place.blob(descriptor, signal)
        } catch (error) {
          if (!(error instanceof TrunklineError) || error.code !== 'ARTIFACT_MISSING') throw error
        }
      }
      throw artifactMissing(descriptor.digest, store.location)
    },

    tag: async (digest, tags, signal) => (await placeOf(digest, signal)).tag(digest, tags, signal),

    async resolveTag(tag, signal) {
      const named = await Promise.all(all().map((place) => place.resolveTag(tag, signal)))
      return named.find((digest) => digest !== null) ?? null
    },

    attach: async (subject, referrer, signal) => (await placeOf(subject, signal)).attach(subject, referrer, signal),

    async referrers(subject, signal) {
      return (await find(subject, signal))?.referrers(subject, signal) ?? []
    },

    async remove(artifacts, kept, signal) {
      const removed = new Set<Digest>()
      for (const place of all()) {
        for (const digest of (await place.remove(artifacts, kept, signal)).removed) removed.add(digest)
      }
      for (const digest of removed) places.delete(digest)
      return { removed: [...removed], freedBytes: null }
    },
  }
  return store
}
