/** Whether a service has what a rollout in stages needs: something that can send requests to old or to new tasks. */
import type { LoadBalancer, Service } from '@aws-sdk/client-ecs'
import { type Reason, reason, type ServiceName } from '../../model/index.ts'
import { type Parts, saySelf } from './parts.ts'

const guide = 'https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-implementation.html'

/** What ECS needs of each load balancer to shift its requests. */
const needed = {
  alternateTargetGroupArn: 'second target group (`alternateTargetGroupArn`)',
  productionListenerRule: 'rule that leads to one or the other (`productionListenerRule`)',
  roleArn: 'role by which ECS may change that rule (`roleArn`)',
} as const

/** Empty: ECS can divide its requests. */
export function whyUndivided(parts: Parts, service: ServiceName, found: Service): Reason[] {
  const self = saySelf(parts, service)
  const { loadBalancers = [], deployments = [] } = found
  const hasMesh = deployments.some(
    ({ serviceConnectConfiguration: mesh, vpcLatticeConfigurations: lattice = [] }) =>
      mesh?.enabled === true || lattice.length > 0,
  )
  if (hasMesh) return []
  if (loadBalancers.length === 0) {
    return [objection(`${self} has no load balancer: nothing could send requests to its new tasks first`)]
  }
  return loadBalancers.flatMap((balancer) => {
    const missing = missingIn(balancer)
    if (missing.length === 0) return []
    const group = balancer.targetGroupArn?.replace(/^.*targetgroup\/([^/]+)\/.*$/, '$1') ?? balancer.loadBalancerName
    return [objection(`the load balancer of ${self} (target group ${group}) has no ${missing.join(', no ')}`)]
  })
}

function missingIn({ advancedConfiguration = {} }: LoadBalancer): string[] {
  return Object.entries(needed).flatMap(([key, what]) =>
    advancedConfiguration[key as keyof typeof needed] === undefined ? [what] : [],
  )
}

const objection = (message: string): Reason =>
  reason('rollout-not-available', message, {
    hint: `give it \`advancedConfiguration\` in the stack that makes it (${guide}), or roll out by \`one-at-a-time\``,
  })
