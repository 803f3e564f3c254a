import { join } from 'node:path'
import type { ImageGround } from '../artifacts/packing/pack-image.ts'
import { type ArtifactRecipe, type DockerfileRecipe, failedError, type ImageRecipe } from '../model/index.ts'
import type { ImagePlatform, PackedArtifact } from '../ports/index.ts'

export type PackingPlace = {
  /** What the build left. */
  directory: string
  /** Receives the artifact's files. */
  scratchDirectory: string
  /** Of this machine: `linux/x64`. */
  platform: string
  /** For base images: credentials, proxies. */
  environment: NodeJS.ProcessEnv
  /** Where artifacts are kept, whose login is for it alone; null: not in a registry. */
  ownRegistry?: string | null
  signal: AbortSignal
}

/** A recipe whose bytes are files that the build left, packed by ourselves. */
export type PackedRecipe = Exclude<ArtifactRecipe, DockerfileRecipe | { kind: 'of' }>

/** Packs what a build left as its recipe says. Throws `failed` where the recipe does not fit what is there. */
export async function packArtifact(recipe: PackedRecipe, place: PackingPlace): Promise<PackedArtifact> {
  const { packBundle, packImage, packZip } = await import('../artifacts/packing/index.ts')
  const { kind, include, exclude } = recipe
  const request = { ...place, directory: join(place.directory, recipe.from), include, exclude }
  switch (kind) {
    case 'bundle':
      return packBundle(request)
    case 'zip':
      return packZip(request)
    case 'image':
      return packImage({ ...request, recipe, grounds: await groundsOf(recipe, place) })
  }
}

async function groundsOf(recipe: ImageRecipe, place: PackingPlace): Promise<[ImageGround, ...ImageGround[]]> {
  const { parsePlatform, platformOfBuilder } = await import('../artifacts/image/platform.ts')
  const [first, ...others] = (recipe.platforms ?? []).map(parsePlatform)
  if (first === undefined) return [await groundOf(recipe, platformOfBuilder(place.platform), place)]
  return Promise.all([groundFor(recipe, first, place), ...others.map((platform) => groundFor(recipe, platform, place))])
}

/** A base of one platform is not taken for another that was asked for by name. */
async function groundFor(recipe: ImageRecipe, platform: ImagePlatform, place: PackingPlace): Promise<ImageGround> {
  const ground = await groundOf(recipe, platform, place)
  if (ground.base === null) return ground
  const [{ platformOf }, { formatPlatform, isPlatform }] = await Promise.all([
    import('../artifacts/image/image-config.ts'),
    import('../artifacts/image/platform.ts'),
  ])
  const offered = platformOf(ground.base.config)
  if (isPlatform(offered, platform)) return ground
  throw failedError('BASE_PLATFORM', `the base image ${recipe.base} is not made for ${formatPlatform(platform)}`, {
    hint: `it is made for ${formatPlatform(offered)} alone: name the digest of an image for several platforms`,
  })
}

async function groundOf(
  { base }: ImageRecipe,
  platform: ImagePlatform,
  { environment, ownRegistry = null, signal }: PackingPlace,
): Promise<ImageGround> {
  if (base === null) return { platform, base: null }
  const [{ parseBaseReference }, { readBaseImage }] = await Promise.all([
    import('../artifacts/image/base-reference.ts'),
    import('../artifacts/image/base-image.ts'),
  ])
  const reference = parseBaseReference(base)
  if (reference === null) throw failedError('BASE_REFERENCE', `${base} names no image by digest`)
  return { platform, base: await readBaseImage({ reference, platform, environment, ownRegistry, signal }) }
}
