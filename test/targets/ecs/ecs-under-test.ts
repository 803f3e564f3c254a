/** The target for ECS over the emulator of AWS, and what a test looks at there with the SDK itself. */
import assert from 'node:assert/strict'
import {
  CreateClusterCommand,
  CreateServiceCommand,
  type DeploymentConfiguration,
  DescribeServicesCommand,
  DescribeTaskDefinitionCommand,
  ECSClient,
  type LoadBalancer,
  RegisterTaskDefinitionCommand,
  UpdateServiceCommand,
} from '@aws-sdk/client-ecs'
import { openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { ContainerRun, Digest, EcsConfig, Verdict } from '../../../src/model/index.ts'
import type { ArtifactStore, Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createEcsTarget } from '../../../src/targets/ecs/index.ts'
import type { AwsPart } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { type RecordedContext, recordedContext } from '../recorded-context.ts'

export const inTime = () => AbortSignal.timeout(120_000)
export type EcsUnderTest = Awaited<ReturnType<typeof openEcs>>
export type EcsContext = RecordedContext

const cluster = 'shop'
const service = 'shop-prod-web'
export const digestOf = (version: string): Digest =>
  `sha256:${Buffer.from(version).toString('hex').padStart(64, '0')}` as Digest // As the test wants it.

/** Where ECS would pull from; nothing here does. */
const artifacts = {
  forService: () => artifacts,
  imageReference: (digest: Digest) => `registry.example/shop@${digest}`,
} as unknown as ArtifactStore // The rest of it nobody asks.

export async function openEcs(part: AwsPart, faults: AwsFaults) {
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  const client = aws.client(ECSClient)
  const targets: Target[] = []
  const { subnet, group } = await networkOf(part)
  await aws.send(client, new CreateClusterCommand({ clusterName: cluster }), { signal: inTime() })
  const first = new RegisterTaskDefinitionCommand({
    ...{ family: 'placeholder', cpu: '256', memory: '512', requiresCompatibilities: ['FARGATE'] },
    ...{ networkMode: 'awsvpc', containerDefinitions: [{ name: 'web', image: 'registry.example/hello' }] },
  })
  await aws.send(client, first, { signal: inTime() })

  return {
    async makeService(
      change: {
        controller?: 'CODE_DEPLOY'
        loadBalancers?: LoadBalancer[]
        configuration?: DeploymentConfiguration
      } = {},
    ) {
      const command = new CreateServiceCommand({
        ...{ cluster, serviceName: service, taskDefinition: 'placeholder:1', desiredCount: 2, launchType: 'FARGATE' },
        networkConfiguration: { awsvpcConfiguration: { subnets: [subnet], securityGroups: [group] } },
        ...(change.controller === undefined ? {} : { deploymentController: { type: change.controller } }),
        ...(change.loadBalancers === undefined ? {} : { loadBalancers: change.loadBalancers }),
        ...(change.configuration === undefined ? {} : { deploymentConfiguration: change.configuration }),
      })
      await aws.send(client, command, { signal: inTime() })
    },
    open({ config = {}, clock = quickClock() }: { config?: Partial<EcsConfig>; clock?: Clock } = {}) {
      const target = createEcsTarget({
        config: { ...configuration, ...config },
        ...{ project: 'shop', environment: 'prod', clock, variables: faults.environment, aws: faults.access },
      })
      targets.push(target)
      return target
    },
    release: (version: string, change: Partial<RolloutRequest> = {}): RolloutRequest => ({
      ...{ service: 'web', strategy: 'one-at-a-time', files: async () => new Map(), variables: { COLOUR: 'red' } },
      desired: {
        ...{ artifact: digestOf(version), generation: `generation-${version}`, fingerprint: null, run },
        env: { COLOUR: { kind: 'from', from: 'COLOUR', secret: false, default: null } },
      },
      ...change,
    }),
    context: (change: Partial<TargetContext> = {}) =>
      recordedContext({ artifacts, environment: 'prod', signal: inTime() }, change),
    /** `shop-prod-web:2` */
    async runs(): Promise<string> {
      const command = new DescribeServicesCommand({ cluster, services: [service] })
      const { services = [] } = await aws.send(client, command, { signal: inTime() })
      return services[0]?.taskDefinition?.replace(/^.*\//, '') ?? ''
    },
    async definition(taskDefinition: string) {
      const command = new DescribeTaskDefinitionCommand({ taskDefinition, include: ['TAGS'] })
      return await aws.send(client, command, { signal: inTime() })
    },
    /** As a stack would that was changed. */
    async balance(loadBalancers: LoadBalancer[]) {
      await aws.send(client, new UpdateServiceCommand({ cluster, service, loadBalancers }), { signal: inTime() })
    },
    /** As somebody else would. */
    async byHand(taskDefinition: string) {
      await aws.send(client, new UpdateServiceCommand({ cluster, service, taskDefinition }), { signal: inTime() })
    },
    /** What services were told of how to go about it, the newest last. */
    async configurations(): Promise<DeploymentConfiguration[]> {
      const told = (await part.told('ecs')) as Array<{ configuration?: DeploymentConfiguration }>
      return told.flatMap(({ configuration }) => configuration ?? [])
    },
    /** What was stopped, how requests went over, and where ECS was told to go on. */
    async went(): Promise<string[]> {
      const told = (await part.told('ecs')) as Array<{ stop?: string; weight?: number; continue?: string }>
      return told.flatMap(({ stop, weight, continue: at }) =>
        stop !== undefined
          ? [`stop ${stop}`]
          : weight !== undefined
            ? [`${weight} %`]
            : at !== undefined
              ? [`on ${at}`]
              : [],
      )
    },
    /** What services were told to run, and whether the circuit breaker was on. */
    async updates(): Promise<string[]> {
      const told = (await part.told('ecs')) as Array<{ update?: string; breaker?: boolean }>
      return told.flatMap(({ update, breaker }) => (update === undefined ? [] : [`${update} ${breaker}`]))
    },
    async tasksRun(): Promise<number> {
      return ((await part.told('ecs')) as Array<{ run?: string[] }>).flatMap(({ run: begun = [] }) => begun).length
    },
    async close() {
      for (const target of targets) await target.close?.()
      await aws.close()
    },
  }
}

export const run: ContainerRun = {
  ...{ kind: 'container', containerPort: 8080, port: null, health: null, args: [] },
  ...{ startTimeoutMs: 60_000, drainTimeoutMs: 30_000 },
  kubernetes: { description: { kind: 'generated' }, images: { web: 'web' }, variables: { kind: 'generated' } } as never,
}

const configuration: EcsConfig = {
  ...{ cluster: 'shop', service: '{project}-{environment}-{service}', family: '{project}-{environment}-{service}' },
  ...{ cpu: 256, memoryMb: 512, executionRole: null, taskRole: null, logGroup: '/shop/{service}', secrets: {} },
  ...{ timeoutMs: 1_800_000, url: 'https://{service}.example', previewUrl: null },
}

const elb = 'arn:aws:elasticloadbalancing:eu-west-1:123456789012'

/** As ECS needs it to shift requests; `preview`: with a test listener. */
export const dividing: LoadBalancer = {
  ...{ targetGroupArn: `${elb}:targetgroup/web-blue/1`, containerName: 'web', containerPort: 8080 },
  advancedConfiguration: {
    alternateTargetGroupArn: `${elb}:targetgroup/web-green/2`,
    productionListenerRule: `${elb}:listener-rule/app/shop/1/2/3`,
    testListenerRule: `${elb}:listener-rule/app/shop/1/4/5`,
    roleArn: 'arn:aws:iam::123456789012:role/ecs-shifts',
  },
}

export const messages = (verdict: Verdict): string =>
  verdict.ok ? 'ok' : verdict.reasons.map(({ message }) => message).join('; ')

export async function seen(target: Target) {
  const observation = await target.observe(['web'], inTime())
  assert.ok(observation.reachable)
  const { web } = observation.services
  assert.ok(web)
  return web
}

/** Without the SDK's client for EC2, which nothing else needs. */
async function networkOf({ endpoint }: AwsPart): Promise<{ subnet: string; group: string }> {
  const ask = async (action: string, found: RegExp): Promise<string> => {
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/eu-west-1/ec2/aws4_request' },
      body: new URLSearchParams({ Action: action, Version: '2016-11-15' }),
      signal: inTime(),
    })
    const [, id] = found.exec(await response.text()) ?? []
    assert.ok(id, 'the emulator has a network')
    return id
  }
  return {
    subnet: await ask('DescribeSubnets', /<subnetId>([^<]+)</),
    group: await ask('DescribeSecurityGroups', /<groupId>([^<]+)</),
  }
}
