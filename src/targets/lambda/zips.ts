/**
 * Zips where Lambda reads them: in S3, each once by its content. What is there already is not sent again, whichever
 * commit or environment brought it; what is there under a wrong name is refused.
 */
import { buffer } from 'node:stream/consumers'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { type Digest, erroredError, refusedError, type ServiceName } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, TargetContext } from '../../ports/index.ts'
import type { Place } from './place.ts'

export type Zip = {
  bucket: string
  key: string
  /** Base64, as Lambda says it. */
  sha256: string
  sizeBytes: number
}

export type Zips = {
  /** In the bucket when it answers. */
  store(wanted: { service: ServiceName; artifact: Digest }, context: Bringing): Promise<Zip>
}

type Bringing = Pick<TargetContext, 'artifacts' | 'signal' | 'deployment' | 'log'>

const zipType = 'application/zip'
/** What Lambda takes, unpacked; our zips are not compressed. */
const maxBytes = 262_144_000

export function openZips(place: Place): Zips {
  /** Several services may share one, side by side. */
  const stored = new Map<string, Promise<Zip>>()
  return {
    async store({ service, artifact }, context) {
      const artifacts = context.artifacts.forService(service)
      const layer = await zipOf(artifacts, artifact, context.signal)
      const id = `${place.bucket}/${layer.digest}`
      const storing = stored.get(id) ?? bring(place, { artifacts, layer, service }, context)
      stored.set(id, storing)
      try {
        return await storing
      } catch (error) {
        stored.delete(id)
        throw error
      }
    },
  }
}

async function zipOf(artifacts: ArtifactStore, artifact: Digest, signal: AbortSignal): Promise<Descriptor> {
  const { layers } = await artifacts.manifest(artifact, signal)
  const [layer, ...others] = layers
  if (layer === undefined || others.length > 0 || layer.mediaType !== zipType) {
    throw refusedError('NOT_A_ZIP', `${artifact} is not a zip, and functions are made of zips`, {
      hint: 'give the service `artifact: { zip: {} }`',
    })
  }
  if (layer.size > maxBytes) {
    throw refusedError('ZIP_TOO_LARGE', `the zip holds ${Math.ceil(layer.size / 1e6)} MB, and Lambda takes 262`, {
      hint: 'leave out what the function does not need (`exclude`), or bundle its code',
    })
  }
  return layer
}

type Brought = { artifacts: ArtifactStore; layer: Descriptor; service: ServiceName }

/** Where the zip is, or shall be: in the place of artifacts itself where Lambda can read there. */
function zipAt({ bucket, config, aws }: Place, { artifacts, layer }: Brought): { zip: Zip; isTheirs: boolean } {
  const hex = layer.digest.slice('sha256:'.length)
  const content = { sha256: Buffer.from(hex, 'hex').toString('base64'), sizeBytes: layer.size }
  const object = artifacts.objectOf?.(layer) ?? null
  if (object?.region === aws.region)
    return { zip: { ...content, bucket: object.bucket, key: object.key }, isTheirs: true }
  return { zip: { ...content, bucket, key: `${config.prefix}/${hex}.zip` }, isTheirs: false }
}

async function bring(place: Place, brought: Brought, context: Bringing): Promise<Zip> {
  const { aws, bucket } = place
  const { artifacts, layer, service } = brought
  const { signal, deployment } = context
  const { zip, isTheirs } = zipAt(place, brought)
  if (await isThere(place, zip, signal)) return zip
  if (isTheirs) {
    throw erroredError('ARTIFACT_MISSING', `s3://${zip.bucket}/${zip.key} is not in the store of artifacts any more`)
  }
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: zip.key,
    Body: await buffer(await artifacts.blob(layer, signal)),
    ContentLength: layer.size,
    ContentType: zipType,
    ChecksumSHA256: zip.sha256,
    IfNoneMatch: '*',
    Metadata: {
      project: place.project,
      service,
      ...(deployment === undefined ? {} : { commit: deployment.candidate.commit }),
    },
  })
  try {
    await aws.send(aws.client(S3Client), command, { signal, writes: true })
    context.log(`stored s3://${bucket}/${zip.key}`)
  } catch (error) {
    // Another one brings the same bytes.
    if (!aws.isError(error, 'PreconditionFailed') && !aws.isError(error, 'ConditionalRequestConflict')) throw error
    await isThere(place, zip, signal)
  }
  return zip
}

/** Refused `ZIP_CHANGED` where something else has its name. */
async function isThere({ aws }: Place, zip: Zip, signal: AbortSignal): Promise<boolean> {
  const command = new HeadObjectCommand({ Bucket: zip.bucket, Key: zip.key, ChecksumMode: 'ENABLED' })
  try {
    const { ContentLength, ChecksumSHA256 } = await aws.send(aws.client(S3Client), command, { signal })
    // One that came in parts has a checksum over those of its parts, and others may have none at all: Lambda tells then.
    const isOther = ChecksumSHA256 !== undefined && !ChecksumSHA256.includes('-') && ChecksumSHA256 !== zip.sha256
    if (isOther || ContentLength !== zip.sizeBytes) throw zipChanged(zip)
    return true
  } catch (error) {
    // Without a body there is no code: AWS says `NotFound`.
    if (!aws.isError(error, 'NotFound') && !aws.isError(error, 'NoSuchKey')) throw error
    return false
  }
}

export const zipChanged = ({ bucket, key }: Zip) =>
  refusedError('ZIP_CHANGED', `s3://${bucket}/${key} is not the zip that its name says: somebody has written over it`, {
    hint: 'delete that object: the next delivery stores the right one; and see who may write to the bucket',
  })
