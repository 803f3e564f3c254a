/** What a deployment group can promise: no downtime needs something before the instances, and a second one. */
import { AutoScalingClient, DescribeAutoScalingGroupsCommand } from '@aws-sdk/client-auto-scaling'
import type { DeploymentGroupInfo } from '@aws-sdk/client-codedeploy'
import {
  DescribeTargetGroupAttributesCommand,
  DescribeTargetGroupsCommand,
  ElasticLoadBalancingV2Client,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { type Reason, reason, TrunklineError } from '../../model/index.ts'
import type { RolloutRequest } from '../../ports/index.ts'
import { configurationObjections, keepsNone, readConfiguration } from './configuration.ts'
import { type Group, readDeployment } from './deployments.ts'
import { messageOf, type Parts, sayGroup } from './parts.ts'
import { countOf } from './standing.ts'

type Asked = Pick<RolloutRequest, 'service' | 'desired' | 'strategy'>

export async function objectionsOf(
  parts: Parts,
  group: Group,
  { service, desired, strategy }: Asked,
  signal: AbortSignal,
): Promise<Reason[]> {
  const { config, project, environment } = parts
  const found: Reason[] = []
  const { computePlatform = 'Server' } = group.info
  if (computePlatform !== 'Server') {
    const message = `${sayGroup(group.name)} deploys to ${computePlatform}, and an appspec.yml with scripts needs machines`
    found.push(reason('wrong-platform', message, { hint: 'name a group of EC2 or on-premises instances' }))
  }
  const variables = Object.keys(desired.env)
  if (variables.length > 0) {
    found.push(
      reason(
        'no-variables',
        `${service} has variables (${variables.join(', ')}), and CodeDeploy hands its scripts none`,
        {
          hint: `leave \`env\` out, and let the scripts read them: aws ssm get-parameters-by-path --with-decryption --path /${project}/${environment}/${service}`,
        },
      ),
    )
  }
  const isInPlace = !isBlueGreen(group.info)
  const configuration = isInPlace ? await readConfiguration(parts, signal) : null
  if (configuration !== null) {
    found.push(...configurationObjections(configuration, await instanceCount(parts, group.info, signal)))
  }
  if (config.downtime === 'accepted' || strategy === 'all-at-once' || !isInPlace) return found
  const why =
    (await whyDowntime(parts, group, signal)) ??
    (configuration !== null && keepsNone(configuration)
      ? `the deployment configuration ${config.configuration} may change all instances at once`
      : null)
  if (why !== null) {
    found.push(
      reason('downtime', `a rollout without downtime cannot be promised: ${why}`, {
        hint: 'give the deployment group a load balancer (`WITH_TRAFFIC_CONTROL`) and two instances; or say that downtime is fine: `downtime: accepted` in the target, or `rollout: all-at-once`',
      }),
    )
  }
  return found
}

async function whyDowntime(parts: Parts, { name, info }: Group, signal: AbortSignal): Promise<string | null> {
  if (info.deploymentStyle?.deploymentOption !== 'WITH_TRAFFIC_CONTROL' || balancersOf(info).length === 0) {
    return `${sayGroup(name)} has no load balancer, so that requests go to an instance while it is changed`
  }
  const count = await instanceCount(parts, info, signal)
  return count === 1 ? `${sayGroup(name)} has one instance, and nothing answers while it is changed` : null
}

export const isBlueGreen = ({ deploymentStyle }: DeploymentGroupInfo): boolean =>
  deploymentStyle?.deploymentType === 'BLUE_GREEN'

/** null: nobody knows before the first deployment. */
async function instanceCount(parts: Parts, info: DeploymentGroupInfo, signal: AbortSignal): Promise<number | null> {
  const names = (info.autoScalingGroups ?? []).flatMap(({ name }) => (name === undefined ? [] : [name]))
  if (names.length > 0) {
    const command = new DescribeAutoScalingGroupsCommand({ AutoScalingGroupNames: names })
    const { AutoScalingGroups = [] } = await parts.aws.send(parts.aws.client(AutoScalingClient), command, { signal })
    return AutoScalingGroups.reduce((sum, { DesiredCapacity = 0 }) => sum + DesiredCapacity, 0)
  }
  const last = await readDeployment(parts, info.lastSuccessfulDeployment?.deploymentId, signal)
  return last === null ? null : countOf(last).desired
}

const targetGroupsOf = ({ loadBalancerInfo }: DeploymentGroupInfo): string[] =>
  [
    ...(loadBalancerInfo?.targetGroupInfoList ?? []),
    ...(loadBalancerInfo?.targetGroupPairInfoList ?? []).flatMap(({ targetGroups = [] }) => targetGroups),
  ].flatMap(({ name }) => (name === undefined ? [] : [name]))

const balancersOf = (info: DeploymentGroupInfo): string[] => [
  ...targetGroupsOf(info),
  ...(info.loadBalancerInfo?.elbInfoList ?? []).flatMap(({ name }) => (name === undefined ? [] : [name])),
]

/** Target groups that take requests away faster than they may end: a sentence for each. */
export async function shortDraining(parts: Parts, { info }: Group, signal: AbortSignal): Promise<string[]> {
  const { aws, config } = parts
  const Names = targetGroupsOf(info)
  if (Names.length === 0) return []
  const wanted = config.drainTimeoutMs / 1000
  const client = aws.client(ElasticLoadBalancingV2Client)
  try {
    const { TargetGroups = [] } = await aws.send(client, new DescribeTargetGroupsCommand({ Names }), { signal })
    const told = await Promise.all(
      TargetGroups.map(async ({ TargetGroupArn, TargetGroupName }) => {
        const command = new DescribeTargetGroupAttributesCommand({ TargetGroupArn })
        const { Attributes = [] } = await aws.send(client, command, { signal })
        const delay = Number(Attributes.find(({ Key }) => Key === 'deregistration_delay.timeout_seconds')?.Value ?? 300)
        if (delay >= wanted) return []
        return [
          `the target group ${TargetGroupName} gives running requests ${delay} s, and they may take ${wanted} s (\`drainTimeout\`): some will be cut off`,
        ]
      }),
    )
    return told.flat()
  } catch (error) {
    // It is a warning: who may not look is told, and goes on.
    if (!(error instanceof TrunklineError) || error.code === 'CANCELLED' || signal.aborted) throw error
    return [`how long requests may end is not known: ${messageOf(error)}`]
  }
}
