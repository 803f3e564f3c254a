/** One service of ECS as it stands, and changing what it runs. */
import {
  type Deployment,
  type DeploymentConfiguration,
  DescribeServicesCommand,
  type Service,
  type ServiceDeploymentBrief,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs'
import { refusedError, type ServiceName } from '../../model/index.ts'
import { clusterOf, ecsOf, fill, type Parts, saySelf } from './parts.ts'

/** null: there is none. */
export async function readService(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Service | null> {
  const { aws, config } = parts
  const cluster = clusterOf(parts, service)
  const command = new DescribeServicesCommand({ cluster, services: [fill(parts, service, config.service)] })
  try {
    const { services = [] } = await aws.send(ecsOf(parts), command, { signal })
    return services.find(({ status }) => status !== 'INACTIVE') ?? null
  } catch (error) {
    if (aws.isError(error, 'ClusterNotFoundException')) return null
    throw error
  }
}

/** Missing or led by another controller: refused. */
export async function knownService(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Service> {
  const found = await readService(parts, service, signal)
  if (found === null) {
    throw refusedError('NO_ECS_SERVICE', `there is no such thing as ${saySelf(parts, service)}`, {
      hint: 'services are infrastructure: make it with a stack, or name others (`cluster`, `service`)',
    })
  }
  if (isOwn(found)) return found
  const by = found.deploymentController?.type
  throw refusedError('OTHER_CONTROLLER', `${saySelf(parts, service)} is deployed by ${by}, not by ECS itself`, {
    hint: 'let its deployment controller be ECS, which rolls, and goes blue-green, by itself',
  })
}

/** Deployed by ECS itself, which alone knows of its deployments. */
export const isOwn = ({ deploymentController }: Service): boolean => (deploymentController?.type ?? 'ECS') === 'ECS'

export const primaryOf = ({ deployments = [] }: Service): Deployment | null =>
  deployments.find(({ status }) => status === 'PRIMARY') ?? null

/**
 * Whether what it was told to run last, or what it went back to, runs in full. A service that is older than what ECS
 * remembers of deployments has no newest one.
 */
export function isSettled(found: Service, newest: Pick<ServiceDeploymentBrief, 'status'> | null): boolean {
  const { rolloutState = 'COMPLETED' } = primaryOf(found) ?? {}
  const status = newest?.status ?? 'SUCCESSFUL'
  return rolloutState === 'COMPLETED' && (status === 'SUCCESSFUL' || status === 'ROLLBACK_SUCCESSFUL')
}

export type Update = { taskDefinition: string /** null: as it is. */; configuration: DeploymentConfiguration | null }

/** ECS begins a deployment of it. */
export async function updateService(
  parts: Parts,
  service: ServiceName,
  before: Service,
  { taskDefinition, configuration }: Update,
  signal: AbortSignal,
): Promise<void> {
  const command = new UpdateServiceCommand({
    cluster: clusterOf(parts, service),
    service: fill(parts, service, parts.config.service),
    taskDefinition,
    // One that failed with it is tried again.
    forceNewDeployment: primaryOf(before)?.taskDefinition === taskDefinition,
    ...(configuration === null ? {} : { deploymentConfiguration: configuration }),
  })
  await parts.aws.send(ecsOf(parts), command, { signal, writes: true })
}
