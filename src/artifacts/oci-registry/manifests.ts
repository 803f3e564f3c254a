/** Manifests of a repository, by digest and by tag. */
import { type Digest, erroredError, isDigest, short } from '../../model/index.ts'
import { artifactCorrupt, artifactMissing } from '../artifact-errors.ts'
import { digestOfBytes } from '../digest.ts'
import { mediaTypes } from '../media-types.ts'
import type { RegistryClient, RegistryResponse } from './client.ts'

/** A manifest's bytes, verified. */
export async function readManifest(client: RegistryClient, digest: Digest, signal: AbortSignal): Promise<Buffer> {
  const response = await client.call(
    {
      method: 'GET',
      path: `manifests/${digest}`,
      headers: { accept: `${mediaTypes.manifest}, ${mediaTypes.index}` },
      right: 'pull',
      accept: [200, 404],
      action: `read the manifest ${short(digest)}`,
    },
    signal,
  )
  if (response.status === 404) throw artifactMissing(digest, client.label)
  const found = digestOfBytes(response.bytes)
  if (found === digest) return response.bytes
  throw artifactCorrupt(digest, `${client.label}/manifests/${digest}`, `bytes with digest ${found}`)
}

/** What a digest or tag names; null where it is not there. */
export async function resolveManifest(
  client: RegistryClient,
  reference: string,
  signal: AbortSignal,
): Promise<Digest | null> {
  const ask = (method: 'HEAD' | 'GET') =>
    client.call(
      {
        method,
        path: `manifests/${reference}`,
        headers: { accept: `${mediaTypes.manifest}, ${mediaTypes.index}` },
        right: 'pull',
        accept: [200, 404],
        action: `look for ${isDigest(reference) ? short(reference) : `the tag ${reference}`}`,
      },
      signal,
    )
  const head = await ask('HEAD')
  if (head.status === 404) return null
  const said = head.headers['docker-content-digest']
  if (said !== undefined && isDigest(said)) return checked(said)
  // The header is optional in the specification.
  const whole = await ask('GET')
  return whole.status === 404 ? null : checked(digestOfBytes(whole.bytes))

  function checked(found: Digest): Digest {
    if (!isDigest(reference) || found === reference) return found
    throw artifactCorrupt(reference, `${client.label}/manifests/${reference}`, `bytes with digest ${found}`)
  }
}

export type ManifestUpload = {
  /** A digest or a tag. */
  reference: string
  bytes: Uint8Array
  /** Default: that of a manifest. */
  mediaType?: string
}

/** Stores a manifest under its digest or a tag. Its blobs must be there. */
export async function writeManifest(
  client: RegistryClient,
  { reference, bytes, mediaType = mediaTypes.manifest }: ManifestUpload,
  signal: AbortSignal,
): Promise<RegistryResponse> {
  const digest = digestOfBytes(bytes)
  const what = reference === digest ? short(digest) : `the tag ${reference}`
  const response = await client.call(
    {
      method: 'PUT',
      path: `manifests/${reference}`,
      headers: { 'content-type': mediaType },
      body: {
        size: bytes.length,
        async *open() {
          yield bytes
        },
      },
      right: 'push',
      accept: [200, 201, 202],
      action: `store the manifest of ${what}`,
    },
    signal,
  )
  const stored = response.headers['docker-content-digest']
  if (stored !== undefined && stored !== digest) {
    throw erroredError('ARTIFACT_CORRUPT', `${client.label} stored ${short(stored)} where ${short(digest)} was sent`, {
      hint: 'something between here and the registry changes bodies',
    })
  }
  return response
}
