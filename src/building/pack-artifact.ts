import { join } from 'node:path'
import { type ArtifactRecipe, failedError, type ImageRecipe } from '../model/index.ts'
import type { PackedArtifact } from '../ports/index.ts'

export type PackingPlace = {
  /** What the build left. */
  directory: string
  /** Receives the artifact's files. */
  scratchDirectory: string
  /** Of the images made: `linux/x64`. */
  platform: string
  /** For base images: credentials, proxies. */
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
}

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
      return packImage({ ...request, recipe, base: await baseOf(recipe, place) })
  }
}

async function baseOf({ base }: ImageRecipe, { platform, environment, signal }: PackingPlace) {
  if (base === null) return null
  const [{ parseBaseReference }, { readBaseImage }] = await Promise.all([
    import('../artifacts/image/base-reference.ts'),
    import('../artifacts/image/base-image.ts'),
  ])
  const reference = parseBaseReference(base)
  if (reference === null) throw failedError('BASE_REFERENCE', `${base} names no image by digest`)
  return readBaseImage({ reference, platform, environment, signal })
}

/** A recipe with bytes of its own. */
export type PackedRecipe = Exclude<ArtifactRecipe, { kind: 'of' }>
