/** Task definitions: what is wanted, as content, and the revision that holds it. */
import {
  type ContainerDefinition,
  DescribeTaskDefinitionCommand,
  ListTaskDefinitionsCommand,
  RegisterTaskDefinitionCommand,
  type RegisterTaskDefinitionCommandInput,
  type Tag,
  type TaskDefinition,
} from '@aws-sdk/client-ecs'
import { canonicalJson, sha256 } from '../../hashing/index.ts'
import { type Digest, isDigest, refusedError, type ServiceName, usageError } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { completed, generatedContainer } from './container.ts'
import { ecsOf, familyOf, fill, type Parts } from './parts.ts'

export type Definition = Omit<RegisterTaskDefinitionCommandInput, 'tags'>
export type Marker = {
  service: ServiceName
  generation: string
  artifact: Digest
  fingerprint: string
  /** Digest of the definition itself. */
  content: string
}
export type Revision = { arn: string; definition: TaskDefinition; marker: Marker | null; tags: Tag[] }

/** So many of a family are looked at for one that is wanted again: the way back finds it. */
const newest = 10
const prefix = 'trunkline:'
/** What AWS adds when it answers. */
const answered = ['taskDefinitionArn', 'revision', 'status', 'requiresAttributes', 'compatibilities']
const answeredToo = ['registeredAt', 'registeredBy', 'deregisteredAt', 'tags']

type Wanted = Pick<RolloutRequest, 'service' | 'desired' | 'variables' | 'files'>

export async function definitionFor(
  parts: Parts,
  wanted: Wanted,
  { artifacts }: Pick<TargetContext, 'artifacts'>,
): Promise<Definition> {
  const { service, desired } = wanted
  const image = artifacts.forService(service).imageReference(desired.artifact, service)
  if (image === null) {
    throw usageError('NO_REGISTRY', `${service} is an image that lies where ECS cannot pull it`, {
      hint: 'for example `artifacts: oci://111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop`',
    })
  }
  const { run } = desired
  const written = run.kind === 'container' ? (run.ecs ?? null) : null
  if (written === null) {
    const container = completed(parts, generatedContainer(parts, wanted), image, wanted)
    return { ...generated(parts, service), family: familyOf(parts, service), containerDefinitions: [container] }
  }
  const path = fill(parts, service, written.taskDefinition)
  const template = parse((await wanted.files()).get(path), path, service)
  const containers = template.containerDefinitions ?? []
  const own = ownContainer(containers, written.container ?? service, service, path)
  return {
    ...template,
    family: familyOf(parts, service),
    containerDefinitions: containers.map((each) => (each === own ? completed(parts, each, image, wanted) : each)),
  }
}

function generated(parts: Parts, service: ServiceName): Omit<Definition, 'family' | 'containerDefinitions'> {
  const { cpu, memoryMb, executionRole, taskRole } = parts.config
  return {
    ...{ requiresCompatibilities: ['FARGATE'], networkMode: 'awsvpc', cpu: String(cpu), memory: String(memoryMb) },
    ...(executionRole === null ? {} : { executionRoleArn: fill(parts, service, executionRole) }),
    ...(taskRole === null ? {} : { taskRoleArn: fill(parts, service, taskRole) }),
  }
}

function parse(content: Uint8Array | undefined, path: string, service: ServiceName): Definition {
  if (content === undefined) {
    throw usageError('FILE_MISSING', `there is no ${path} in the commit, and ${service} is described by it`)
  }
  try {
    const given: unknown = JSON.parse(Buffer.from(content).toString('utf8'))
    if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new Error('it is no mapping')
    const own = Object.entries(given).filter(([key]) => ![...answered, ...answeredToo].includes(key))
    return Object.fromEntries(own) as Definition // ECS itself checks the rest when it is registered.
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw usageError('INVALID_TASK_DEFINITION', `${path} is no task definition: ${why}`, { cause })
  }
}

