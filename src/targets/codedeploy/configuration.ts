/** A deployment configuration that is named: how many instances it keeps healthy. */
import { type DeploymentConfigInfo, GetDeploymentConfigCommand } from '@aws-sdk/client-codedeploy'
import { type Reason, reason } from '../../model/index.ts'
import { codedeployOf, type Parts } from './parts.ts'

/** null: none is named, or there is no such one (a stack may make it). */
export async function readConfiguration(parts: Parts, signal: AbortSignal): Promise<DeploymentConfigInfo | null> {
  const { aws, config } = parts
  if (config.configuration === null) return null
  const command = new GetDeploymentConfigCommand({ deploymentConfigName: config.configuration })
  try {
    const { deploymentConfigInfo } = await aws.send(codedeployOf(parts), command, { signal })
    return deploymentConfigInfo ?? null
  } catch (error) {
    if (aws.isError(error, 'DeploymentConfigDoesNotExistException')) return null
    throw error
  }
}

/** Of so many instances; null: nobody knows how many there are. */
export function configurationObjections(info: DeploymentConfigInfo, instances: number | null): Reason[] {
  const { computePlatform = 'Server', deploymentConfigName: name } = info
  if (computePlatform !== 'Server') {
    const hint = 'name one for machines, or leave `configuration` out: `rollout` chooses one'
    return [
      reason('wrong-platform', `the deployment configuration ${name} is for ${computePlatform}, not for machines`, {
        hint,
      }),
    ]
  }
  if (instances === null || instances === 0 || healthyOf(info, instances) < instances) return []
  const few = instances === 1 ? 'the only one' : `all ${instances}`
  return [
    reason(
      'configuration-too-strict',
      `the deployment configuration ${name} keeps ${few} healthy: none may be changed`,
      {
        hint: 'let it keep fewer, or give the deployment group more instances',
      },
    ),
  ]
}

/** Instances that stay in service, at the least. */
export function healthyOf({ minimumHealthyHosts }: DeploymentConfigInfo, instances: number): number {
  const { type, value = 0 } = minimumHealthyHosts ?? {}
  return type === 'FLEET_PERCENT' ? Math.ceil((instances * value) / 100) : value
}

/** Whether it may take all instances at once, however many there are. */
export const keepsNone = ({ minimumHealthyHosts }: DeploymentConfigInfo): boolean =>
  (minimumHealthyHosts?.value ?? 0) === 0
