/** The `Builder`: clean directories, `prepare` once per content, commands with bounds, packing. */

export { type BuilderOptions, createBuilder } from './builder.ts'
export { builderIdentity, builderPlatform } from './builder-identity.ts'
