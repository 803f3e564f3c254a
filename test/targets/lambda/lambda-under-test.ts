/** The Lambda target over the emulator of AWS, and what a test looks at there with the SDK itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AliasConfiguration, LambdaClient, paginateListVersionsByFunction } from '@aws-sdk/client-lambda'
import { CreateBucketCommand, paginateListObjectsV2, S3Client } from '@aws-sdk/client-s3'
import { createLayoutStore } from '../../../src/artifacts/oci-layout/index.ts'
import { packZip } from '../../../src/artifacts/packing/index.ts'
import { type Aws, openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { AwsAccess, Digest, LambdaConfig, LambdaRun } from '../../../src/model/index.ts'
import type { ArtifactStore, Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createLambdaTarget } from '../../../src/targets/lambda/index.ts'
import { layDown } from '../../artifacts/build-directory.ts'
import type { AwsPart } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { type RecordedContext, recordedContext } from '../recorded-context.ts'

export const role = 'arn:aws:iam::123456789012:role/functions'
export const inTime = () => AbortSignal.timeout(120_000)

export type LambdaContext = RecordedContext

export type LambdaUnderTest = {
  bucket: string
  artifacts: ArtifactStore
  /** The SDK as the test uses it: past the faults. */
  aws: Aws
  /** As another controller would open it. */
  open(options?: {
    config?: Partial<LambdaConfig>
    environment?: string
    access?: Partial<AwsAccess>
    clock?: Clock
  }): Target
  zip(files: Record<string, string>): Promise<Digest>
  context(change?: Partial<TargetContext>): LambdaContext
  /** Published versions, without `$LATEST`. */
  versions(name: string): Promise<string[]>
  /** `3`, or `3 and 10 % to 4`. */
  alias(name: string, alias?: string): Promise<string>
  keys(): Promise<string[]>
  close(): Promise<void>
}

/** A clock whose pauses end at once; its time passes by them. */
export function quickClock(onSleep: (ms: number) => void | Promise<void> = () => {}): Clock & { slept: number[] } {
  const slept: number[] = []
  let passedMs = 0
  return {
    slept,
    now: () => Date.now() + passedMs,
    monotonicMs: () => performance.now() + passedMs,
    async sleep(ms, signal) {
      signal.throwIfAborted()
      slept.push(ms)
      passedMs += ms
      await onSleep(ms)
      await new Promise(setImmediate)
      signal.throwIfAborted()
    },
  }
}

export async function openLambda(part: AwsPart, faults: AwsFaults): Promise<LambdaUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-lambda-'))
  const artifacts = createLayoutStore(join(folder, 'artifacts'))
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  const bucket = `functions-${randomUUID()}`
  const targets: Target[] = []
  let packed = 0
  const makeBucket = new CreateBucketCommand({
    Bucket: bucket,
    CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
  })
  await aws.send(aws.client(S3Client), makeBucket, { signal: inTime() })
  await makeRole(part)
  return {
    ...{ bucket, artifacts, aws },
    open({ config = {}, environment = 'stage', access = {}, clock = systemClock } = {}) {
      const target = createLambdaTarget({
        config: { ...configOf(bucket), ...config },
        ...{ project: 'shop', environment, clock },
        variables: faults.environment,
        aws: { ...faults.access, ...access },
      })
      targets.push(target)
      return target
    },
    async zip(files) {
      const directory = await layDown(join(folder, `build-${++packed}`), files)
      const request = { directory, include: ['**'], exclude: [], scratchDirectory: join(folder, `scratch-${packed}`) }
      const artifact = await packZip(request)
      await artifacts.put(artifact, inTime())
      return artifact.digest
    },
    context: (change = {}) => recordedContext({ artifacts, environment: 'stage', signal: inTime() }, change),
    async versions(name) {
      const found: string[] = []
      const pages = aws.pages(
        paginateListVersionsByFunction,
        aws.client(LambdaClient),
        { FunctionName: name },
        { signal: inTime() },
      )
      for await (const { Versions = [] } of pages) found.push(...Versions.map(({ Version = '' }) => Version))
      return found.filter((version) => version !== '$LATEST').sort((left, right) => Number(left) - Number(right))
    },
    async alias(name, alias = 'live') {
      const { GetAliasCommand } = await import('@aws-sdk/client-lambda')
      const command = new GetAliasCommand({ FunctionName: name, Name: alias })
      return sayAlias(await aws.send(aws.client(LambdaClient), command, { signal: inTime() }))
    },
    async keys() {
      const found: string[] = []
      const pages = aws.pages(paginateListObjectsV2, aws.client(S3Client), { Bucket: bucket }, { signal: inTime() })
      for await (const { Contents = [] } of pages) found.push(...Contents.map(({ Key = '' }) => Key))
      return found.sort()
    },
    async close() {
      for (const target of targets) await target.close?.()
      await aws.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** The emulator wants it to exist, as AWS does. Without the SDK's client for IAM, which nothing else needs. */
export async function makeRole({ endpoint }: AwsPart): Promise<void> {
  const form = { Action: 'CreateRole', Version: '2010-05-08', RoleName: 'functions', AssumeRolePolicyDocument: '{}' }
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/iam/aws4_request' },
    body: new URLSearchParams(form),
    signal: inTime(),
  })
  assert.equal(response.status, 200, await response.text())
}

