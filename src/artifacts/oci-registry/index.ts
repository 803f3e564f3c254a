/** An OCI registry as artifact store, through a client of our own: Docker Hub, ECR, GHCR and distribution dialects. */
export { createRegistryStore, type RegistryStoreOptions } from './registry-store.ts'
export { createServiceRepositories, servicePlaceholder } from './service-repositories.ts'
