/** One service of ECS as it stands, and changing what it runs. */
import { type Deployment, DescribeServicesCommand, type Service, UpdateServiceCommand } from '@aws-sdk/client-ecs'
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
  const controller = found.deploymentController?.type ?? 'ECS'
  if (controller === 'ECS') return found
  throw refusedError('OTHER_CONTROLLER', `${saySelf(parts, service)} is deployed by ${controller}, not by ECS itself`, {
    hint: 'let its deployment controller be ECS, which rolls, and goes blue-green, by itself',
  })
}

export const primaryOf = ({ deployments = [] }: Service): Deployment | null =>
  deployments.find(({ status }) => status === 'PRIMARY') ?? null

/** What runs in full, or did before what is on its way. */
export function settledOf({ deployments = [] }: Service): Deployment | null {
  const done = deployments.find(({ rolloutState }) => rolloutState === 'COMPLETED')
  return done ?? deployments.find(({ status }) => status === 'ACTIVE') ?? null
}

/** What ECS makes of it. Blue-green looks after itself; in a rolling one the circuit breaker does. */
export async function updateService(
  parts: Parts,
  service: ServiceName,
  before: Service,
  taskDefinition: string,
  signal: AbortSignal,
): Promise<Deployment | null> {
  const { deploymentConfiguration = {} } = before
  const isRolling = (deploymentConfiguration.strategy ?? 'ROLLING') === 'ROLLING'
  const command = new UpdateServiceCommand({
    cluster: clusterOf(parts, service),
    service: fill(parts, service, parts.config.service),
    taskDefinition,
    // One that failed with it is tried again.
    forceNewDeployment: primaryOf(before)?.taskDefinition === taskDefinition,
    ...(isRolling && {
      deploymentConfiguration: {
        ...deploymentConfiguration,
        deploymentCircuitBreaker: { enable: true, rollback: true },
      },
    }),
  })
  const answer = await parts.aws.send(ecsOf(parts), command, { signal, writes: true })
  return answer.service === undefined ? null : primaryOf(answer.service)
}
