/** The image another one is put on: its configuration, and its layers, which are brought along only where they are missing. */
import * as z from 'zod'
import { type Digest, erroredError, failedError, isDigest, short } from '../../model/index.ts'
import type { Descriptor, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactMissing } from '../artifact-errors.ts'
import { digestOfBytes } from '../digest.ts'
import { mediaTypes } from '../media-types.ts'
import { downloadBlob } from '../oci-registry/blob-download.ts'
import { createRegistryClient, type RegistryClient } from '../oci-registry/client.ts'
import { parseRepository } from '../oci-registry/reference.ts'
import { defaultRetryPolicy } from '../oci-registry/retry.ts'
import { createTransport } from '../oci-registry/transport.ts'
import type { BaseReference } from './base-reference.ts'
import { type BaseConfig, ociPlatform, parseBaseConfig } from './image-config.ts'

export type BaseImage = { config: BaseConfig; layers: PackedBlob[] }

export type BaseImageOptions = {
  reference: BaseReference
  /** `linux/x64`: chooses from an image for several platforms. */
  platform: string
  /** Credentials, proxies, and where Docker's configuration lies. */
  environment: NodeJS.ProcessEnv
  signal: AbortSignal
}

/** Docker's own formats hold the same bytes under older names. */
const dockerTypes = {
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  list: 'application/vnd.docker.distribution.manifest.list.v2+json',
} as const
const layerTypes: Readonly<Record<string, string>> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar': mediaTypes.tarLayer,
}
const maxConfigBytes = 4 * 1024 * 1024
const maxLayers = 500

const descriptor = z.object({
  mediaType: z.string(),
  digest: z.string().refine(isDigest, 'is not a sha256 digest'),
  size: z.number().int().nonnegative(),
})
const platformOf = z.object({ os: z.string(), architecture: z.string() })
const indexSchema = z.object({ manifests: z.array(descriptor.extend({ platform: platformOf.nullish() })) })
const manifestSchema = z.object({
  schemaVersion: z.literal(2),
  config: descriptor,
  layers: z.array(descriptor).max(maxLayers),
})

/** Reads a base image from its registry, everything checked against the digest that was asked for. */
export async function readBaseImage({ reference, platform, ...options }: BaseImageOptions): Promise<BaseImage> {
  const { environment, signal } = options
  const client = createRegistryClient({
    reference: parseRepository(reference.repository, false),
    environment,
    transport: createTransport(environment),
    retryPolicy: defaultRetryPolicy,
  })
  const manifest = await imageManifest(client, reference.digest, platform, signal)
  const { config } = manifest
  const parsed = parsedAs(await wholeBlob(client, config, signal), parseBaseConfig, client, config.digest)
  if (parsed.rootfs.diff_ids.length !== manifest.layers.length) {
    throw artifactCorrupt(config.digest, client.label, 'a configuration with other layers than its manifest')
  }
  const layers = manifest.layers.map(
    (layer): PackedBlob => ({
      ...layer,
      mediaType: layerTypes[layer.mediaType] ?? layer.mediaType,
      content: { kind: 'stream', open: (until) => downloadBlob(client, layer, until) },
    }),
  )
  return { config: parsed, layers }
}

async function imageManifest(client: RegistryClient, digest: Digest, platform: string, signal: AbortSignal) {
  const first = await document(client, digest, signal)
  const index = indexSchema.safeParse(first)
  if (!index.success) return parsedAs(first, (value) => manifestSchema.parse(value), client, digest)
  const wanted = ociPlatform(platform)
  const found = index.data.manifests.find(
    (entry) => entry.platform?.os === wanted.os && entry.platform.architecture === wanted.architecture,
  )
  if (found === undefined) {
    const known = index.data.manifests.flatMap((entry) => (entry.platform ? [entry.platform] : []))
    throw failedError(
      'BASE_PLATFORM',
      `the base image ${client.label} is not made for ${wanted.os}/${wanted.architecture}`,
      {
        hint: `it is made for ${known.map(({ os, architecture }) => `${os}/${architecture}`).join(', ') || 'nothing it names'}`,
      },
    )
  }
  // One step, never more: an index of indexes leads nowhere.
  const second = await document(client, found.digest, signal)
  return parsedAs(second, (value) => manifestSchema.parse(value), client, found.digest)
}

async function document(client: RegistryClient, digest: Digest, signal: AbortSignal): Promise<unknown> {
  const response = await client.call(
    {
      method: 'GET',
      path: `manifests/${digest}`,
      headers: {
        accept: [mediaTypes.index, dockerTypes.list, mediaTypes.manifest, dockerTypes.manifest].join(', '),
      },
      right: 'pull',
      accept: [200, 404],
      action: `read the base image ${short(digest)}`,
    },
    signal,
  )
  if (response.status === 404) throw artifactMissing(digest, client.label)
  const found = digestOfBytes(response.bytes)
  if (found !== digest) throw artifactCorrupt(digest, client.label, `bytes with digest ${found}`)
  return parsedAs(response.bytes, (bytes) => JSON.parse(bytes.toString('utf8')), client, digest)
}

async function wholeBlob(client: RegistryClient, { digest, size, mediaType }: Descriptor, signal: AbortSignal) {
  if (size > maxConfigBytes) throw artifactCorrupt(digest, client.label, `a configuration of ${size} bytes`)
  const chunks: Buffer[] = []
  for await (const chunk of await downloadBlob(client, { digest, size, mediaType }, signal)) chunks.push(chunk)
  return Buffer.concat(chunks)
}

function parsedAs<From, To>(value: From, parse: (value: From) => To, client: RegistryClient, digest: Digest): To {
  try {
    return parse(value)
  } catch (cause) {
    throw erroredError('BASE_IMAGE', `${client.label}@${digest} is no image that can be built on`, { cause })
  }
}
