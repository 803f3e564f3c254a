/** What containers have written, from CloudWatch Logs. */
import { CloudWatchLogsClient, GetLogEventsCommand } from '@aws-sdk/client-cloudwatch-logs'
import type { ContainerDefinition, Task, TaskDefinition } from '@aws-sdk/client-ecs'
import { groupLogs } from '../../aws/log-group.ts'
import { refusedError } from '../../model/index.ts'
import type { LogLine, LogQuery } from '../../ports/index.ts'
import type { Parts } from './parts.ts'
import { knownService } from './service.ts'
import { readRevision } from './task-definition.ts'

export async function* serviceLogs(parts: Parts, query: LogQuery, signal: AbortSignal): AsyncIterable<LogLine> {
  const found = await knownService(parts, query.service, signal)
  const revision = await readRevision(parts, found.taskDefinition ?? '', signal)
  const containers = revision?.definition.containerDefinitions ?? []
  const own = containers.find(({ name }) => name === query.service) ?? containers[0]
  const name = own === undefined ? undefined : optionsOf(own)['awslogs-group']
  if (name === undefined) {
    throw refusedError('NO_LOGS', `containers of ${query.service} write to no log group of CloudWatch`, {
      hint: 'name one: `logGroup` of the target, or `logConfiguration` of its task definition (`awslogs`)',
    })
  }
  // Secrets are known to ECS alone.
  yield* groupLogs(parts, { name, mask: (text) => text }, query, signal)
}

const optionsOf = ({ logConfiguration }: ContainerDefinition): Record<string, string> =>
  logConfiguration?.logDriver === 'awslogs' ? (logConfiguration.options ?? {}) : {}

/** Oldest first; empty where it writes nowhere, or has written nothing. */
export async function lastLines(
  { aws }: Parts,
  { containerDefinitions = [] }: TaskDefinition,
  container: string,
  { taskArn = '' }: Task,
  count: number,
  signal: AbortSignal,
): Promise<string[]> {
  const own = containerDefinitions.find(({ name }) => name === container)
  const options = own === undefined ? {} : optionsOf(own)
  const [group, prefix] = [options['awslogs-group'], options['awslogs-stream-prefix']]
  if (group === undefined || prefix === undefined) return []
  const logStreamName = `${prefix}/${container}/${taskArn.replace(/^.*\//, '')}`
  const command = new GetLogEventsCommand({ logGroupName: group, logStreamName, limit: count, startFromHead: false })
  try {
    const { events = [] } = await aws.send(aws.client(CloudWatchLogsClient), command, { signal })
    return events.map(({ message = '' }) => message.replace(/\n$/, ''))
  } catch (error) {
    if (aws.isError(error, 'ResourceNotFoundException')) return []
    throw error
  }
}
