/** Container images: assembled from files on a base, or built from a Dockerfile. */
import * as z from 'zod'
import type { DockerfileRecipe, ImageRecipe } from '../../model/index.ts'
import { show } from '../mistake.ts'
import { filesShape } from './artifact-files.ts'
import { commandSchema, plainValueSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { labelSchema, variableNameSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { isSecret } from './secret.ts'
import { addMistake, distinct, listOf, mappingOf, mustBe, object, textWith } from './shapes.ts'

/** As written; `from` and `context` are the service's own folder where they are not said. */
export type ImageDocument =
  | (Omit<ImageRecipe, 'from'> & { from?: string | undefined })
  | (Omit<DockerfileRecipe, 'context'> & { context?: string | undefined })

const platformSchema = textWith('a platform such as `linux/amd64`', (platform) =>
  /^[a-z0-9]+\/[a-z0-9_]+(?:\/[a-z0-9]+)?$/.test(platform)
    ? null
    : {
        code: 'INVALID_VALUE',
        message: `${show(platform)} is no platform of images`,
        hint: 'write it as containers do: `linux/amd64`, `linux/arm64`',
      },
)

const platformsSchema = listOf(platformSchema, 'a list of platforms')
  .min(1, { error: mustBe('a list of at least one platform') })
  .superRefine(distinct)

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
  platforms: platformsSchema
    .optional()
    .describe(
      "What it is made for, such as `[linux/amd64, linux/arm64]`: several make one image with a manifest for each, on the base's own for it. Default: what the builder is.",
    ),
}

const assembledSchema = object(imageShape, { expected: 'a mapping with `base` and `entrypoint`' })
  .meta({ id: 'Image', title: 'Image', description: 'A container image, assembled without any daemon.' })
  .transform(
    ({ base, to, workdir, user, platforms, ...rest }): ImageDocument => ({
      ...rest,
      // Absent where nothing is said: earlier versions had no such key, and what they built stays built.
      ...(platforms && { platforms }),
      kind: 'image',
      base: base === 'scratch' ? null : base,
      to,
      workdir: workdir ?? (to === '/' ? null : to),
      user: user ?? null,
    }),
  )

const argumentSchema = plainValueSchema.superRefine((value, context) => {
  if (!isSecret(value)) return
  addMistake(context, {
    code: 'SECRET_IN_CONFIG',
    message: '`{key}` is a secret, written out',
    hint: 'name it under `secrets`: build arguments stay in the image for all to read',
    secret: true,
  })
})

const secretSchema = object(
  {
    from: variableNameSchema.describe(
      'The variable of the process that delivers. Its value counts nowhere: not in the input hash, the image or a log.',
    ),
  },
  { expected: 'a mapping such as `{ from: NPM_TOKEN }`' },
).meta({ id: 'BuildSecret', title: 'Secret of a build', description: 'A secret that a Dockerfile mounts.' })

const secretIdSchema = textWith('the id of a secret', (id) =>
  /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/.test(id)
    ? null
    : {
        code: 'INVALID_NAME',
        message: `${show(id)} is not a valid id: use letters, digits and \`_\`, \`.\`, \`-\`, at most 64`,
      },
)

const dockerfileSchema = object(
  {
    dockerfile: pathSchema.describe('The Dockerfile, from the root of the repository.'),
    context: pathSchema
      .optional()
      .describe(
        "The folder that it copies from, from the root of the repository. Only declared and inferred inputs are there. Default: the service's `path`; `.` is the whole build directory.",
      ),
    target: labelSchema.optional().describe('The stage to build. Default: the last one.'),
    args: mappingOf(variableNameSchema, argumentSchema, 'a mapping of build arguments to values')
      .prefault({})
      .describe('Build arguments; part of the input hash.'),
    platforms: platformsSchema
      .optional()
      .describe(
        'What it is built for, such as `[linux/amd64, linux/arm64]`: several make one image with a manifest for each. Default: what the builder is.',
      ),
    secrets: mappingOf(secretIdSchema, secretSchema, 'a mapping of ids to `{ from: VARIABLE }`')
      .prefault({})
      .describe('What `RUN --mount=type=secret,id=…` sees, by id.'),
    timeout: durationSchema.prefault('30m').describe('When the build for one platform is killed and counts as failed.'),
  },
  { expected: 'a mapping with `dockerfile`' },
)
  .meta({
    id: 'DockerfileImage',
    title: 'Image from a Dockerfile',
    description: 'Built by Docker (buildx), Podman or Buildah, whichever the machine has.',
  })
  .transform(
    ({ target, platforms, timeout, ...rest }): ImageDocument => ({
      ...rest,
      kind: 'dockerfile',
      target: target ?? null,
      platforms: platforms ?? [],
      timeoutMs: timeout,
    }),
  )

export const imageSchema = z.union([assembledSchema, dockerfileSchema], {
  error: mustBe('a mapping with `base`, or with `dockerfile`'),
})
