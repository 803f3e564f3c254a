/**
 * Artifact stores: immutable bytes by digest. `openArtifactStore` picks the adapter; packing (`packing/`), unpacking
 * (`unpack.ts`) and provenance (`provenance.ts`) are imported from their own files by who needs them.
 */
import { resolve } from 'node:path'
import type { Aws } from '../aws/index.ts'
import { type ArtifactStoreLocation, type ServiceName, usageError } from '../model/index.ts'
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
  /** How the project reaches AWS; null where it says nothing of it. */
  openAws: (() => Promise<Aws>) | null
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
  async s3({ bucket, prefix }, { openAws }) {
    if (openAws === null) {
      throw usageError('REGION_MISSING', 'artifacts are kept in a bucket of S3, and the project has no region of AWS', {
        hint: 'for example `aws: { region: eu-west-1, account: "111122223333" }`',
      })
    }
    const [aws, { createS3Store }] = await Promise.all([openAws(), import('./s3/index.ts')])
    return createS3Store({ aws, bucket, prefix })
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
    case 's3':
      return adapters.s3(location, surroundings)
  }
}
