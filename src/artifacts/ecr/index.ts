/** Amazon's registry: what it wants beside the protocol of registries, which `oci-registry/` speaks. */
export { createEcrRegistry, type EcrOptions } from './ecr-registry.ts'
export { type EcrHost, parseEcrHost } from './host.ts'
