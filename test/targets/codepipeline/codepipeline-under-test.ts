/** The CodePipeline target over the emulator of AWS, and what a test looks at there with the SDK itself. */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe } from 'node:test'
import {
  type ActionCategory,
  type ActionDeclaration,
  CodePipelineClient,
  CreatePipelineCommand,
  GetPipelineStateCommand,
  ListPipelineExecutionsCommand,
  type PipelineDeclaration,
  PutApprovalResultCommand,
  type StageDeclaration,
  StartPipelineExecutionCommand,
  StopPipelineExecutionCommand,
} from '@aws-sdk/client-codepipeline'
import { CreateBucketCommand, PutBucketVersioningCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { createLayoutStore } from '../../../src/artifacts/oci-layout/index.ts'
import { packBundle, packZip } from '../../../src/artifacts/packing/index.ts'
import { type Aws, openAws } from '../../../src/aws/index.ts'
import { systemClock } from '../../../src/clock/index.ts'
import type { CodePipelineConfig, CommitId, DesiredService, Digest, Verdict } from '../../../src/model/index.ts'
import type { ArtifactStore, Clock, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createCodePipelineTarget } from '../../../src/targets/codepipeline/index.ts'
import { layDown } from '../../artifacts/build-directory.ts'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../../parts/aws/faults.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'

export { quickClock }
export const inTime = () => AbortSignal.timeout(120_000)
export const name = 'shop-web-prod'
export const commit = 'c0ffee00'.repeat(5) as CommitId
export const user = 'arn:aws:iam::123456789012:user/bob'

export type PipelineContext = TargetContext & { lines: string[]; reports: unknown[] }

type Told = {
  started?: string
  variables?: Record<string, string>
  revisions?: Array<{ actionName: string; revisionType: string; revisionValue: string }>
  approval?: string
  execution?: string
  status?: string
  summary?: string
  stopped?: string
  abandon?: boolean
  reason?: string
}

export type PipelineUnderTest = Awaited<ReturnType<typeof openPipeline>>

const action = (
  actionName: string,
  category: ActionCategory,
  provider: string,
  change: Partial<ActionDeclaration> = {},
): ActionDeclaration => ({
  name: actionName,
  actionTypeId: { category, owner: 'AWS', provider, version: '1' },
  ...change,
})

export const source = (bucket: string, change: Record<string, string> = {}): ActionDeclaration =>
  action('Source', 'Source', 'S3', {
    configuration: {
      ...{ S3Bucket: bucket, S3ObjectKey: 'web.zip', PollForSourceChanges: 'false' },
      ...{ AllowOverrideForS3ObjectKey: 'true', ...change },
    },
  })

export const deploy = (runOrder = 1) => action('Deploy', 'Deploy', 'CodeDeploy', { runOrder })
export const build = (runOrder = 1) => action('Build', 'Build', 'CodeBuild', { runOrder })
export const approval = (approvalName = 'Release', runOrder = 1) =>
  action(approvalName, 'Approval', 'Manual', { runOrder })
export const other = action

/** Source, tests, one that deploys. */
export const plain = (bucket: string): StageDeclaration[] => [
  { name: 'Source', actions: [source(bucket)] },
  { name: 'Test', actions: [build()] },
  { name: 'Production', actions: [deploy()] },
]

/** Brief 003's: staging, then production when somebody has approved it. */
export const approved = (bucket: string): StageDeclaration[] => [
  { name: 'Source', actions: [source(bucket)] },
  { name: 'Staging', actions: [deploy()] },
  { name: 'Production', actions: [approval(), deploy(2)] },
]

type OpenOptions = { config?: Partial<CodePipelineConfig>; clock?: Clock; keys?: Record<string, string> }

/** What stands anew before each test. */
export type Bench = { readonly part: AwsPart; readonly faults: AwsFaults; readonly shop: PipelineUnderTest }

export function describePipelines(title: string, tests: (at: Bench) => void): void {
  describe(title, { skip: awsMissing() }, () => {
    let part: AwsPart
    let faults: AwsFaults
    let shop: PipelineUnderTest
    before(async () => {
      part = await startAws()
      faults = await startFaults(part)
    })
    beforeEach(async () => {
      shop = await openPipeline(part, faults)
    })
    afterEach(async () => {
      await shop.close()
      faults.clear()
      await part.reset()
    })
    after(async () => {
      await faults?.stop()
      await part?.stop()
    })
    tests({
      get part() {
        return part
      },
      get faults() {
        return faults
      },
      get shop() {
        return shop
      },
    })
  })
}

export async function openPipeline(part: AwsPart, faults: AwsFaults) {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-codepipeline-'))
  const artifacts: ArtifactStore = createLayoutStore(join(folder, 'artifacts'))
  const aws: Aws = openAws(part.access, { variables: part.environment, clock: systemClock })
  const client = aws.client(CodePipelineClient)
  const bucket = `revisions-${randomUUID()}`
  const targets: Target[] = []
  await makeBucket(aws, bucket)
  const roleArn = await makeRole(part)
  const told = async () => (await part.told('codepipeline')) as Told[]

  return {
    ...{ bucket, artifacts, aws, client, folder },

    /** `keys`: of somebody else than may do anything. */
    open({ config = {}, clock = quickClock(), keys = {} }: OpenOptions = {}): Target {
      const target = createCodePipelineTarget({
        config: { ...configuration, ...config },
        ...{
          project: 'shop',
          environment: 'prod',
          clock,
          variables: { ...faults.environment, ...keys },
          aws: faults.access,
        },
      })
      targets.push(target)
      return target
    },

    async makePipeline(stages = plain(bucket), change: Partial<PipelineDeclaration> = {}) {
      const pipeline: PipelineDeclaration = {
        ...{ name, roleArn, stages, pipelineType: 'V2', executionMode: 'SUPERSEDED' },
        artifactStore: { type: 'S3', location: bucket },
        variables: [{ name: 'TRUNKLINE', defaultValue: '-' }],
        ...change,
      }
      await aws.send(client, new CreatePipelineCommand({ pipeline }), { signal: inTime() })
      return pipeline
    },

    /** The artifact, and how it is asked for. */
    async release(version: string, change: Partial<DesiredService> = {}, kind: 'zip' | 'bundle' = 'zip') {
      const directory = await layDown(join(folder, randomUUID()), {
        'appspec.yml': 'version: 0.0\nos: linux\n',
        'server.js': `// ${version}\n`,
      })
      const scratchDirectory = join(folder, `scratch-${randomUUID()}`)
      const request = { directory, include: ['**'], exclude: [], scratchDirectory }
      const artifact = kind === 'zip' ? await packZip(request) : await packBundle(request)
      await artifacts.put(artifact, inTime())
      return requestFor(artifact.digest, version, change)
    },

    context(change: Partial<TargetContext> = {}): PipelineContext {
      const lines: string[] = []
      const reports: unknown[] = []
      return {
        ...{ signal: inTime(), epoch: 1, artifacts, lines, reports },
        deployment: noteOf('d-prod-1'),
        report: (update) => reports.push(update),
        log: (line) => lines.push(line),
        ...change,
      }
    },

    /** Oldest first. */
    async executions() {
      const command = new ListPipelineExecutionsCommand({ pipelineName: name })
      const { pipelineExecutionSummaries: found = [] } = await aws.send(client, command, { signal: inTime() })
      return found.reverse()
    },
    /** What executions were started with, oldest first. */
    starts: async () => (await told()).filter(({ started }) => started !== undefined),
    approvals: async () => (await told()).filter((fact) => fact.approval !== undefined),
    stops: async () => (await told()).filter((fact) => fact.stopped !== undefined),

    /** What the source would bring by itself. */
    async putNewest() {
      const command = new PutObjectCommand({ Bucket: bucket, Key: 'web.zip', Body: 'newest' })
      await aws.send(aws.client(S3Client), command, { signal: inTime() })
    },

    /** The first release runs; the second, as it is asked for. */
    async settled(): Promise<RolloutRequest> {
      await this.makePipeline()
      const context = this.context({ deployment: noteOf('d-prod-0') })
      assert.deepEqual(await this.open().ensure(await this.release('1'), context), { ok: true })
      return await this.release('2')
    },

    /** Ends what is under way; permissions are not checked any more. */
    async clear() {
      await part.uncheckPermissions()
      for (const { pipelineExecutionId, status } of await this.executions()) {
        if (status !== 'InProgress') continue
        const stop = { pipelineName: name, pipelineExecutionId, abandon: true, reason: 'the test is over with it' }
        await aws.send(client, new StopPipelineExecutionCommand(stop), { signal: inTime() })
      }
    },

    /** As a person would. */
    async byHand(variables: Record<string, string> = {}) {
      await part.wish('codepipeline', { user })
      const given = Object.entries(variables).map(([variable, value]) => ({ name: variable, value }))
      const command = new StartPipelineExecutionCommand({ name, variables: given })
      const { pipelineExecutionId = '' } = await aws.send(client, command, { signal: inTime() })
      await part.wish('codepipeline', asMe)
      return pipelineExecutionId
    },

    /** A person's word on the approval that is open, and whose execution it was. */
    async answer(status: 'Approved' | 'Rejected', summary: string) {
      const { stageStates = [] } = await aws.send(client, new GetPipelineStateCommand({ name }), { signal: inTime() })
      for (const { stageName, actionStates = [] } of stageStates) {
        for (const { actionName, latestExecution } of actionStates) {
          if (latestExecution?.token === undefined) continue
          await part.wish('codepipeline', { user })
          const command = new PutApprovalResultCommand({
            ...{ pipelineName: name, stageName, actionName, token: latestExecution.token },
            result: { status, summary },
          })
          await aws.send(client, command, { signal: inTime() })
          await part.wish('codepipeline', asMe)
        }
      }
    },

    async close() {
      for (const target of targets) await target.close?.()
      await aws.close()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** Whom the keys of tests belong to. */
const asMe = { user: 'arn:aws:sts::123456789012:assumed-role/deployer/trunkline-shop-prod' }

export const noteOf = (id: string, change: object = {}): NonNullable<TargetContext['deployment']> => ({
  id: id as never, // A brand that nobody here reads.
  actor: { name: 'Ada', email: 'ada@example.com' },
  candidate: { commit, version: 'v1.2' } as never, // The rest is not read.
  together: [],
  ...change,
})

const configuration: CodePipelineConfig = {
  ...{
    pipeline: '{project}-{service}-{environment}',
    sources: null,
    prefix: 'revisions',
    variables: {},
    approvals: [],
  },
  ...{ timeoutMs: 3_600_000, waitForPeopleMs: 86_400_000, url: 'https://{service}.example' },
}

export const requestFor = (
  artifact: Digest,
  version: string,
  change: Partial<DesiredService> = {},
): RolloutRequest => ({
  ...{ service: 'web', variables: {}, strategy: 'one-at-a-time', files: async () => new Map() },
  desired: {
    ...{ artifact, generation: `generation-${version}`, fingerprint: null, env: {} },
    run: { kind: 'pipeline', port: null, health: null },
    ...change,
  },
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

/** Versioned, as every S3 source is. */
export async function makeBucket(aws: Aws, bucket: string, isVersioned = true): Promise<void> {
  const s3 = aws.client(S3Client)
  const place = { CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' } } as const
  await aws.send(s3, new CreateBucketCommand({ Bucket: bucket, ...place }), { signal: inTime() })
  if (!isVersioned) return
  const VersioningConfiguration = { Status: 'Enabled' } as const
  await aws.send(s3, new PutBucketVersioningCommand({ Bucket: bucket, VersioningConfiguration }), { signal: inTime() })
}

/** What the emulator asks for of a pipeline. */
async function makeRole({ endpoint, account }: AwsPart): Promise<string> {
  const principal = { Service: 'codepipeline.amazonaws.com' }
  const trust = { Statement: [{ Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole' }] }
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=AKIAEXAMPLE/20260101/us-east-1/iam/aws4_request' },
    body: new URLSearchParams({
      ...{ Action: 'CreateRole', Version: '2010-05-08', RoleName: 'pipelines' },
      AssumeRolePolicyDocument: JSON.stringify(trust),
    }),
    signal: inTime(),
  })
  assert.ok(response.ok, await response.text())
  return `arn:aws:iam::${account}:role/pipelines`
}
