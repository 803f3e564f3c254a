/** Why a deployment failed: what its first tasks that stopped say, alarms, hooks, and ECS itself. And the way back. */
import { DescribeTasksCommand, ListTasksCommand, type Task } from '@aws-sdk/client-ecs'
import { type Reason, reason, type ServiceName, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { beginOrJoin } from './begin.ts'
import { clusterOf, ecsOf, fill, type Parts, sayDefinition } from './parts.ts'
import { newestDeployment, sayDeployment, taskDefinitionOf } from './service-deployments.ts'
import { type Watched, watchDeployment } from './watch.ts'

/** Tasks that a scheduler takes away say nothing about themselves. */
const asWanted = /^Scaling activity initiated by/
const maxTasks = 100

type Failed = { watched: Watched; revision: string }

export async function failedVerdict(
  parts: Parts,
  request: RolloutRequest,
  { watched, revision }: Failed,
  context: TargetContext,
): Promise<Verdict & { ok: false }> {
  const superseded = await supersededBy(parts, request.service, watched, context.signal)
  if (superseded !== null) return { ok: false, reasons: [superseded] }
  const { deployment } = watched
  // A verification says more than the tasks that it may have brought down.
  const verified = watched.cut.filter(({ code }) => !ownCuts.has(code))
  const causes = [
    ...new Set([
      ...verified.map(({ message }) => message),
      ...(await causesOf(parts, request, { watched, revision }, context)),
    ]),
  ]
  const back = await wayBack(parts, request, watched, context)
  const failed = reason(
    'deployment-failed',
    `${verified.length > 0 ? `${sayDeployment(deployment.serviceDeploymentArn)} was stopped` : causes[0]}; ${back}`,
  )
  return { ok: false, reasons: [...verified, failed], logTail: causes }
}

const ownCuts: ReadonlySet<string> = new Set(['deployment-timed-out', 'tasks-failed'])

/** The first one first. */
async function causesOf(
  parts: Parts,
  { service }: RolloutRequest,
  { watched: { cut, deployment, failedHook }, revision }: Failed,
  { signal }: TargetContext,
): Promise<string[]> {
  const { alarms, rollback, statusReason, serviceDeploymentArn } = deployment
  return [
    ...(await reasonsOf(parts, service, revision, signal)),
    ...(alarms?.triggeredAlarmNames ?? []).map((name) => `the alarm ${name} has gone off`),
    ...(failedHook === null ? [] : [failedHook]),
    ...cut.flatMap(({ code, message }) => (ownCuts.has(code) ? [message] : [])),
    // Of what was stopped here, ECS says only that.
    ...(cut.length > 0 ? [] : [rollback?.reason ?? statusReason ?? `${sayDeployment(serviceDeploymentArn)} failed`]),
  ]
}

/** null: nobody has begun another one in its place. */
async function supersededBy(
  parts: Parts,
  service: ServiceName,
  { deployment, cut }: Watched,
  signal: AbortSignal,
): Promise<Reason | null> {
  if (deployment.status !== 'STOPPED' || cut.length > 0) return null
  const newest = await newestDeployment(parts, service, signal)
  if (newest === null || newest.serviceDeploymentArn === deployment.serviceDeploymentArn) return null
  const what = (await taskDefinitionOf(parts, newest.targetServiceRevisionArn, signal)) ?? undefined
  return reason('superseded', `another deployment has begun since, of ${sayDefinition(what)}`)
}

/** By ECS itself where it does that, and never twice. */
async function wayBack(
  parts: Parts,
  request: RolloutRequest,
  { deployment }: Watched,
  context: TargetContext,
): Promise<string> {
  const { status, statusReason, sourceServiceRevisions = [] } = deployment
  if (status === 'ROLLBACK_SUCCESSFUL') return 'what ran before runs again'
  if (status === 'ROLLBACK_FAILED') return `what ran before does not run again: ${statusReason ?? 'ECS says not why'}`
  const before = await taskDefinitionOf(parts, sourceServiceRevisions[0]?.arn, context.signal)
  if (before === null) return 'nothing ran before'
  const back: RolloutRequest = { ...request, strategy: 'all-at-once' }
  const begun = await beginOrJoin(parts, back, before, context)
  if (begun === null) return 'what ran before runs again'
  const watched = await watchDeployment(parts, back, begun, context)
  if (watched.deployment.status === 'SUCCESSFUL') return 'what ran before runs again'
  return `what ran before does not run again: ${watched.deployment.statusReason ?? 'ECS says not why'}`
}

/** First the first that stopped. */
async function reasonsOf(
  parts: Parts,
  service: ServiceName,
  taskDefinition: string,
  signal: AbortSignal,
): Promise<string[]> {
  const stopped = (await stoppedTasks(parts, service, signal))
    .filter((task) => task.taskDefinitionArn === taskDefinition && !asWanted.test(task.stoppedReason ?? ''))
    .sort((left, right) => (left.stoppedAt?.getTime() ?? 0) - (right.stoppedAt?.getTime() ?? 0))
  return [...new Set(stopped.map(reasonOf))]
}

async function stoppedTasks(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Task[]> {
  const cluster = clusterOf(parts, service)
  const list = new ListTasksCommand({
    ...{ cluster, desiredStatus: 'STOPPED', maxResults: maxTasks },
    serviceName: fill(parts, service, parts.config.service),
  })
  const { taskArns: tasks = [] } = await parts.aws.send(ecsOf(parts), list, { signal })
  if (tasks.length === 0) return []
  return (await parts.aws.send(ecsOf(parts), new DescribeTasksCommand({ cluster, tasks }), { signal })).tasks ?? []
}

/** `web ended with exit code 1: OutOfMemoryError (Essential container in task exited)` */
export function reasonOf({ containers = [], stoppedReason = 'a task stopped' }: Task): string {
  const failed = containers.find(({ exitCode, reason: why }) => (exitCode ?? 0) !== 0 || why !== undefined)
  if (failed === undefined) return stoppedReason
  const code = failed.exitCode === undefined ? ' did not start' : ` ended with exit code ${failed.exitCode}`
  return `${failed.name}${code}${failed.reason === undefined ? '' : `: ${failed.reason}`} (${stoppedReason})`
}
