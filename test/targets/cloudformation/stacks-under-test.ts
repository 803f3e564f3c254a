/** The target against the emulator of AWS, as the engine uses it. */
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { systemClock } from '../../../src/clock/index.ts'
import { sha256 } from '../../../src/hashing/index.ts'
import type { CloudFormationConfig, CloudFormationRun, Preview } from '../../../src/model/index.ts'
import type { Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createCloudFormationTarget } from '../../../src/targets/cloudformation/index.ts'
import type { AwsPart } from '../../parts/aws/aws.ts'
import { MemoryStore } from '../memory-store.ts'

export type Change = {
  run?: Partial<CloudFormationRun>
  variables?: Record<string, string>
  secrets?: string[]
  files?: Record<string, string>
  images?: Record<string, string>
}

export type StacksUnderTest = {
  target: Target
  store: MemoryStore
  /** A request for a stack whose artifact holds these files. */
  request(service: string, files: Record<string, string>, change?: Change): Promise<RolloutRequest>
  context(change?: Partial<TargetContext>): TargetContext & { lines: string[] }
  preview(request: RolloutRequest): Promise<Preview | null>
  /** Plans, and carries out what was planned. */
  deploy(request: RolloutRequest): ReturnType<Target['ensure']>
}

export const neverAborted = new AbortController().signal

export function stacksUnderTest(
  { access, environment }: Pick<AwsPart, 'access' | 'environment'>,
  config: Partial<CloudFormationConfig> = {},
  clock: Clock = systemClock,
): StacksUnderTest {
  const store = new MemoryStore()
  const target = createCloudFormationTarget({
    config: {
      ...{ bucket: 'deployments', prefix: 'trunkline/', role: null, timeoutMs: 60_000, continueRollback: false },
      ...config,
    },
    ...{ project: 'shop', environment: 'stage', clock, variables: environment, aws: access },
    lookEveryMs: 5,
  })
  const context: StacksUnderTest['context'] = (change = {}) => {
    const lines: string[] = []
    return {
      ...{ signal: neverAborted, epoch: 1, artifacts: store, report: () => {} },
      log: (line) => void lines.push(line),
      ...change,
      lines,
    }
  }
  const preview: StacksUnderTest['preview'] = async (request) => {
    const { previews } = await target.plan([request], { signal: neverAborted, artifacts: store })
    return previews[request.service] ?? null
  }
  return {
    ...{ target, store, context, preview },
    async request(service, files, { run = {}, variables = {}, secrets = [], files: beside = {}, images = {} } = {}) {
      const artifact = await store.addBundle(files)
      const whole: CloudFormationRun = {
        kind: 'cloudformation',
        source: { kind: 'template', template: 'infra/template.yaml', stack: '{project}-{environment}-{service}' },
        ...{ parameters: {}, parameterFiles: [], capabilities: [], tags: {}, code: {}, importExisting: false },
        protect: { termination: false, policy: null, stateful: [] },
        ...{ port: null, health: null },
        ...run,
      }
      const fingerprints = await target.fingerprint({ [service]: variables }, neverAborted)
      const env = Object.fromEntries(
        Object.keys(variables).map((name) => {
          const secret = secrets.includes(name)
          return [name, { kind: 'from' as const, from: name, secret, default: null }]
        }),
      )
      const generation = sha256(JSON.stringify([artifact, whole, beside, images])).slice(0, 32)
      const deploy = { files: {}, images: images as Record<string, typeof artifact> }
      return {
        service,
        variables,
        strategy: 'one-at-a-time',
        files: async () => new Map(Object.entries(beside).map(([path, text]) => [path, Buffer.from(text)])),
        desired: { artifact, generation, run: whole, env, fingerprint: fingerprints[service] ?? null, deploy },
      }
    },
    async deploy(request) {
      const planned = await preview(request)
      return await target.ensure({ ...request, ...(planned === null ? {} : { preview: planned }) }, context())
    },
  }
}

/** A client of the SDK, to look from outside. */
export const clientOf = <Client>(
  Class: new (configuration: object) => Client,
  { endpoint, region, environment }: Pick<AwsPart, 'endpoint' | 'region' | 'environment'>,
): Client =>
  new Class({
    ...{ endpoint, region, forcePathStyle: true },
    credentials: {
      accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
      secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
    },
  })

export async function makeBucket(aws: AwsPart, name = 'deployments'): Promise<void> {
  const s3 = clientOf(S3Client, aws)
  const place = { LocationConstraint: aws.region as 'eu-west-1' }
  await s3.send(new CreateBucketCommand({ Bucket: name, CreateBucketConfiguration: place }))
  s3.destroy()
}

/** A queue of messages and a table of orders. */
export const template = ({
  delay = '5',
  table = 'orders',
  extra = '',
  queue = true,
  keep = false,
}: {
  delay?: string
  table?: string
  extra?: string
  queue?: boolean
  keep?: boolean
} = {}): string => `AWSTemplateFormatVersion: "2010-09-09"
Description: What the shop stores
Parameters:
  Retention:
    Type: Number
    Default: 345600
Resources:
${
  queue
    ? `  Messages: # of orders
    Type: AWS::SQS::Queue
${keep ? '    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n' : ''}    Properties:
      QueueName: !Sub "\${AWS::StackName}-messages"
      DelaySeconds: ${delay}
      MessageRetentionPeriod: !Ref Retention
`
    : ''
}  Orders:
    Type: AWS::DynamoDB::Table
${keep ? '    DeletionPolicy: Retain\n    UpdateReplacePolicy: Retain\n' : ''}    Properties:
      TableName: ${table}
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{ AttributeName: id, AttributeType: S }]
      KeySchema: [{ AttributeName: id, KeyType: HASH }]
${extra}Outputs:
  TableName:
    Value: !Ref Orders
${queue ? '  QueueUrl:\n    Value: !Ref Messages\n' : ''}`