function ownContainer(containers: ContainerDefinition[], name: string, service: ServiceName, path: string) {
  const own = containers.find((each) => each.name === name) ?? (containers.length === 1 ? containers[0] : undefined)
  if (own !== undefined) return own
  throw usageError('NO_CONTAINER', `${path} has no container ${name} for the image of ${service}`, {
    hint: 'name it: `run: { ecs: { taskDefinition: …, container: … } }`',
  })
}

export const markerFor = ({ service, desired }: Wanted, definition: Definition): Marker => ({
  ...{ service, generation: desired.generation, artifact: desired.artifact },
  fingerprint: desired.fingerprint ?? '',
  content: sha256(canonicalJson(definition)),
})

export const isSame = (left: Marker | null, right: Marker): boolean =>
  left !== null && canonicalJson(left) === canonicalJson(right)

export function markerIn(tags: readonly Tag[]): Marker | null {
  const values = new Map(tags.map(({ key = '', value = '' }) => [key, value]))
  const of = (name: keyof Marker) => values.get(`${prefix}${name}`)
  const [service, generation, artifact] = [of('service'), of('generation'), of('artifact')]
  if (service === undefined || generation === undefined || artifact === undefined || !isDigest(artifact)) return null
  return { service, generation, artifact, fingerprint: of('fingerprint') ?? '', content: of('content') ?? '' }
}

/** null: there is none. `id` is an ARN, or a family for its newest. */
export async function readRevision(parts: Parts, id: string, signal: AbortSignal): Promise<Revision | null> {
  const command = new DescribeTaskDefinitionCommand({ taskDefinition: id, include: ['TAGS'] })
  try {
    const { taskDefinition, tags = [] } = await parts.aws.send(ecsOf(parts), command, { signal })
    const arn = taskDefinition?.taskDefinitionArn
    if (taskDefinition === undefined || arn === undefined) return null
    return { arn, definition: taskDefinition, marker: markerIn(tags), tags }
  } catch (error) {
    if (parts.aws.isError(error, 'ClientException')) return null
    throw error
  }
}

/** Newest first. */
export async function readFamily(parts: Parts, family: string, signal: AbortSignal): Promise<Revision[]> {
  const command = new ListTaskDefinitionsCommand({ familyPrefix: family, sort: 'DESC', maxResults: newest })
  const { taskDefinitionArns = [] } = await parts.aws.send(ecsOf(parts), command, { signal })
  const revisions = await Promise.all(taskDefinitionArns.map((arn) => readRevision(parts, arn, signal)))
  return revisions.filter((known) => known !== null)
}

/** The ARN of the revision that holds it, registered where there is none. */
export async function ensureRevision(
  parts: Parts,
  definition: Definition,
  marker: Marker,
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
): Promise<string> {
  const known = await readFamily(parts, definition.family ?? '', signal)
  const same = known.find((revision) => isSame(revision.marker, marker))
  if (same !== undefined) return same.arn
  const tags = Object.entries(marker).map(([name, value]) => ({ key: `${prefix}${name}`, value }))
  const arn = await register(parts, definition, tags, signal)
  log(`registered ${arn.replace(/^.*task-definition\//, '')}`)
  return arn
}

export async function register(
  parts: Parts,
  definition: Definition,
  tags: Tag[],
  signal: AbortSignal,
): Promise<string> {
  const command = new RegisterTaskDefinitionCommand({ ...definition, tags } as RegisterTaskDefinitionCommandInput)
  const { aws } = parts
  try {
    const { taskDefinition } = await aws.send(ecsOf(parts), command, { signal, writes: true })
    return taskDefinition?.taskDefinitionArn ?? ''
  } catch (error) {
    if (!aws.isError(error, 'ClientException') && !aws.isError(error, 'InvalidParameterException')) throw error
    const why = error instanceof Error ? error.message : String(error)
    throw refusedError('INVALID_TASK_DEFINITION', `ECS does not take the task definition: ${why}`, { cause: error })
  }
}
