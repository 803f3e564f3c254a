/** Documents of the OCI image specification, parsed where they enter. Unknown members are let through unread. */
import * as z from 'zod'
import { isDigest } from '../model/index.ts'
import type { Descriptor, ImageIndex, Manifest } from '../ports/index.ts'
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
    platform: z
      .object({ os: z.string(), architecture: z.string(), variant: z.string().nullish() })
      .transform(({ variant, ...rest }) => (variant ? { ...rest, variant } : rest))
      .nullish(),
  })
  .transform(
    ({ artifactType, annotations, platform, ...rest }): Descriptor => ({
      ...rest,
      ...(platform && { platform }),
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

const imageIndex = z
  .object({
    schemaVersion: z.literal(2),
    mediaType: z.literal(mediaTypes.index),
    manifests: z.array(descriptor),
    annotations,
  })
  .transform(({ annotations, ...rest }): ImageIndex => ({ ...rest, ...(annotations && { annotations }) }))

/** Throws an ordinary error that says what is wrong; the caller knows what the bytes are and names them. */
export function parseDocument(bytes: Uint8Array): Manifest | ImageIndex {
  const json = parseJson(bytes)
  const isIndex = typeof json === 'object' && json !== null && 'manifests' in json
  return isIndex ? imageIndex.parse(json) : manifest.parse(json)
}

export const parseDescriptor = (bytes: Uint8Array): Descriptor => descriptor.parse(parseJson(bytes))

/** The entries of an image index. */
export const parseIndex = (bytes: Uint8Array): Descriptor[] => index.parse(parseJson(bytes)).manifests

const parseJson = (bytes: Uint8Array): unknown => JSON.parse(Buffer.from(bytes).toString('utf8'))
