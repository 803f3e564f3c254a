/**
 * An artifact's own bytes where services of AWS take them: an object of S3 under the name of its content, written on
 * condition that it is new, and looked at each time.
 */
import { buffer } from 'node:stream/consumers'
import { HeadObjectCommand, type HeadObjectCommandOutput, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import type { Aws } from '../aws/index.ts'
import { erroredError, refusedError, type ServiceName } from '../model/index.ts'
import type { ArtifactStore, Descriptor, TargetContext } from '../ports/index.ts'

export type RevisionPlace = {
  bucket: string
  key: string
  layer: Descriptor
  contentType: string
  /** It is in the place of artifacts itself: nothing is written there. */
  isTheirs: boolean
}

type Bringing = Pick<TargetContext, 'signal' | 'deployment' | 'log'> & {
  project: string
  service: ServiceName
  /** The service's own. */
  artifacts: ArtifactStore
}

/** One call takes it whole. */
const maxBytes = 1_000_000_000
const uploadTimeoutMs = 30 * 60_000

/** There, and sound, when it answers. */
export const ensureStored = async (
  aws: Aws,
  place: RevisionPlace,
  bringing: Bringing,
): Promise<HeadObjectCommandOutput> =>
  (await headOf(aws, place, bringing.signal)) ?? (await store(aws, place, bringing))

async function store(aws: Aws, place: RevisionPlace, bringing: Bringing): Promise<HeadObjectCommandOutput> {
  const { bucket, key, layer, isTheirs } = place
  const { project, service, artifacts, signal, deployment, log } = bringing
  if (isTheirs)
    throw erroredError('ARTIFACT_MISSING', `s3://${bucket}/${key} is not in the store of artifacts any more`)
  if (layer.size > maxBytes) {
    throw refusedError('REVISION_TOO_LARGE', `the revision of ${service} holds ${Math.ceil(layer.size / 1e6)} MB`, {
      hint: 'keep artifacts in S3 (`artifacts: s3://bucket/prefix`): then they are not copied; or leave files out',
    })
  }
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: await buffer(await artifacts.blob(layer, signal)),
    ContentLength: layer.size,
    ContentType: place.contentType,
    ChecksumSHA256: checksumOf(layer),
    IfNoneMatch: '*',
    Metadata: {
      ...{ project, service, digest: layer.digest },
      ...(deployment === undefined ? {} : { commit: deployment.candidate.commit }),
    },
  })
  try {
    await aws.send(aws.client(S3Client), command, { signal, writes: true, timeoutMs: uploadTimeoutMs })
    log(`stored s3://${bucket}/${key}`)
  } catch (error) {
    // Another one brings the same bytes.
    if (!aws.isError(error, 'PreconditionFailed') && !aws.isError(error, 'ConditionalRequestConflict')) throw error
  }
  const stored = await headOf(aws, place, signal)
  if (stored === null) throw erroredError('REVISION_MISSING', `s3://${bucket}/${key} was stored and is not there`)
  return stored
}

/** null: not there. Refused `REVISION_CHANGED` where something else has its name. */
async function headOf(
  aws: Aws,
  { bucket, key, layer, isTheirs }: RevisionPlace,
  signal: AbortSignal,
): Promise<HeadObjectCommandOutput | null> {
  const command = new HeadObjectCommand({ Bucket: bucket, Key: key, ChecksumMode: 'ENABLED' })
  try {
    const head = await aws.send(aws.client(S3Client), command, { signal })
    const { ContentLength, ChecksumSHA256: checksum, Metadata } = head
    // The store of artifacts uploads large ones in parts, and checks them by itself. Where there is no checksum of the
    // whole, ours have a word that nobody else writes.
    const isWhole = checksum !== undefined && !checksum.includes('-')
    const isOther = isWhole ? checksum !== checksumOf(layer) : !isTheirs && Metadata?.['digest'] !== layer.digest
    if (isOther || ContentLength !== layer.size) throw changed(bucket, key)
    return head
  } catch (error) {
    // Without a body there is no code: AWS says `NotFound`.
    if (!aws.isError(error, 'NotFound') && !aws.isError(error, 'NoSuchKey')) throw error
    return null
  }
}

const changed = (bucket: string, key: string) =>
  refusedError('REVISION_CHANGED', `s3://${bucket}/${key} is not what its name says: somebody has written over it`, {
    hint: 'delete that object: the next delivery stores the right one; and see who may write to the bucket',
  })

const checksumOf = ({ digest }: Descriptor): string =>
  Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64')
