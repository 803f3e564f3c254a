/** What follows for a service from its being bundled: what is left to say by default. */
import { posix } from 'node:path'
import type { Build, EsbuildRecipe } from '../../model/index.ts'
import type { ArtifactDocument } from './artifact.ts'
import { excludedByDefault } from './artifact-files.ts'
import type { EsbuildDocument } from './esbuild.ts'
import type { RunDocument } from './run.ts'

type BuildDocument = Omit<Build, 'run' | 'esbuild'> & {
  run?: string | undefined
  esbuild?: EsbuildDocument | undefined
}

type Given = {
  path?: string | undefined
  build?: BuildDocument | undefined
  artifact?: ArtifactDocument | undefined
  run?: RunDocument | undefined
}

/** Known once it is known what runs the bundle. */
export function buildAndArtifact(service: Given): { build: Build | undefined; artifact: ArtifactDocument | undefined } {
  const { build, artifact } = service
  if (build === undefined) return { build, artifact }
  const { run = null, esbuild, ...rest } = build
  if (esbuild === undefined) return { build: { ...rest, run }, artifact }
  const recipe = recipeOf(esbuild, service)
  const kind = service.run?.kind === 'lambda' ? 'zip' : 'bundle'
  const bundled: ArtifactDocument = { kind, from: recipe.to, include: ['**'], exclude: excludedByDefault }
  return { build: { ...rest, run, esbuild: recipe }, artifact: artifact ?? bundled }
}

function recipeOf({ entry, to, target, external, ...rest }: EsbuildDocument, { path, run }: Given): EsbuildRecipe {
  const node = run?.kind === 'lambda' ? /^nodejs(\d+)/.exec(run.runtime)?.[1] : undefined
  return {
    ...rest,
    entries: entry,
    to: to ?? posix.join(path ?? '', 'dist'),
    target: target ?? `node${node ?? '20'}`,
    external: external ?? (node === undefined ? [] : ['@aws-sdk/*', '@smithy/*']),
  }
}
