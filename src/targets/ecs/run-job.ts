/**
 * Hooks and tasks: one task of ECS with the job's command in the service's own container, where the service runs. A
 * family of its own, made of the job's key, remembers that it was begun and how it ended: ECS forgets tasks in an hour.
 */
import { createHash } from 'node:crypto'
import {
  DescribeTasksCommand,
  ListTasksCommand,
  RunTaskCommand,
  type Service,
  StopTaskCommand,
  TagResourceCommand,
  type Task,
  type TaskDefinition,
} from '@aws-sdk/client-ecs'
import { withPatience } from '../../aws/index.ts'
import { createMasker } from '../../masking/masker.ts'
import { erroredError, type Fingerprint, refusedError } from '../../model/index.ts'
import type { Job, JobOutcome, TargetContext } from '../../ports/index.ts'
import { withExec } from '../fleet/agent/shell-command.ts'
import { reasonOf } from './failure.ts'
import { lastLines } from './logs.ts'
import { clusterOf, ecsOf, familyOf, type Parts } from './parts.ts'
import { knownService } from './service.ts'
import { definitionFor, type Revision, readRevision, register } from './task-definition.ts'

const exitTag = 'trunkline:exit'
const timedOut = 'timed-out'
const tailLines = 50
/** Tasks that have stopped are shown for an hour: what is not shown until then was never started. */
const rememberedMs = 45 * 60_000

export async function runServiceJob(parts: Parts, job: Job, context: TargetContext): Promise<JobOutcome> {
  const { signal, log } = context
  const before = await jobOutcome(parts, job, signal)
  if (before.kind !== 'never-started' && before.kind !== 'running') return before
  const begun = (await readRevision(parts, familyFor(job), signal)) ?? (await prepare(parts, job, context))
  const task = (await taskOf(parts, job, signal)) ?? (await start(parts, job, begun, signal))
  log(`${job.name} runs as ${task.taskArn}`)
  const ended = await toItsEnd(parts, job, task, context)
  const outcome = await outcomeOf(parts, job, begun, ended, signal)
  for (const line of outcome.logTail) log(line)
  const value = outcome.kind === 'ended' ? String(outcome.exitCode) : timedOut
  const command = new TagResourceCommand({ resourceArn: begun.arn, tags: [{ key: exitTag, value }] })
  await parts.aws.send(ecsOf(parts), command, { signal, writes: true })
  return outcome
}

/** By its key alone: the family is there since it was begun. */
export async function jobOutcome(parts: Parts, job: Pick<Job, 'key'>, signal: AbortSignal): Promise<JobOutcome> {
  const begun = await readRevision(parts, familyFor(job), signal)
  if (begun === null) return { kind: 'never-started' }
  const exit = begun.tags.find(({ key }) => key === exitTag)?.value
  if (exit === timedOut) return { kind: 'timed-out', logTail: [] }
  if (exit !== undefined) return { kind: 'ended', exitCode: Number(exit), logTail: [] }
  const cluster = begun.tags.find(({ key }) => key === clusterTag)?.value
  const task = cluster === undefined ? null : await findTask(parts, cluster, idOf(job), signal)
  if (task !== null) return { kind: 'running' }
  const ageMs = parts.clock.now() - (begun.definition.registeredAt?.getTime() ?? 0)
  return { kind: ageMs < rememberedMs ? 'never-started' : 'unknown' }
}

const clusterTag = 'trunkline:cluster'
const idOf = ({ key }: Pick<Job, 'key'>): string => createHash('sha256').update(key).digest('hex').slice(0, 32)
const familyFor = (job: Pick<Job, 'key'>): string => `trunkline-job-${idOf(job)}`

async function prepare(parts: Parts, job: Job, context: TargetContext): Promise<Revision> {
  const { service, artifact, variables, described, secrets } = job
  if (described === undefined || described === null) {
    throw refusedError('WRONG_PLATFORM', `${service} has no container that ${job.name} could run in`)
  }
  if (described.kind === 'container' && described.ecs !== undefined)
    return await preparedFromService(parts, job, context)
  const hidden = new Set(secrets ?? Object.keys(variables))
  const env = Object.fromEntries(
    Object.keys(variables).map((name) => [
      name,
      { kind: 'from' as const, from: name, secret: hidden.has(name), default: null },
    ]),
  )
  const desired = { artifact, generation: job.key, run: described, env, fingerprint: null as Fingerprint | null }
  const wanted = { service, desired, variables, files: async () => new Map<string, Uint8Array>() }
  const definition = { ...(await definitionFor(parts, wanted, context)), family: familyFor(job) }
  return await registered(parts, job, definition, context)
}

/** A job is given no files: what describes it is the newest revision of its service, with the job's own image. */
async function preparedFromService(parts: Parts, job: Job, context: TargetContext): Promise<Revision> {
  const newest = await readRevision(parts, familyOf(parts, job.service), context.signal)
  if (newest === null) {
    throw refusedError('NOT_YET_DESCRIBED', `${job.name} runs as ${job.service} does, which never ran here`, {
      hint: 'run it after the first rollout (`after` in place of `before`)',
    })
  }
  const own = ownOf(job, newest.definition)
  const image = context.artifacts.forService(job.service).imageReference(job.artifact, job.service)
  const containerDefinitions = (newest.definition.containerDefinitions ?? []).map((each) =>
    each.name === own && image !== null ? { ...each, image } : each,
  )
  const { taskDefinitionArn, revision, status, requiresAttributes, compatibilities, ...rest } = newest.definition
  const { registeredAt, registeredBy, deregisteredAt, ...definition } = rest
  return await registered(parts, job, { ...definition, containerDefinitions, family: familyFor(job) }, context)
}

