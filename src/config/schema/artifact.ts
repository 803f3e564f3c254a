/** What a service's build is packed into. */
import type { ServiceName } from '../../model/index.ts'
import { patternsSchema } from './input.ts'
import { nameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { exactlyOne, mustBe, object } from './shapes.ts'

/** As written; `from` is the service's own folder where it is not said. */
export type ArtifactDocument =
  | { kind: 'bundle' | 'zip'; from?: string | undefined; include: string[]; exclude: string[] }
  | { kind: 'of'; service: ServiceName }

/** Never part of an artifact by default: git's own files, and artifacts the build started from. */
const excludedByDefault = ['.git/**', '.trunkline/**']

const filesShape = {
  from: pathSchema
    .optional()
    .describe(
      "Folder of the build directory that `include` and `exclude` are relative to, and where the artifact's own paths start. Default: the service's `path`; `.` is the whole build directory.",
    ),
  include: patternsSchema
    .min(1, { error: mustBe('a list of at least one path or pattern') })
    .prefault(['**'])
    .describe('Files below `from` that go in.'),
  exclude: patternsSchema.prefault(excludedByDefault).describe('Of these, the ones that stay out.'),
}

const bundleSchema = object(filesShape)
  .meta({ id: 'Bundle', title: 'Bundle', description: 'A tar of files of the build directory.' })
  .transform((files): ArtifactDocument => ({ kind: 'bundle', ...files }))

const zipSchema = object(filesShape)
  .meta({ id: 'Zip', title: 'Zip', description: 'A zip of files of the build directory.' })
  .transform((files): ArtifactDocument => ({ kind: 'zip', ...files }))

const ofSchema = nameSchema
  .describe('The service whose artifact this one runs too.')
  .transform((service): ArtifactDocument => ({ kind: 'of', service }))

const kinds = ['bundle', 'zip', 'of'] as const

/** What a service has that says nothing about its artifact. */
export const defaultArtifact: ArtifactDocument = { kind: 'bundle', include: ['**'], exclude: excludedByDefault }

export const artifactSchema = object(
  {
    bundle: bundleSchema.optional().describe('A tar of files of the build directory.'),
    zip: zipSchema.optional().describe('The same as a zip.'),
    of: ofSchema.optional(),
  },
  {
    later: { noun: 'artifact', words: ['image'], available: kinds },
    expected: 'a mapping with `bundle`, `zip` or `of`',
  },
)
  .superRefine(exactlyOne('artifact', kinds))
  .meta({
    id: 'Artifact',
    title: 'Artifact',
    description: 'What the build is packed into: exactly one of these.',
    minProperties: 1,
    maxProperties: 1,
  })
  .transform(({ bundle, zip, of }): ArtifactDocument => bundle ?? zip ?? of ?? defaultArtifact)
