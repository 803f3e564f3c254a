/** What a service's build is packed into. */
import type { ServiceName } from '../../model/index.ts'
import { excludedByDefault, filesShape } from './artifact-files.ts'
import { type ImageDocument, imageSchema } from './image.ts'
import { nameSchema } from './name.ts'
import { exactlyOne, object } from './shapes.ts'

/** As written; `from` is the service's own folder where it is not said. */
export type ArtifactDocument =
  | { kind: 'bundle' | 'zip'; from?: string | undefined; include: string[]; exclude: string[] }
  | ImageDocument
  | { kind: 'of'; service: ServiceName }

const bundleSchema = object(filesShape)
  .meta({ id: 'Bundle', title: 'Bundle', description: 'A tar of files of the build directory.' })
  .transform((files): ArtifactDocument => ({ kind: 'bundle', ...files }))

const zipSchema = object(filesShape)
  .meta({ id: 'Zip', title: 'Zip', description: 'A zip of files of the build directory.' })
  .transform((files): ArtifactDocument => ({ kind: 'zip', ...files }))

const ofSchema = nameSchema
  .describe('The service whose artifact this one runs too.')
  .transform((service): ArtifactDocument => ({ kind: 'of', service }))

const kinds = ['bundle', 'zip', 'image', 'of'] as const

/** What a service has that says nothing about its artifact. */
export const defaultArtifact: ArtifactDocument = { kind: 'bundle', include: ['**'], exclude: excludedByDefault }

export const artifactSchema = object(
  {
    bundle: bundleSchema.optional().describe('A tar of files of the build directory.'),
    zip: zipSchema.optional().describe('The same as a zip.'),
    image: imageSchema
      .optional()
      .describe('A container image: assembled from these files, or built from a Dockerfile.'),
    of: ofSchema.optional(),
  },
  { expected: 'a mapping with `bundle`, `zip`, `image` or `of`' },
)
  .superRefine(exactlyOne('artifact', kinds))
  .meta({
    id: 'Artifact',
    title: 'Artifact',
    description: 'What the build is packed into: exactly one of these.',
    minProperties: 1,
    maxProperties: 1,
  })
  .transform(({ bundle, zip, image, of }): ArtifactDocument => bundle ?? zip ?? image ?? of ?? defaultArtifact)