async function registered(
  parts: Parts,
  job: Job,
  definition: Parameters<typeof register>[1],
  { signal }: TargetContext,
): Promise<Revision> {
  const tags = [{ key: clusterTag, value: clusterOf(parts, job.service) }]
  const own = ownOf(job, definition)
  const start = { entryPoint: ['/bin/sh', '-c'], command: [withExec(job.run)] }
  const containerDefinitions = (definition.containerDefinitions ?? []).map((each) =>
    each.name === own ? { ...each, ...start } : each,
  )
  const arn = await register(parts, { ...definition, containerDefinitions }, tags, signal)
  const revision = await readRevision(parts, arn, signal)
  if (revision !== null) return revision
  throw erroredError('JOB_LOST', `what ${job.name} runs as is gone from ECS`)
}

const ownOf = (
  { service, described }: Job,
  { containerDefinitions = [] }: Pick<TaskDefinition, 'containerDefinitions'>,
): string => {
  const named = described?.kind === 'container' ? (described.ecs?.container ?? service) : service
  const own = containerDefinitions.find(({ name }) => name === named) ?? containerDefinitions[0]
  return own?.name ?? service
}

/** The token makes that a call whose answer was lost starts nothing twice. */
async function start(parts: Parts, job: Job, begun: Revision, signal: AbortSignal): Promise<Task> {
  const found = await knownService(parts, job.service, signal)
  const command = new RunTaskCommand({
    ...{ cluster: clusterOf(parts, job.service), taskDefinition: begun.arn, count: 1 },
    ...{ startedBy: idOf(job), clientToken: idOf(job), ...placeOf(found) },
  })
  const { tasks = [], failures = [] } = await parts.aws.send(ecsOf(parts), command, { signal, writes: true })
  const [task] = tasks
  if (task !== undefined) return task
  const why = failures.map(({ reason, detail }) => [reason, detail].filter(Boolean).join(': ')).join('; ')
  throw erroredError('TASK_NOT_STARTED', `ECS has no place for ${job.name}: ${why}`, {
    hint: 'see whether the cluster has room for it',
  })
}

/** Where the service's own tasks run. */
function placeOf({ networkConfiguration, launchType, capacityProviderStrategy = [], platformVersion }: Service) {
  return {
    ...(networkConfiguration === undefined ? {} : { networkConfiguration }),
    ...(capacityProviderStrategy.length > 0 ? { capacityProviderStrategy } : { launchType }),
    ...(platformVersion === undefined ? {} : { platformVersion }),
  }
}

const taskOf = (parts: Parts, job: Job, signal: AbortSignal): Promise<Task | null> =>
  findTask(parts, clusterOf(parts, job.service), idOf(job), signal)

async function findTask(parts: Parts, cluster: string, startedBy: string, signal: AbortSignal): Promise<Task | null> {
  for (const desiredStatus of ['RUNNING', 'STOPPED'] as const) {
    const list = new ListTasksCommand({ cluster, startedBy, desiredStatus })
    const { taskArns: tasks = [] } = await parts.aws.send(ecsOf(parts), list, { signal })
    if (tasks.length === 0) continue
    const { tasks: found = [] } = await parts.aws.send(ecsOf(parts), new DescribeTasksCommand({ cluster, tasks }), {
      signal,
    })
    if (found[0] !== undefined) return found[0]
  }
  return null
}

/** null: it took longer than it may, and was stopped. */
async function toItsEnd(
  parts: Parts,
  job: Job,
  { taskArn = '' }: Task,
  { signal, log }: Pick<TargetContext, 'signal' | 'log'>,
): Promise<Task | null> {
  const { aws, clock, lookEveryMs } = parts
  const cluster = clusterOf(parts, job.service)
  const endMs = clock.monotonicMs() + job.timeoutMs
  const ask = new DescribeTasksCommand({ cluster, tasks: [taskArn] })
  const read = async () => (await aws.send(ecsOf(parts), ask, { signal })).tasks?.[0] ?? null
  const { look } = withPatience(read, { what: `${job.name} to end`, clock, log })
  for (;;) {
    const task = await look()
    if (task?.lastStatus === 'STOPPED') return task
    if (clock.monotonicMs() >= endMs) {
      await stop(parts, cluster, taskArn, signal)
      return null
    }
    await clock.sleep(lookEveryMs, signal)
  }
}

async function stop(parts: Parts, cluster: string, task: string, signal: AbortSignal): Promise<void> {
  const command = new StopTaskCommand({ cluster, task, reason: 'Trunkline: it took longer than it may' })
  await parts.aws.send(ecsOf(parts), command, { signal, writes: true })
}

async function outcomeOf(
  parts: Parts,
  job: Job,
  begun: Revision,
  task: Task | null,
  signal: AbortSignal,
): Promise<Extract<JobOutcome, { kind: 'ended' | 'timed-out' }>> {
  const own = ownOf(job, begun.definition)
  const { mask } = createMasker(
    (job.secrets ?? Object.keys(job.variables)).flatMap((name) => job.variables[name] ?? []),
  )
  const written = task === null ? [] : await lastLines(parts, begun.definition, own, task, tailLines, signal)
  if (task === null) return { kind: 'timed-out', logTail: [] }
  const exitCode = task.containers?.find(({ name }) => name === own)?.exitCode
  const said = exitCode === 0 ? [] : [reasonOf(task)]
  return { kind: 'ended', exitCode: exitCode ?? 1, logTail: [...written, ...said].map(mask) }
}
