/** AWS ECS: clusters, services and what tasks are made of. */
import type { TargetConfig } from '../../../model/index.ts'
import { durationSchema } from '../duration.ts'
import { templateSchema } from '../placeholder.ts'
import { mappingOf, object, textWith, wholeNumber } from '../shapes.ts'

const roleSchema = templateSchema('the ARN of a role', /^arn:aws[a-z-]*:iam::(?:\d{12}|x):role\/\S+$/)
const nameOf = (what: string) => templateSchema(`the name of ${what}`, /^[\w-]{1,255}$/)

const variableName = textWith('the name of a variable', (name) =>
  /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)
    ? null
    : { code: 'INVALID_NAME', message: `\`${name}\` is not the name of a variable` },
)

export const ecsSchema = object(
  {
    cluster: nameOf('a cluster').describe('The cluster of ECS.'),
    service: nameOf('a service')
      .prefault('{project}-{environment}-{service}')
      .describe('What services are called there. They are infrastructure: a stack makes them.'),
    family: nameOf('a family')
      .prefault('{project}-{environment}-{service}')
      .describe('The family of task definitions that revisions are registered in.'),
    cpu: wholeNumber(128, 32_768).prefault(256).describe('Of a task that is described by `run.container` alone.'),
    memory: wholeNumber(128, 249_856).prefault(512).describe('The same, in MB.'),
    executionRole: roleSchema
      .optional()
      .describe('The ARN of what ECS pulls images, reads secrets and writes logs with.'),
    taskRole: roleSchema.optional().describe('The ARN of what containers run as.'),
    logGroup: templateSchema('the name of a log group', /^[\w./#-]{1,512}$/)
      .optional()
      .describe('The log group of CloudWatch that generated containers write to.'),
    secrets: mappingOf(
      variableName,
      templateSchema('the name or ARN of a parameter or secret', /^[\w./:+=@-]{1,2048}$/),
      'a mapping of variables to parameters and secrets',
    )
      .prefault({})
      .describe('Variables that are secret: names of parameters of SSM, or ARNs of parameters and secrets.'),
    timeout: durationSchema.prefault('30m').describe('How long a deployment may take until it is taken back.'),
    url: templateSchema('a URL such as `https://{service}.example`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where a service is reached: that of its load balancer.'),
    previewUrl: templateSchema('a URL such as `https://{service}.example:8443`', /^https?:\/\/[^\s/]+(?:\/\S*)?$/)
      .optional()
      .describe('Where its test listener is: new tasks of a blue-green rollout are verified there, before the switch.'),
  },
  { expected: 'a mapping such as `{ cluster: shop }`' },
)
  .meta({ id: 'Ecs', title: 'AWS ECS', description: 'Services of ECS, on Fargate or on instances.' })
  .transform(
    ({ memory, executionRole, taskRole, logGroup, timeout, url, previewUrl, ...rest }): TargetConfig => ({
      kind: 'ecs',
      ecs: {
        ...rest,
        memoryMb: memory,
        executionRole: executionRole ?? null,
        taskRole: taskRole ?? null,
        logGroup: logGroup ?? null,
        timeoutMs: timeout,
        url: url ?? null,
        previewUrl: previewUrl ?? null,
      },
    }),
  )
