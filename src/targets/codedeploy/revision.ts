/**
 * Revisions where CodeDeploy reads them: the artifact's own bytes in S3, once by content. All environments of an account
 * are given the same object, by its key, its ETag and its version.
 */
import { buffer } from 'node:stream/consumers'
import { RegisterApplicationRevisionCommand, type RevisionLocation, type S3Location } from '@aws-sdk/client-codedeploy'
import { HeadObjectCommand, type HeadObjectCommandOutput, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { erroredError, refusedError, type ServiceName } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, RolloutRequest, TargetContext } from '../../ports/index.ts'
import { codedeployOf, fill, groupOf, type Parts } from './parts.ts'

type Bringing = Pick<TargetContext, 'artifacts' | 'signal' | 'deployment' | 'log'>
type BundleType = 'tar' | 'zip'
type Kept = { bucket: string; key: string; bundleType: BundleType; isTheirs: boolean; layer: Descriptor }

const bundleTypes: Readonly<Record<string, BundleType>> = {
  'application/vnd.oci.image.layer.v1.tar': 'tar',
  'application/zip': 'zip',
}
/** One call takes it whole. */
const maxBytes = 1_000_000_000
const uploadTimeoutMs = 30 * 60_000

/** In the bucket, sound, and registered when it answers. */
export async function ensureRevision(
  parts: Parts,
  { service, desired }: Pick<RolloutRequest, 'service' | 'desired'>,
  context: Bringing,
): Promise<RevisionLocation> {
  const artifacts = context.artifacts.forService(service)
  const kept = keptAt(parts, service, artifacts, await layerOf(service, artifacts, desired.artifact, context.signal))
  const head = (await headOf(parts, kept, context.signal)) ?? (await store(parts, service, artifacts, kept, context))
  const location: S3Location = {
    bucket: kept.bucket,
    key: kept.key,
    bundleType: kept.bundleType,
    ...etagIn(head),
    ...(head.VersionId === undefined || head.VersionId === 'null' ? {} : { version: head.VersionId }),
  }
  return { revisionType: 'S3', s3Location: location }
}

/** CodeDeploy keeps a list of what an application may be given: this is on it, with what it is. */
export async function registerRevision(
  parts: Parts,
  service: ServiceName,
  revision: RevisionLocation,
  { deployment, signal }: Bringing,
): Promise<void> {
  const { applicationName } = groupOf(parts, service)
  const commit = deployment === undefined ? '' : ` at ${deployment.candidate.commit}`
  const command = new RegisterApplicationRevisionCommand({
    ...{ applicationName, revision },
    description: `${parts.project}: ${service}${commit}`,
  })
  await parts.aws.send(codedeployOf(parts), command, { signal, writes: true })
}

export const isSameRevision = (left: RevisionLocation | undefined, right: RevisionLocation | undefined): boolean => {
  const [a, b] = [left?.s3Location, right?.s3Location]
  if (a === undefined || b === undefined) return false
  return a.bucket === b.bucket && a.key === b.key && bare(a.eTag) === bare(b.eTag)
}

export function sayRevision(revision: RevisionLocation | undefined): string {
  const { s3Location: s3, gitHubLocation: git } = revision ?? {}
  if (s3 !== undefined) return `s3://${s3.bucket}/${s3.key}`
  return git === undefined ? 'a revision of another kind' : `${git.repository}@${git.commitId}`
}

async function layerOf(
  service: ServiceName,
  artifacts: ArtifactStore,
  artifact: RolloutRequest['desired']['artifact'],
  signal: AbortSignal,
): Promise<Descriptor> {
  const { layers } = await artifacts.manifest(artifact, signal)
  const [layer, ...others] = layers
  if (layer === undefined || others.length > 0 || bundleTypes[layer.mediaType] === undefined) {
    throw refusedError(
      'NOT_A_REVISION',
      `${service} is neither a bundle nor a zip, and CodeDeploy takes nothing else`,
      {
        hint: 'give it `artifact: { bundle: {} }`',
      },
    )
  }
  return layer
}

/** In the place of artifacts itself where instances of this region can read there. */
function keptAt(parts: Parts, service: ServiceName, artifacts: ArtifactStore, layer: Descriptor): Kept {
  const { aws, config } = parts
  const bundleType = bundleTypes[layer.mediaType] ?? 'tar'
  const object = artifacts.objectOf?.(layer) ?? null
  if (object?.region === aws.region) {
    return { bucket: object.bucket, key: object.key, bundleType, isTheirs: true, layer }
  }
  const hex = layer.digest.slice('sha256:'.length)
  const key = `${fill(parts, service, config.prefix)}/${hex}.${bundleType}`
  return { bucket: fill(parts, service, config.bucket), key, bundleType, isTheirs: false, layer }
}

async function store(
  parts: Parts,
  service: ServiceName,
  artifacts: ArtifactStore,
  kept: Kept,
  { signal, deployment, log }: Bringing,
): Promise<HeadObjectCommandOutput> {
  const { aws, project } = parts
  const { bucket, key, layer, isTheirs } = kept
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
    ContentType: kept.bundleType === 'zip' ? 'application/zip' : 'application/x-tar',
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
  const stored = await headOf(parts, kept, signal)
  if (stored === null) throw erroredError('REVISION_MISSING', `s3://${bucket}/${key} was stored and is not there`)
  return stored
}

/** null: not there. Refused `REVISION_CHANGED` where something else has its name. */
async function headOf(
  { aws }: Parts,
  { bucket, key, layer, isTheirs }: Kept,
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

/** S3 puts it in quotes, CodeDeploy does not. */
const bare = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '')
const etagIn = ({ ETag }: HeadObjectCommandOutput) => (ETag === undefined ? {} : { eTag: bare(ETag) })
