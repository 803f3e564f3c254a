/** AWS CodeDeploy: where revisions go, and how they are deployed. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema } from '../placeholder.ts'
import { choice, object } from '../shapes.ts'

const nameOf = (what: string) => templateSchema(`the name of ${what}`, /^[\w+=,.@ -]{1,100}$/)

export const codedeploySchema = object(
  {
    application: nameOf('an application').prefault('{project}-{service}').describe('The application of CodeDeploy.'),
    deploymentGroup: nameOf('a deployment group')
      .prefault('{environment}')
      .describe('Its deployment group: the instances. A group belongs to one service.'),
    bucket: templateSchema('the name of a bucket', /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/, [
      'project',
      'environment',
    ]).describe('The S3 bucket, in the same region, where revisions are kept by content. Instances read it.'),
    prefix: templateSchema('a prefix such as `revisions`', /^[\w.-]+(?:\/[\w.-]+)*$/, ['project', 'environment'])
      .prefault('revisions')
      .describe('What its keys begin with.'),
    configuration: nameOf('a deployment configuration')
      .optional()
      .describe(
        'A deployment configuration by name, such as one with a minimum of healthy hosts. Without it the one that `rollout` says: `CodeDeployDefault.OneAtATime`, `HalfAtATime` or `AllAtOnce`.',
      ),
    timeout: durationSchema
      .prefault('60m')
      .describe('How long a deployment may take until it is stopped, and how long one of somebody else is waited for.'),
    stuckAfter: durationSchema
      .prefault('15m')
      .describe('A deployment in which no instance has come further for so long is stopped.'),
    downtime: choice(['refused', 'accepted'])
      .prefault('refused')
      .describe(
        '`accepted`: instances may be out of service while they are changed. Without it `one-at-a-time` and `half` need a load balancer and a second instance.',
      ),
    drainTimeout: durationSchema
      .prefault('30s')
      .describe('How long running requests may take. A target group that waits less is told of.'),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where a service is reached: that of its load balancer.'),
  },
  { expected: 'a mapping such as `{ application: shop, deploymentGroup: "{environment}", bucket: shop-revisions }`' },
)
  .meta({ id: 'CodeDeploy', title: 'AWS CodeDeploy', description: 'Virtual machines that CodeDeploy deploys to.' })
  .transform(
    ({ timeout, stuckAfter, drainTimeout, configuration, url, ...rest }): TargetConfig => ({
      kind: 'codedeploy',
      codedeploy: {
        ...rest,
        configuration: configuration ?? null,
        url: url ?? null,
        timeoutMs: timeout,
        stuckAfterMs: stuckAfter,
        drainTimeoutMs: drainTimeout,
      },
    }),
  )
