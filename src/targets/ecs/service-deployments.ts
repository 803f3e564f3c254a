/** Deployments of a service, as ECS keeps them: found, looked at, told to go on, and stopped. */
import {
  ContinueServiceDeploymentCommand,
  DescribeServiceDeploymentsCommand,
  DescribeServiceRevisionsCommand,
  ListServiceDeploymentsCommand,
  type ServiceDeployment,
  type ServiceDeploymentBrief,
  type ServiceDeploymentStatus,
  StopServiceDeploymentCommand,
} from '@aws-sdk/client-ecs'
import { erroredError, type ServiceName } from '../../model/index.ts'
import { clusterOf, ecsOf, fill, type Parts } from './parts.ts'

type Status = ServiceDeploymentStatus | undefined

const ends: ReadonlySet<Status> = new Set(['SUCCESSFUL', 'STOPPED', 'ROLLBACK_SUCCESSFUL', 'ROLLBACK_FAILED'])
const goesBack: ReadonlySet<Status> = new Set(['STOP_REQUESTED', 'ROLLBACK_REQUESTED', 'ROLLBACK_IN_PROGRESS'])
const newest = 20

export const hasEnded = (status: Status): boolean => ends.has(status)
export const isGoingBack = (status: Status): boolean => goesBack.has(status)

/** null: ECS knows none; it forgets them after ninety days. */
export async function newestDeployment(
  parts: Parts,
  service: ServiceName,
  signal: AbortSignal,
): Promise<ServiceDeploymentBrief | null> {
  const { aws, config } = parts
  const command = new ListServiceDeploymentsCommand({
    ...{ cluster: clusterOf(parts, service), service: fill(parts, service, config.service), maxResults: newest },
  })
  const { serviceDeployments = [] } = await aws.send(ecsOf(parts), command, { signal })
  const moment = ({ createdAt }: ServiceDeploymentBrief) => createdAt?.getTime() ?? 0
  return serviceDeployments.sort((left, right) => moment(right) - moment(left))[0] ?? null
}

/** The task definition of what a deployment brings, or of what was there before it; null: ECS has forgotten it. */
export async function taskDefinitionOf(
  parts: Parts,
  revision: string | undefined,
  signal: AbortSignal,
): Promise<string | null> {
  if (revision === undefined) return null
  const command = new DescribeServiceRevisionsCommand({ serviceRevisionArns: [revision] })
  const { serviceRevisions = [] } = await parts.aws.send(ecsOf(parts), command, { signal })
  return serviceRevisions[0]?.taskDefinition ?? null
}

export async function readDeployment(parts: Parts, arn: string, signal: AbortSignal): Promise<ServiceDeployment> {
  const command = new DescribeServiceDeploymentsCommand({ serviceDeploymentArns: [arn] })
  const { serviceDeployments = [] } = await parts.aws.send(ecsOf(parts), command, { signal })
  const [found] = serviceDeployments
  if (found !== undefined) return found
  throw erroredError('DEPLOYMENT_GONE', `ECS knows no deployment ${sayDeployment(arn)} any more`)
}

/** What ran before runs again. Whether there was something to stop. */
export async function stopDeployment(parts: Parts, arn: string, signal: AbortSignal): Promise<boolean> {
  const { aws } = parts
  const command = new StopServiceDeploymentCommand({ serviceDeploymentArn: arn, stopType: 'ROLLBACK' })
  try {
    await aws.send(ecsOf(parts), command, { signal, writes: true })
    return true
  } catch (error) {
    // It has ended, or goes back already; AWS does not say which of the two errors that is.
    if (!aws.isError(error, 'ConflictException') && !aws.isError(error, 'InvalidParameterException')) throw error
    const { status } = await readDeployment(parts, arn, signal)
    if (hasEnded(status) || isGoingBack(status)) return false
    throw error
  }
}

/** At a pause of its lifecycle. Nothing where somebody else was faster. */
export async function continueDeployment(
  parts: Parts,
  arn: string,
  hookId: string,
  signal: AbortSignal,
): Promise<void> {
  const { aws } = parts
  const command = new ContinueServiceDeploymentCommand({ serviceDeploymentArn: arn, hookId, action: 'CONTINUE' })
  try {
    await aws.send(ecsOf(parts), command, { signal, writes: true })
  } catch (error) {
    if (!aws.isError(error, 'InvalidParameterException') && !aws.isError(error, 'ClientException')) throw error
    const { lifecycleHookDetails = [] } = await readDeployment(parts, arn, signal)
    if (lifecycleHookDetails.some((hook) => hook.hookId === hookId && hook.status === 'AWAITING_ACTION')) throw error
  }
}

/** `r9i43YFjvgF` */
export const sayDeployment = (arn: string | undefined): string => (arn ?? 'a deployment').replace(/^.*\//, '')
