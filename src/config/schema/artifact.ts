/** What a service's build is packed into. */
import type { ImageRecipe, ServiceName } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { commandSchema, plainValueSchema } from './command.ts'
import { patternsSchema } from './input.ts'
import { labelSchema, nameSchema, variableNameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { exactlyOne, listOf, mappingOf, mustBe, object, textWith } from './shapes.ts'

/** As written; `from` is the service's own folder where it is not said. */
export type ArtifactDocument =
  | { kind: 'bundle' | 'zip'; from?: string | undefined; include: string[]; exclude: string[] }
  | (Omit<ImageRecipe, 'from'> & { from?: string | undefined })
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

const baseSchema = textWith('`scratch` or an image by its digest', (base) =>
  base === 'scratch' || /^[a-z0-9][A-Za-z0-9.:_/-]*@sha256:[0-9a-f]{64}$/.test(base)
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `\`{key}\` must be \`scratch\` or an image by its digest, not ${show(base)}`,
        hint: 'a tag can come to mean other bytes: write `node:24@sha256:…` (docker buildx imagetools inspect says the digest)',
      },
)

const absoluteSchema = textWith('a path such as `/app`', (path) =>
  /^\/[^\0]*$/.test(path) && !path.split('/').includes('..')
    ? null
    : { code: 'INVALID_PATH', message: '`{key}` must be a path in the image, such as `/app`' },
)

/** What an image built by Docker or Buildah is described by. */
const dockerWords = { noun: 'image key', words: ['dockerfile', 'target', 'args'], available: ['base', 'entrypoint'] }

const imageShape = {
  ...filesShape,
  base: baseSchema.describe('The image that the files are put on, by digest; or `scratch`.'),
  to: absoluteSchema.prefault('/app').describe('The folder of the image that the files are put in.'),
  entrypoint: listOf(commandSchema, 'a list of words')
    .prefault([])
    .describe("What a container starts: program and arguments. Default: the base's."),
  command: listOf(commandSchema, 'a list of words')
    .prefault([])
    .describe('Arguments that whoever runs it may replace.'),
  workdir: absoluteSchema.optional().describe("Where it starts. Default: `to`, or the base's with `to: /`."),
  user: labelSchema.optional().describe("Who it runs as: a name or a number. Default: the base's."),
  env: mappingOf(variableNameSchema, plainValueSchema, 'a mapping of variables to values')
    .prefault({})
    .describe("Variables, added to the base's."),
  labels: mappingOf(labelSchema, plainValueSchema, 'a mapping of labels to values').prefault({}).describe('Labels.'),
}

const imageSchema = object(imageShape, { later: dockerWords, expected: 'a mapping with `base` and `entrypoint`' })
  .meta({ id: 'Image', title: 'Image', description: 'A container image, assembled without any daemon.' })
  .transform(
    ({ base, to, workdir, user, ...rest }): ArtifactDocument => ({
      ...rest,
      kind: 'image',
      base: base === 'scratch' ? null : base,
      to,
      workdir: workdir ?? (to === '/' ? null : to),
      user: user ?? null,
    }),
  )

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
    image: imageSchema.optional().describe('A container image with these files.'),
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
