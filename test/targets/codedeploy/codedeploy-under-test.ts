/** The CodeDeploy target over the emulator of AWS, and what a test looks at there with the SDK itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  BatchGetDeploymentsCommand,
  CodeDeployClient,
  type ComputePlatform,
  CreateApplicationCommand,
  CreateDeploymentGroupCommand,
  type CreateDeploymentGroupCommandInput,
  type DeploymentInfo,
  ListDeploymentsCommand,
} from '@aws-sdk/client-codedeploy'
import {
  CreateTargetGroupCommand,
  ElasticLoadBalancingV2Client,
  ModifyTargetGroupAttributesCommand,
} from '@aws-sdk/client-elastic-load-balancing-v2'
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { createLayoutStore } from '../../../src/artifacts/oci-layout/index.ts'
import { packBundle } from '../../../src/artifacts/packing/index.ts'
import { type Aws, openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { CodeDeployConfig, Digest, Verdict } from '../../../src/model/index.ts'
import type { ArtifactStore, Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createCodeDeployTarget } from '../../../src/targets/codedeploy/index.ts'
import { layDown } from '../../artifacts/build-directory.ts'
import type { AwsPart } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { type RecordedContext, recordedContext } from '../recorded-context.ts'

export { quickClock }
export const inTime = () => AbortSignal.timeout(120_000)
export const group = { applicationName: 'shop-web', deploymentGroupName: 'prod' }
export const behindBalancer: Partial<CreateDeploymentGroupCommandInput> = {
  deploymentStyle: { deploymentType: 'IN_PLACE', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
  loadBalancerInfo: { targetGroupInfoList: [{ name: 'shop-web' }] },
}
export const rollsBack: Partial<CreateDeploymentGroupCommandInput> = {
  autoRollbackConfiguration: { enabled: true, events: ['DEPLOYMENT_FAILURE'] },
}

export type CodeDeployContext = RecordedContext

export type CodeDeployUnderTest = {
  bucket: string
  artifacts: ArtifactStore
  /** Past the faults. */
  aws: Aws
  open(options?: { config?: Partial<CodeDeployConfig>; clock?: Clock }): Target
  makeGroup(change?: Partial<CreateDeploymentGroupCommandInput>, computePlatform?: ComputePlatform): Promise<void>
  /** The artifact, and how it is asked for. */
  release(version: string, change?: Partial<RolloutRequest>): Promise<RolloutRequest>
  context(change?: Partial<TargetContext>): CodeDeployContext
  /** Oldest first. */
  deployments(): Promise<DeploymentInfo[]>
  close(): Promise<void>
}

export async function openCodeDeploy(part: AwsPart, faults: AwsFaults): Promise<CodeDeployUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-codedeploy-'))
  const artifacts = createLayoutStore(join(folder, 'artifacts'))
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  const client = aws.client(CodeDeployClient)
  const bucket = `revisions-${randomUUID()}`
  const targets: Target[] = []
  const made = { CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } } as const
  await aws.send(aws.client(S3Client), new CreateBucketCommand({ Bucket: bucket, ...made }), { signal: inTime() })
  return {
    ...{ bucket, artifacts, aws },
    open({ config = {}, clock = quickClock() } = {}) {
      const target = createCodeDeployTarget({
        config: { ...configOf(bucket), ...config },
        ...{ project: 'shop', environment: 'prod', clock, variables: faults.environment, aws: faults.access },
      })
      targets.push(target)
      return target
    },
    async makeGroup(change = behindBalancer, computePlatform = 'Server') {
      const { applicationName } = group
      const signal = inTime()
      await aws.send(client, new CreateApplicationCommand({ applicationName, computePlatform }), { signal })
      const serviceRoleArn = 'arn:aws:iam::123456789012:role/codedeploy'
      await aws.send(client, new CreateDeploymentGroupCommand({ ...group, serviceRoleArn, ...change }), { signal })
    },
    async release(version, change = {}) {
      const directory = await layDown(join(folder, randomUUID()), {
        'appspec.yml': 'version: 0.0\nos: linux\n',
        'server.js': `// ${version}\n`,
      })
      const scratchDirectory = join(folder, `scratch-${randomUUID()}`)
      const artifact = await packBundle({ directory, include: ['**'], exclude: [], scratchDirectory })
      await artifacts.put(artifact, inTime())
      return requestFor(artifact.digest, version, change)
    },
    context: (change = {}) => recordedContext({ artifacts, environment: 'prod', signal: inTime() }, change),
    async deployments() {
      const signal = inTime()
      const { deployments: deploymentIds = [] } = await aws.send(client, new ListDeploymentsCommand(group), { signal })
      if (deploymentIds.length === 0) return []
      const answer = await aws.send(client, new BatchGetDeploymentsCommand({ deploymentIds }), { signal })
      const moment = ({ createTime }: DeploymentInfo) => createTime?.getTime() ?? 0
      return (answer.deploymentsInfo ?? []).sort((left, right) => moment(left) - moment(right))
    },
    async close() {
      for (const target of targets) await target.close?.()
      await aws.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const configOf = (bucket: string): CodeDeployConfig => ({
  application: '{project}-{service}',
  deploymentGroup: '{environment}',
  bucket,
  prefix: 'revisions',
  configuration: null,
  timeoutMs: 3_600_000,
  stuckAfterMs: 900_000,
  downtime: 'refused',
  drainTimeoutMs: 30_000,
  url: 'https://{service}.example',
})

const requestFor = (artifact: Digest, version: string, change: Partial<RolloutRequest>): RolloutRequest => ({
  service: 'web',
  variables: {},
  strategy: 'one-at-a-time',
  files: async () => new Map(),
  desired: {
    artifact,
    generation: `generation-${version}`,
    fingerprint: null,
    env: {},
    run: { kind: 'appspec', appspec: 'appspec.yml', ignoreStopFailures: false, port: null, health: null },
  },
  ...change,
})

export const messages = (verdict: Verdict): string =>
  verdict.ok ? 'ok' : verdict.reasons.map(({ message }) => message).join('; ')

export async function seen(target: Target) {
  const observation = await target.observe(['web'], inTime())
  assert.ok(observation.reachable)
  const { web } = observation.services
  assert.ok(web)
  return web
}

/** Behind the emulator's own network. */
export async function makeTargetGroup(part: AwsPart, name: string, delayS: number): Promise<void> {
  const balancing = new ElasticLoadBalancingV2Client(clientOptions(part))
  try {
    const network = { Protocol: 'HTTP', Port: 80, VpcId: await defaultNetwork(part) } as const
    const { TargetGroups = [] } = await balancing.send(new CreateTargetGroupCommand({ Name: name, ...network }))
    const TargetGroupArn = TargetGroups[0]?.TargetGroupArn
    const Attributes = [{ Key: 'deregistration_delay.timeout_seconds', Value: String(delayS) }]
    await balancing.send(new ModifyTargetGroupAttributesCommand({ TargetGroupArn, Attributes }))
  } finally {
    balancing.destroy()
  }
}

const clientOptions = ({ endpoint, region }: AwsPart) => ({
  ...{ endpoint, region },
  credentials: { accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'example' },
})

/** Without the SDK's client for EC2, which nothing else needs. */
async function defaultNetwork({ endpoint }: AwsPart): Promise<string> {
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/eu-west-1/ec2/aws4_request' },
    body: new URLSearchParams({ Action: 'DescribeVpcs', Version: '2016-11-15' }),
    signal: inTime(),
  })
  const [, id] = /<vpcId>([^<]+)</.exec(await response.text()) ?? []
  assert.ok(id, 'the emulator has a network')
  return id
}
