/**
 * Artifact stores: immutable bytes by digest. `openArtifactStore` picks the adapter; packing (`packing/`), unpacking
 * (`unpack.ts`) and provenance (`provenance.ts`) are imported from their own files by who needs them.
 */
import { resolve } from 'node:path'
import type { ArtifactStoreLocation, ServiceName } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'

export type ArtifactStoreSurroundings = {
  /** The layout directory where the project names none: under Trunkline's home. */
  defaultDirectory: string
  /** What a relative layout path is relative to. */
  repositoryRoot: string
  /** For registries: credentials, proxies, Docker's configuration. */
  environment: NodeJS.ProcessEnv
  /** Services of the project: they may have a repository each. */
  services: readonly ServiceName[]
}

type Adapters = {
  [Kind in ArtifactStoreLocation['kind']]: (
    location: ArtifactStoreLocation & { kind: Kind },
    surroundings: ArtifactStoreSurroundings,
  ) => Promise<ArtifactStore>
}

/** Every adapter, loaded when it is asked for. */
const adapters: Adapters = {
  async 'oci-layout'({ path }, { defaultDirectory, repositoryRoot }) {
    const { createLayoutStore } = await import('./oci-layout/index.ts')
    return createLayoutStore(path === null ? defaultDirectory : resolve(repositoryRoot, path))
  },
  async 'oci-registry'({ repository, insecure }, { environment, services }) {
    const { createRegistryStore, createServiceRepositories, servicePlaceholder } = await import(
      './oci-registry/index.ts'
    )
    if (repository.includes(servicePlaceholder)) {
      return createServiceRepositories({ repository, insecure, environment, services })
    }
    return createRegistryStore({ repository, insecure, environment })
  },
}

/** Opens the store a project names. Nothing is contacted or written before it is used. */
export async function openArtifactStore(
  location: ArtifactStoreLocation,
  surroundings: ArtifactStoreSurroundings,
): Promise<ArtifactStore> {
  switch (location.kind) {
    case 'oci-layout':
      return adapters['oci-layout'](location, surroundings)
    case 'oci-registry':
      return adapters['oci-registry'](location, surroundings)
  }
}
