/** Documents of the OCI image specification, parsed where they enter. Unknown members are let through unread. */
import * as z from 'zod'
import { isDigest } from '../model/index.ts'
import type { Descriptor, Manifest } from '../ports/index.ts'
import { mediaTypes } from './media-types.ts'

const digest = z.string().refine(isDigest, 'is not a sha256 digest')
const annotations = z.record(z.string(), z.string()).nullish()

const descriptor = z
  .object({
    mediaType: z.string(),
    digest,
    size: z.number().int().nonnegative(),
    artifactType: z.string().nullish(),
    annotations,
  })
  .transform(
    ({ artifactType, annotations, ...rest }): Descriptor => ({
      ...rest,
      ...(artifactType && { artifactType }),
      ...(annotations && { annotations }),
    }),
  )

const manifest = z
  .object({
    schemaVersion: z.literal(2),
    mediaType: z.literal(mediaTypes.manifest).default(mediaTypes.manifest),
    artifactType: z.string().nullish(),
    config: descriptor,
    layers: z.array(descriptor),
    subject: descriptor.nullish(),
    annotations,
  })
  .transform(
    ({ artifactType, subject, annotations, ...rest }): Manifest => ({
      ...rest,
      ...(artifactType && { artifactType }),
      ...(subject && { subject }),
      ...(annotations && { annotations }),
    }),
  )

const index = z.object({
  manifests: z
    .array(descriptor)
    .nullish()
    .transform((list) => list ?? []),
})

/** Throws an ordinary error that says what is wrong; the caller knows what the bytes are and names them. */
export const parseManifest = (bytes: Uint8Array): Manifest => manifest.parse(parseJson(bytes))

/** The entries of an image index. */
export const parseIndex = (bytes: Uint8Array): Descriptor[] => index.parse(parseJson(bytes)).manifests

const parseJson = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'))
