/**
 * Artifact stores: immutable bytes by digest. `openArtifactStore` picks the adapter; packing (`packing/`), unpacking
 * (`unpack.ts`) and provenance (`provenance.ts`) are imported from their own files by who needs them.
 */
import { resolve } from 'node:path'
import type { Aws } from '../aws/index.ts'
import { type ArtifactStoreLocation, type EcrSettings, type ServiceName, usageError } from '../model/index.ts'
import type { ArtifactStore } from '../ports/index.ts'
import type { CloudRegistry } from './oci-registry/cloud-registry.ts'

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
  openAws: ((region?: string) => Promise<Aws>) | null
  /** How missing repositories of ECR are made; absent: by others. */
  ecr?: EcrSettings
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
  async 'oci-registry'({ repository, insecure }, surroundings) {
    const { environment, services } = surroundings
    const { createRegistryStore, createServiceRepositories, servicePlaceholder } = await import(
      './oci-registry/index.ts'
    )
    const cloud = await cloudOf(repository, surroundings)
    const options = { repository, insecure, environment, ...(cloud && { cloud }) }
    return repository.includes(servicePlaceholder)
      ? createServiceRepositories({ ...options, services })
      : createRegistryStore(options)
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

/** ECR, where the project says how it reaches AWS; anyone else's registry is logged in to as everywhere. */
async function cloudOf(repository: string, { openAws, ecr }: ArtifactStoreSurroundings): Promise<CloudRegistry | null> {
  if (openAws === null) return null
  const { parseEcrHost } = await import('./ecr/host.ts')
  const host = parseEcrHost(repository.split('/')[0] ?? '')
  if (host === null) return null
  const [aws, { createEcrRegistry }] = await Promise.all([openAws(host.region), import('./ecr/index.ts')])
  const settings = ecr ?? { create: false, immutableTags: false, scanOnPush: false, keep: null }
  return createEcrRegistry({ aws, account: host.account, settings, now: Date.now })
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
