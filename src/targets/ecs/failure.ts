/** Why a deployment failed: what its first tasks that stopped say, and ECS itself. */
import { DescribeTasksCommand, ListTasksCommand, type Task } from '@aws-sdk/client-ecs'
import type { ServiceName } from '../../model/index.ts'
import { clusterOf, ecsOf, fill, type Parts } from './parts.ts'

/** Tasks that a scheduler takes away say nothing about themselves. */
const asWanted = /^Scaling activity initiated by/
const maxTasks = 100

/** First the first that stopped. */
export async function reasonsOf(
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
  const failed = containers.find(({ exitCode, reason }) => (exitCode ?? 0) !== 0 || reason !== undefined)
  if (failed === undefined) return stoppedReason
  const code = failed.exitCode === undefined ? ' did not start' : ` ended with exit code ${failed.exitCode}`
  return `${failed.name}${code}${failed.reason === undefined ? '' : `: ${failed.reason}`} (${stoppedReason})`
}
