/**
 * The release as source actions take it: its zip in the bucket that an S3 action reads, its image's digest, its commit.
 * And what variables of the pipeline are given.
 */
import { mediaTypes } from '../../artifacts/media-types.ts'
import { refusedError, type ServiceName } from '../../model/index.ts'
import type { ArtifactStore, Descriptor, PlanContext, RolloutRequest, TargetContext } from '../../ports/index.ts'
import { ensureStored } from '../stored-revision.ts'
import { maxValueLength, type Revision } from './marker.ts'
import { fill, type Parts, sayPipeline } from './parts.ts'
import { type Pipeline, type Source, sourcesOf } from './pipeline.ts'

type Asked = Pick<RolloutRequest, 'service' | 'desired'>

/** Asks what can be asked before anything is brought. Refused `NOT_A_ZIP`, `NOT_AN_IMAGE`, `NO_REGISTRY`, `OTHER_REPOSITORY`. */
export async function assertFits(
  parts: Parts,
  pipeline: Pipeline,
  { service, desired }: Asked,
  context: PlanContext,
): Promise<void> {
  const artifacts = context.artifacts.forService(service)
  for (const source of sourcesOf(parts, pipeline).given) {
    if (source.kind === 's3') await zipOf(source, artifacts, { service, desired }, context.signal)
    if (source.kind === 'ecr') await imageOf(parts, source, artifacts, { service, desired }, context.signal)
  }
}

/** Where the pipeline takes the release from; in the bucket when it answers. */
export async function revisionsOf(
  parts: Parts,
  pipeline: Pipeline,
  asked: Asked,
  context: TargetContext,
): Promise<Revision[]> {
  const artifacts = context.artifacts.forService(asked.service)
  const found: Revision[] = []
  for (const source of sourcesOf(parts, pipeline).given) {
    const { action } = source
    if (source.kind === 's3') found.push(...(await storedZip(parts, source, artifacts, asked, context)))
    else if (source.kind === 'ecr') {
      const value = await imageOf(parts, source, artifacts, asked, context.signal)
      found.push({ action, type: 'IMAGE_DIGEST', value })
    } else if (context.deployment !== undefined) {
      found.push({ action, type: 'COMMIT_ID', value: context.deployment.candidate.commit })
    }
  }
  return found
}

async function storedZip(
  parts: Parts,
  source: Source,
  artifacts: ArtifactStore,
  asked: Asked,
  { signal, log, deployment }: TargetContext,
): Promise<Revision[]> {
  const layer = await zipOf(source, artifacts, asked, signal)
  const { action, configuration } = source
  const bucket = configuration['S3Bucket'] ?? ''
  const key = `${fill(parts, asked.service, parts.config.prefix)}/${layer.digest.slice('sha256:'.length)}.zip`
  const place = { bucket, key, layer, contentType: 'application/zip', isTheirs: false }
  const about = { project: parts.project, service: asked.service, artifacts, signal, log }
  const { VersionId } = await ensureStored(parts.aws, place, {
    ...about,
    ...(deployment === undefined ? {} : { deployment }),
  })
  if (VersionId === undefined || VersionId === 'null') {
    throw refusedError(
      'BUCKET_NOT_VERSIONED',
      `the bucket ${bucket} keeps no versions, and a source action reads one`,
      {
        hint: 'enable versioning on it: CodePipeline asks for that of every S3 source',
      },
    )
  }
  return [
    { action, type: 'S3_OBJECT_KEY', value: key },
    { action, type: 'S3_OBJECT_VERSION_ID', value: VersionId },
  ]
}

async function zipOf(
  { action }: Source,
  artifacts: ArtifactStore,
  { service, desired }: Asked,
  signal: AbortSignal,
): Promise<Descriptor> {
  const document = await artifacts.document(desired.artifact, signal)
  const [layer, ...others] = 'layers' in document ? document.layers : []
  if (layer !== undefined && others.length === 0 && layer.mediaType === mediaTypes.zipLayer) return layer
  throw refusedError('NOT_A_ZIP', `${service} is no zip, and the source action ${action} (S3) takes nothing else`, {
    hint: 'give it `artifact: { zip: {} }`; an image comes by a source action of ECR, or by a variable: `variables: { IMAGE: "{image}" }`',
  })
}

/** Its digest. */
async function imageOf(
  { aws }: Parts,
  { action, configuration }: Source,
  artifacts: ArtifactStore,
  { service, desired }: Asked,
  signal: AbortSignal,
): Promise<string> {
  const { artifact } = desired
  const document = await artifacts.document(artifact, signal)
  if ('layers' in document && document.config.mediaType !== mediaTypes.imageConfig) {
    throw refusedError(
      'NOT_AN_IMAGE',
      `${service} is no image, and the source action ${action} (ECR) takes nothing else`,
      {
        hint: 'give it `artifact: { image: { … } }`; a zip comes by a source action of S3',
      },
    )
  }
  const reference = artifacts.imageReference(artifact, service)
  if (reference === null) throw noRegistry(service)
  const wanted = configuration['RepositoryName'] ?? ''
  const [, region, repository] = /^\d{12}\.dkr\.ecr\.([a-z0-9-]+)\.[^/]+\/(.+)@sha256:/.exec(reference) ?? []
  if (repository !== wanted || region !== aws.region) {
    const message = `the source action ${action} reads the repository ${wanted} of ECR in ${aws.region}, and ${service} is kept at ${reference}`
    throw refusedError('OTHER_REPOSITORY', message, {
      hint: 'let both name the same: `artifacts` of the project, `RepositoryName` of the action',
    })
  }
  return artifact
}

const noRegistry = (service: ServiceName) =>
  refusedError('NO_REGISTRY', `the image of ${service} is in no registry that AWS could pull it from`, {
    hint: 'for example `artifacts: oci://111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop`',
  })

/** Values of variables, ours aside. Refused where CodePipeline takes no such value. */
export function valuesFor(
  parts: Parts,
  pipeline: Pipeline,
  { service, desired, variables }: Pick<RolloutRequest, 'service' | 'desired' | 'variables'>,
  { artifacts, deployment }: TargetContext,
): Record<string, string> {
  const own = Object.entries(desired.env).flatMap(([name, variable]): Array<[string, string]> => {
    const value = variables[name] ?? (variable.kind === 'value' ? variable.value : undefined)
    return value === undefined ? [] : [[name, value]]
  })
  const known: Record<string, () => string> = {
    commit: () => deployment?.candidate.commit ?? '',
    version: () => deployment?.candidate.version ?? '',
    artifact: () => desired.artifact,
    image: () => {
      const reference = artifacts.forService(service).imageReference(desired.artifact, service)
      if (reference === null) throw noRegistry(service)
      return reference
    },
  }
  const configured = Object.entries(parts.config.variables).map(([name, template]): [string, string] => {
    const text = template.replace(/\{(commit|version|artifact|image)\}/g, (_, word: string) => known[word]?.() ?? '')
    return [name, fill(parts, service, text)]
  })
  const values = [...own, ...configured]
  for (const [name, value] of values) {
    if (value !== '' && value.length <= maxValueLength) continue
    const is = value === '' ? 'is empty' : `has ${value.length} characters`
    throw refusedError(
      'VALUE_NOT_TAKEN',
      `${name} ${is}, and a variable of ${sayPipeline(pipeline.name)} takes 1 to 1000`,
      {
        hint: 'leave it out where it has no value: then the default of the pipeline counts',
      },
    )
  }
  return Object.fromEntries(values)
}
