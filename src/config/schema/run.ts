/** How instances of a service run. */
import * as z from 'zod'
import type {
  AppspecRun,
  CloudFormationRun,
  CommandRun,
  ContainerRun,
  LambdaRun,
  PipelineRun,
  ServerlessRun,
  SiteRun,
  TerraformRun,
} from '../../model/index.ts'
import { cloudformationRun } from './cloudformation-run.ts'
import { commandSchema } from './command.ts'
import { durationSchema } from './duration.ts'
import { type KubernetesRunDocument, kubernetesRunSchema } from './kubernetes-run.ts'
import { lambdaRunSchema } from './lambda-run.ts'
import { portVariableSchema } from './name.ts'
import { pathSchema } from './path.ts'
import { pipelineRun } from './pipeline-run.ts'
import { serverlessRunSchema } from './serverless-run.ts'
import { flag, listOf, mustBe, object, textWith, wholeNumber } from './shapes.ts'
import { siteRun } from './site-run.ts'
import { terraformRun } from './terraform-run.ts'

/** As written: the service's own name is not filled in yet. */
type Described<Of> = Omit<Of, 'kubernetes'> & { kubernetes: KubernetesRunDocument }
export type RunDocument =
  | AppspecRun
  | LambdaRun
  | ServerlessRun
  | CloudFormationRun
  | TerraformRun
  | SiteRun
  | PipelineRun
  | Described<ContainerRun>
  | (Omit<CommandRun, 'kubernetes'> & { kubernetes?: KubernetesRunDocument })

/** The path of an HTTP request. */
export const requestPathSchema = textWith('a path such as `/healthz`', (path) =>
  /^\/[\x21-\x7e]*$/.test(path)
    ? null
    : { code: 'INVALID_VALUE', message: '`{key}` must be a path such as `/healthz`, beginning with `/`' },
)

const runShape = {
  command: commandSchema.describe("The command, run in the artifact's directory."),
  port: portVariableSchema
    .optional()
    .describe(
      'Variable in which an instance is told its port: Trunkline chooses the number. Without it the service serves nothing.',
    ),
  health: requestPathSchema
    .optional()
    .describe(
      'Path that answers 2xx once the instance can take requests. Without it an accepted connection is enough.',
    ),
  startTimeout: durationSchema.prefault('60s').describe('How long a start may take before it counts as failed.'),
  drainTimeout: durationSchema
    .prefault('30s')
    .describe('How long running requests may take when an instance is drained.'),
  stopTimeout: durationSchema.prefault('10s').describe('Time from SIGTERM to SIGKILL.'),
  kubernetes: kubernetesRunSchema
    .optional()
    .describe('How a cluster is told about it. Without it, a cluster runs the command in a Deployment.'),
}
const runObject = object(runShape).meta({
  id: 'Run',
  title: 'Run',
  description: 'How instances of the service run.',
})

const containerShape = {
  port: wholeNumber(1, 65_535).optional().describe('The port that the container listens on.'),
  health: runShape.health,
  args: listOf(commandSchema, 'a list of words').prefault([]).describe("In place of the image's own arguments."),
  startTimeout: runShape.startTimeout,
  drainTimeout: runShape.drainTimeout,
}

const containerObject = object(containerShape)

const ecsObject = object(
  {
    taskDefinition: pathSchema.describe(
      'Path of its task definition in the repository, as JSON; `{environment}` may stand in the path.',
    ),
    container: commandSchema
      .optional()
      .describe("The container that runs the service's image. Default: named like the service, else the only one."),
  },
  { expected: 'a mapping such as `{ taskDefinition: deploy/task.json }`' },
)

const containerOf = (
  container: z.output<typeof containerObject>,
  kubernetes: KubernetesRunDocument,
): Described<ContainerRun> => ({
  kind: 'container',
  containerPort: container.port ?? null,
  port: null,
  health: container.health ?? null,
  args: container.args,
  startTimeoutMs: container.startTimeout,
  drainTimeoutMs: container.drainTimeout,
  kubernetes,
})

/** Two forms, each with a key that it must have: so that mistakes are told of the form that was meant. */
const containerRun = object(
  {
    container: containerObject.describe('The image, started as it says itself.'),
    kubernetes: kubernetesRunSchema.prefault({}).describe('How a cluster is told about it.'),
    ecs: ecsObject.optional().describe('How ECS is told about it. Without it the task is made of `container`.'),
  },
  { expected: 'a mapping such as `{ container: { port: 8080 } }`' },
)
  .meta({ id: 'ContainerRun', title: 'Run as a container', description: "A container of the service's own image." })
  .transform(
    ({ container, kubernetes, ecs }): RunDocument => ({
      ...containerOf(container, kubernetes),
      ...(ecs === undefined ? {} : { ecs: { ...ecs, container: ecs.container ?? null } }),
    }),
  )

const describedRun = object(
  { kubernetes: kubernetesRunSchema.describe('How a cluster is told about it.') },
  { expected: 'a mapping such as `{ kubernetes: { kustomize: deploy } }`' },
)
  .meta({ id: 'DescribedRun', title: 'Run as described', description: 'What its own manifests or chart say.' })
  .transform(({ kubernetes }): RunDocument => containerOf(containerObject.parse({}), kubernetes))

const appspecObject = object(
  {
    appspec: pathSchema.describe(
      'Path of the `appspec.yml` in the artifact: its scripts deploy the service in place, as AWS CodeDeploy does.',
    ),
    ignoreStopFailures: flag(false).describe(
      'Whether a failing `ApplicationStop` of what ran before stands in the way of what comes after.',
    ),
  },
  { expected: 'a mapping such as `{ appspec: appspec.yml }`' },
)
  .meta({ id: 'AppspecRun', title: 'Run in place', description: 'Deployed in place by the scripts of its artifact.' })
  .transform((run): RunDocument => ({ kind: 'appspec', ...run, port: null, health: null }))

const commandRun = z
  .union([commandSchema.transform((command) => ({ command })).pipe(runObject), runObject], {
    error: mustBe('a command, or a mapping with `command`'),
  })
  .transform(
    (run): RunDocument => ({
      command: run.command,
      port: run.port ?? null,
      health: run.health ?? null,
      startTimeoutMs: run.startTimeout,
      drainTimeoutMs: run.drainTimeout,
      stopTimeoutMs: run.stopTimeout,
      ...(run.kubernetes === undefined ? {} : { kubernetes: run.kubernetes }),
    }),
  )

export const runSchema = z.union(
  [
    commandRun,
    appspecObject,
    containerRun,
    describedRun,
    lambdaRunSchema,
    serverlessRunSchema,
    cloudformationRun,
    terraformRun,
    siteRun,
    pipelineRun,
  ],
  {
    error: mustBe(
      'a command, or a mapping with `command`, `container`, `kubernetes`, `appspec`, `lambda`, `serverless`, `cloudformation`, `terraform`, `site` or `pipeline`',
    ),
  },
)
