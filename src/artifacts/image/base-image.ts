/** The image another one is put on: its configuration, and its layers, which are brought along only where they are missing. */
import { type Digest, erroredError, failedError, short } from '../../model/index.ts'
import type { Descriptor, ImagePlatform, PackedBlob } from '../../ports/index.ts'
import { artifactCorrupt, artifactMissing } from '../artifact-errors.ts'
import { digestOfBytes } from '../digest.ts'
import { mediaTypes } from '../media-types.ts'
import { downloadBlob } from '../oci-registry/blob-download.ts'
import { createRegistryClient, type RegistryClient } from '../oci-registry/client.ts'
import { withoutStoreLogin } from '../oci-registry/credentials.ts'
import { parseRepository } from '../oci-registry/reference.ts'
import { defaultRetryPolicy } from '../oci-registry/retry.ts'
import { createTransport } from '../oci-registry/transport.ts'
import type { BaseReference } from './base-reference.ts'
import { type BaseConfig, parseBaseConfig } from './image-config.ts'
import { anyIndexSchema, anyManifestSchema, dockerTypes, layerTypes } from './image-manifest.ts'
import { formatPlatform, isPlatform } from './platform.ts'

export type BaseImage = { config: BaseConfig; layers: PackedBlob[] }

export type BaseImageOptions = {
  reference: BaseReference
  /** Chooses from an image for several platforms. */
  platform: ImagePlatform
  /** Credentials, proxies, and where Docker's configuration lies. */
  environment: NodeJS.ProcessEnv
  /** Host of the artifact store, for which alone `TRUNKLINE_REGISTRY_USER` is meant; null or absent: none. */
  ownRegistry?: string | null
  signal: AbortSignal
}

const maxConfigBytes = 4 * 1024 * 1024

/** Reads a base image from its registry, everything checked against the digest that was asked for. */
export async function readBaseImage({ reference, platform, ...options }: BaseImageOptions): Promise<BaseImage> {
  const { ownRegistry = null, signal } = options
  const repository = parseRepository(reference.repository, false)
  const isOwn = repository.host === ownRegistry
  const environment = isOwn ? options.environment : withoutStoreLogin(options.environment)
  const client = createRegistryClient({
    reference: repository,
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
      content: { kind: 'stream', open: (until) => downloadBlob(client, layer, until), origin: client.place },
    }),
  )
  return { config: parsed, layers }
}

async function imageManifest(client: RegistryClient, digest: Digest, wanted: ImagePlatform, signal: AbortSignal) {
  const first = await document(client, digest, signal)
  const index = anyIndexSchema.safeParse(first)
  if (!index.success) return parsedAs(first, (value) => anyManifestSchema.parse(value), client, digest)
  const found = index.data.manifests.find(({ platform }) => platform != null && isPlatform(platform, wanted))
  if (found === undefined) {
    const known = index.data.manifests.flatMap((entry) => (entry.platform ? [entry.platform] : []))
    throw failedError('BASE_PLATFORM', `the base image ${client.label} is not made for ${formatPlatform(wanted)}`, {
      hint: `it is made for ${known.map(formatPlatform).join(', ') || 'nothing it names'}`,
    })
  }
  // One step, never more: an index of indexes leads nowhere.
  const second = await document(client, found.digest, signal)
  return parsedAs(second, (value) => anyManifestSchema.parse(value), client, found.digest)
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
