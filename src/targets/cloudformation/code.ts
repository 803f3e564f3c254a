/** Artifacts of other services as the code of functions: zips in S3 by their content, images by their digest. */
import { buffer } from 'node:stream/consumers'
import { mediaTypes } from '../../artifacts/media-types.ts'
import { type Digest, type Json, type ServiceName, usageError } from '../../model/index.ts'
import type { ArtifactStore } from '../../ports/index.ts'
import { isThere, placeOf, putOnce } from './bucket.ts'
import type { Parts } from './parts.ts'
import type { Code } from './template/package-template.ts'

type Wanted = { name: string; service: ServiceName; digest: Digest }

/** What Lambda takes at most, with room. */
const maxZipBytes = 512 * 1024 * 1024

export async function codeOf(
  parts: Parts,
  wanted: readonly Wanted[],
  stack: ServiceName,
  artifacts: ArtifactStore,
  signal: AbortSignal,
): Promise<Code> {
  const code = new Map<string, Code[string]>()
  for (const one of wanted) code.set(one.name, await writerOf(parts, one, stack, artifacts, signal))
  return Object.fromEntries(code)
}

async function writerOf(
  parts: Parts,
  { name, service, digest }: Wanted,
  stack: ServiceName,
  artifacts: ArtifactStore,
  signal: AbortSignal,
): Promise<Code[string]> {
  const store = artifacts.forService(service)
  const document = await store.document(digest, signal)
  const layers = 'layers' in document ? document.layers : []
  const [layer] = layers
  if (layers.length === 1 && layer?.mediaType === mediaTypes.zipLayer) {
    if (layer.size > maxZipBytes)
      throw usageError('CODE_TOO_LARGE', `the zip of ${service} is too large for a function`)
    const place = placeOf(parts, layer.digest.slice('sha256:'.length), '.zip', `the code of ${name}`)
    const { bucket, key } = place
    if (!(await isThere(parts, bucket, key, signal))) {
      await putOnce(parts, { bucket, key, bytes: await buffer(await store.blob(layer, signal)) }, signal)
    }
    return (property) => (property.endsWith('Uri') ? `s3://${bucket}/${key}` : { S3Bucket: bucket, S3Key: key })
  }
  const image = artifacts.imageReference(digest, service)
  if (layer?.mediaType !== mediaTypes.tarLayer && image !== null) {
    return (property): Json => (property.endsWith('Uri') ? image : { ImageUri: image })
  }
  throw usageError(
    'NO_CODE',
    `${stack} takes the code of ${name} from ${service}, which is neither a zip nor an image`,
    {
      hint: `for example \`artifact: { zip: {} }\` for ${service}`,
    },
  )
}
