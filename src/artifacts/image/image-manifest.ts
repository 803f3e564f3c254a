/** Manifests of images that others made, in OCI's and in Docker's older types: the same bytes under other names. */
import * as z from 'zod'
import { isDigest } from '../../model/index.ts'

export const dockerTypes = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  list: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const

/** OCI's names for Docker's layers. */
export const layerTypes: Readonly<Record<string, string>> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
}

const maxLayers = 500

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().refine(isDigest, 'is not a sha256 digest'),
  size: z.number().int().nonnegative(),
})
const platform = z
  .object({ os: z.string(), architecture: z.string(), variant: z.string().nullish() })
  .transform(({ variant, ...rest }) => ({ ...rest, ...(variant && { variant }) }))

export const anyIndexSchema = z.object({ manifests: z.array(descriptor.extend({ platform: platform.nullish() })) })

export const anyManifestSchema = z.object({
  schemaVersion: z.literal(2),
  config: descriptor,
  layers: z.array(descriptor).max(maxLayers),
  annotations: z
    .record(z.string(), z.string())
    .nullish()
    .transform((value) => value ?? {}),
})

/** Throws an ordinary error that says what is wrong; the caller names the place. */
export const parseImageManifest = (bytes: Uint8Array) =>
  anyManifestSchema.parse(JSON.parse(Buffer.from(bytes).toString('utf8')))
