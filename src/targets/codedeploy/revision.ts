/**
 * Revisions where CodeDeploy reads them: the artifact's own bytes in S3, once by content. All environments of an account
 * are given the same object, by its key, its ETag and its version.
 */
import { RegisterApplicationRevisionCommand, type RevisionLocation, type S3Location } from '@aws-sdk/client-codedeploy'
import type { HeadObjectCommandOutput } from '@aws-sdk/client-s3'
import { refusedError, type ServiceName } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, RolloutRequest, TargetContext } from '../../ports/index.ts'
import { ensureStored, type RevisionPlace } from '../stored-revision.ts'
import { codedeployOf, fill, groupOf, type Parts } from './parts.ts'

type Bringing = Pick<TargetContext, 'artifacts' | 'signal' | 'deployment' | 'log'>
type BundleType = 'tar' | 'zip'
type Kept = RevisionPlace & { bundleType: BundleType }

const bundleTypes: Readonly<Record<string, BundleType>> = {
  'application/vnd.oci.image.layer.v1.tar': 'tar',
  'application/zip': 'zip',
}
const contentTypes: Readonly<Record<BundleType, string>> = { tar: 'application/x-tar', zip: 'application/zip' }

/** In the bucket, sound, and registered when it answers. */
export async function ensureRevision(
  parts: Parts,
  { service, desired }: Pick<RolloutRequest, 'service' | 'desired'>,
  context: Bringing,
): Promise<RevisionLocation> {
  const artifacts = context.artifacts.forService(service)
  const kept = keptAt(parts, service, artifacts, await layerOf(service, artifacts, desired.artifact, context.signal))
  const { signal, log, deployment } = context
  const about = { project: parts.project, service, artifacts, signal, log }
  const head = await ensureStored(parts.aws, kept, { ...about, ...(deployment === undefined ? {} : { deployment }) })
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
  const contentType = contentTypes[bundleType]
  const object = artifacts.objectOf?.(layer) ?? null
  if (object?.region === aws.region) {
    return { bucket: object.bucket, key: object.key, bundleType, contentType, isTheirs: true, layer }
  }
  const hex = layer.digest.slice('sha256:'.length)
  const key = `${fill(parts, service, config.prefix)}/${hex}.${bundleType}`
  return { bucket: fill(parts, service, config.bucket), key, bundleType, contentType, isTheirs: false, layer }
}

/** S3 puts it in quotes, CodeDeploy does not. */
const bare = (etag: string | undefined): string => (etag ?? '').replaceAll('"', '')
const etagIn = ({ ETag }: HeadObjectCommandOutput) => (ETag === undefined ? {} : { eTag: bare(ETag) })