export function sayAlias({ FunctionVersion = '', RoutingConfig }: AliasConfiguration): string {
  const [share] = Object.entries(RoutingConfig?.AdditionalVersionWeights ?? {})
  return share === undefined ? FunctionVersion : `${FunctionVersion} and ${Math.round(share[1] * 100)} % to ${share[0]}`
}

const configOf = (bucket: string): LambdaConfig => ({
  bucket,
  prefix: 'functions',
  function: '{project}-{environment}-{service}',
  alias: 'live',
  role,
  layers: null,
  network: null,
  alarms: [],
  url: null,
  keepVersions: 5,
  timeoutMs: 60_000,
  drift: 'report',
  functions: {},
})

const defaultRun: LambdaRun = {
  kind: 'lambda',
  port: null,
  health: null,
  handler: 'index.main',
  runtime: 'nodejs22.x',
  architecture: 'x86_64',
  memoryMb: 128,
  timeoutMs: 3000,
  storageMb: 512,
  url: null,
}

export type RequestChange = Omit<Partial<RolloutRequest>, 'desired'> & {
  run?: Partial<LambdaRun>
  generation?: string
}

/** The generation is made of the artifact and of how it runs, as the engine makes it. */
export function requestFor(service: string, artifact: Digest, change: RequestChange = {}): RolloutRequest {
  const { run, generation, ...rest } = change
  const described = { ...defaultRun, ...run }
  return {
    service,
    variables: { GREETING: 'hello', SECRET: 'correct-horse-battery' },
    strategy: 'all-at-once',
    files: async () => new Map(),
    ...rest,
    desired: {
      artifact,
      generation:
        generation ??
        `${artifact.slice(7, 19)}-${Buffer.from(JSON.stringify(run ?? {}))
          .toString('hex')
          .slice(0, 20)}`,
      fingerprint: null,
      env: { SECRET: { kind: 'from', from: 'SECRET', secret: true, default: null } },
      run: described,
    },
  }
}

/** Answers with its version, and with what it was given. */
export const functionCode = (version: string) => ({
  'index.js': `exports.main = async (event) => { console.error('version ${version} with', process.env.SECRET); if (event.fail) throw new Error('${version} cannot'); return { version: '${version}', event, greeting: process.env.GREETING } }`,
})

export async function seen(target: Target, service: string) {
  const observation = await target.observe([service], inTime())
  assert.ok(observation.reachable)
  const observed = observation.services[service]
  assert.ok(observed)
  return observed
}
