/** The target for static sites over the emulator of AWS, and what a test looks at there with the SDK itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CloudFrontClient, CreateDistributionCommand } from '@aws-sdk/client-cloudfront'
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import { createLayoutStore } from '../../../src/artifacts/oci-layout/index.ts'
import { packBundle } from '../../../src/artifacts/packing/index.ts'
import { openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { SiteConfig, SiteRun } from '../../../src/model/index.ts'
import type { Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createSiteTarget } from '../../../src/targets/site/index.ts'
import { layDown } from '../../artifacts/build-directory.ts'
import type { AwsPart } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { type RecordedContext, recordedContext } from '../recorded-context.ts'

export const inTime = () => AbortSignal.timeout(120_000)
export const recordKey = '.trunkline/sites/shop/prod/web.json'
export const immutable = 'public, max-age=31536000, immutable'

export type SiteContext = RecordedContext
export type SiteUnderTest = Awaited<ReturnType<typeof openSite>>

export async function openSite(part: AwsPart, faults: AwsFaults) {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-site-test-'))
  const artifacts = createLayoutStore(join(folder, 'artifacts'))
  const aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  const s3 = aws.client(S3Client)
  const bucket = `sites-${randomUUID()}`
  const targets: Target[] = []
  const made = { CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } } as const
  await aws.send(s3, new CreateBucketCommand({ Bucket: bucket, ...made }), { signal: inTime() })

  async function makeDistribution(originPath = '/web'): Promise<string> {
    const command = new CreateDistributionCommand({
      DistributionConfig: {
        ...{ CallerReference: randomUUID(), Comment: '', Enabled: true, DefaultRootObject: 'index.html' },
        Origins: {
          Quantity: 1,
          Items: [
            {
              ...{ Id: 'site', DomainName: `${bucket}.s3.eu-west-1.amazonaws.com`, OriginPath: originPath },
              S3OriginConfig: { OriginAccessIdentity: '' },
            },
          ],
        },
        DefaultCacheBehavior: { TargetOriginId: 'site', ViewerProtocolPolicy: 'redirect-to-https' },
      },
    })
    const { Distribution } = await aws.send(aws.client(CloudFrontClient), command, { signal: inTime() })
    assert.ok(Distribution?.Id)
    return Distribution.Id
  }
  const distribution = await makeDistribution()

  return {
    ...{ bucket, distribution, artifacts, makeDistribution },
    open({ config = {}, clock = quickClock() }: { config?: Partial<SiteConfig>; clock?: Clock } = {}) {
      const target = createSiteTarget({
        config: { ...configOf(bucket, distribution), ...config },
        ...{ project: 'shop', environment: 'prod', clock, variables: faults.environment, aws: faults.access },
      })
      targets.push(target)
      return target
    },
    async release(
      version: string,
      files: Record<string, string>,
      change: Partial<RolloutRequest> = {},
    ): Promise<RolloutRequest> {
      const directory = await layDown(join(folder, randomUUID()), files)
      const scratchDirectory = join(folder, `scratch-${randomUUID()}`)
      const artifact = await packBundle({ directory, include: ['**'], exclude: [], scratchDirectory })
      await artifacts.put(artifact, inTime())
      return {
        ...{ service: 'web', variables: {}, strategy: 'one-at-a-time', files: async () => new Map() },
        desired: { artifact: artifact.digest, generation: `generation-${version}`, fingerprint: null, env: {}, run },
        ...change,
      }
    },
    context: (change: Partial<TargetContext> = {}) =>
      recordedContext({ artifacts, environment: 'prod', signal: inTime() }, change),
    /** What the public may see: content by path. */
    async shown(): Promise<Record<string, string>> {
      const shown: Record<string, string> = {}
      for await (const { Contents = [] } of aws.pages(
        paginateListObjectsV2,
        s3,
        { Bucket: bucket },
        { signal: inTime() },
      )) {
        for (const { Key = '' } of Contents) {
          if (!Key.startsWith('web/')) continue
          const { Body } = await aws.send(s3, new GetObjectCommand({ Bucket: bucket, Key }), { signal: inTime() })
          shown[Key.slice('web/'.length)] = (await Body?.transformToString()) ?? ''
        }
      }
      return shown
    },
    head: (Key: string) => aws.send(s3, new HeadObjectCommand({ Bucket: bucket, Key }), { signal: inTime() }),
    byHand: (Key: string, Body: string) =>
      aws.send(s3, new PutObjectCommand({ Bucket: bucket, Key, Body }), { signal: inTime() }),
    deleteByHand: (Key: string) => aws.send(s3, new DeleteObjectCommand({ Bucket: bucket, Key }), { signal: inTime() }),
    /** Addresses of each invalidation, oldest first. */
    async invalidations(): Promise<string[][]> {
      const told = (await part.told('cloudfront')) as Array<{ paths?: string[]; conflict?: string }>
      assert.deepEqual(
        told.filter(({ conflict }) => conflict !== undefined),
        [],
        'a caller reference means the same each time',
      )
      return told.flatMap(({ paths }) => (paths === undefined ? [] : [paths]))
    },
    async close() {
      for (const target of targets) await target.close?.()
      await aws.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

const run: SiteRun = {
  ...{ kind: 'site', port: null, health: null, index: 'index.html', notFound: '404.html' },
  cache: [{ pattern: 'assets/**', header: immutable }],
}

const configOf = (bucket: string, distribution: string): SiteConfig => ({
  ...{ bucket, distribution, prefix: '{service}', records: null, url: 'https://{service}.example' },
  timeoutMs: 900_000,
})

export async function seen(target: Target) {
  const observation = await target.observe(['web'], inTime())
  assert.ok(observation.reachable)
  const { web } = observation.services
  assert.ok(web)
  return web
}
