/** The `Builder`: clean directories, `prepare` once per content, commands with bounds, packing. */

export { secretsOfEnvironment } from './build-environment.ts'
export { type BuilderOptions, type BuildSource, createBuilder } from './builder.ts'
export { builderIdentity, builderPlatform } from './builder-identity.ts'
