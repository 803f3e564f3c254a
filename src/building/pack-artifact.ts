import { join } from 'node:path'
import type { ArtifactRecipe } from '../model/index.ts'
import type { PackedArtifact } from '../ports/index.ts'

export type PackingPlace = {
  /** What the build left. */
  directory: string
  /** Receives the artifact's files. */
  scratchDirectory: string
  signal: AbortSignal
}

/** Packs what a build left as its recipe says. Throws `failed` where the recipe does not fit what is there. */
export async function packArtifact(recipe: PackedRecipe, place: PackingPlace): Promise<PackedArtifact> {
  const { packBundle, packZip } = await import('../artifacts/packing/index.ts')
  const { kind, include, exclude } = recipe
  const from = { ...place, directory: join(place.directory, recipe.from) }
  return kind === 'bundle' ? packBundle({ ...from, include, exclude }) : packZip({ ...from, include, exclude })
}

/** A recipe with bytes of its own. */
export type PackedRecipe = Exclude<ArtifactRecipe, { kind: 'of' }>
