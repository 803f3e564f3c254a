/** What goes well: exactly the release is brought, its stages are told, and what runs is known afterwards. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { RollbackStageCommand } from '@aws-sdk/client-codepipeline'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { packImage } from '../../../src/artifacts/packing/index.ts'
import type { Digest, TrunklineError } from '../../../src/model/index.ts'
import type { ArtifactStore } from '../../../src/ports/index.ts'
import { layDown } from '../../artifacts/build-directory.ts'
import {
  approval,
  approved,
  build,
  commit,
  deploy,
  describePipelines,
  inTime,
  messages,
  name,
  noteOf,
  other,
  type PipelineUnderTest,
  quickClock,
  requestFor,
  seen,
} from './codepipeline-under-test.ts'

describePipelines('a service that a pipeline carries', (at) => {
  test('is brought by the version of its zip, once, and seen afterwards; nothing is done twice', async () => {
    await at.shop.makePipeline()
    const request = await at.shop.release('1')
    const target = at.shop.open()
    assert.equal((await seen(target)).generation, null)
    const context = at.shop.context()
    assert.deepEqual(await target.ensure(request, context), { ok: true })
    const [start] = await at.shop.starts()
    const [key, version] = start?.revisions ?? []
    assert.deepEqual([key?.actionName, key?.revisionType], ['Source', 'S3_OBJECT_KEY'])
    assert.match(key?.revisionValue ?? '', /^revisions\/[0-9a-f]{64}\.zip$/)
    const head = new HeadObjectCommand({ Bucket: at.shop.bucket, Key: key?.revisionValue ?? '' })
    const { VersionId, Metadata } = await at.shop.aws.send(at.shop.aws.client(S3Client), head, { signal: inTime() })
    assert.deepEqual([version?.revisionType, version?.revisionValue], ['S3_OBJECT_VERSION_ID', VersionId])
    assert.equal(Metadata?.['commit'], 'c0ffee00'.repeat(5))
    assert.match(context.lines.join('\n'), /Source\/Source succeeded\nTest\/Build begins\nTest\/Build succeeded/)
    assert.deepEqual(context.reports.at(-1), { ready: 3, desired: 3, old: 0 })
    const { generation, artifact, instances, url } = await seen(target)
    assert.deepEqual([generation, artifact], ['generation-1', request.desired.artifact])
    assert.deepEqual([instances, url], [{ ready: 1, desired: 1 }, 'https://web.example'])
    assert.deepEqual(await target.verify(request, at.shop.context()), { ok: true })
    assert.deepEqual(await at.shop.open().ensure(request, at.shop.context()), { ok: true })
    assert.equal((await at.shop.starts()).length, 1)
  })

  test('a source of git is given the commit, variables the image and what the service is given', async () => {
    const git = { FullRepositoryId: 'shop/shop', BranchName: 'main', DetectChanges: 'false' }
    await at.shop.makePipeline(
      [
        { name: 'Source', actions: [other('Chart', 'Source', 'CodeStarSourceConnection', { configuration: git })] },
        { name: 'Deploy', actions: [build()] },
      ],
      {
        variables: ['TRUNKLINE', 'IMAGE', 'COLOUR', 'VERSION'].map((variable) => ({
          name: variable,
          defaultValue: '-',
        })),
      },
    )
    const env = { COLOUR: { kind: 'from', from: 'COLOUR', secret: false, default: null } } as const
    const request = { ...(await at.shop.release('1', { env })), variables: { COLOUR: 'red' } }
    const registry = inRegistry(at.shop.artifacts, 'shop/web')
    const config = { variables: { IMAGE: '{image}', VERSION: '{version} of {service}' } }
    const target = at.shop.open({ config })
    assert.deepEqual(await target.ensure(request, at.shop.context({ artifacts: registry })), { ok: true })
    const [{ revisions, variables = {} } = {}] = await at.shop.starts()
    assert.deepEqual(revisions, [{ actionName: 'Chart', revisionType: 'COMMIT_ID', revisionValue: commit }])
    const { TRUNKLINE, ...others } = variables
    const IMAGE = registry.imageReference(request.desired.artifact, 'web')
    assert.deepEqual(others, { IMAGE, COLOUR: 'red', VERSION: 'v1.2 of web' })
    assert.equal(JSON.parse(TRUNKLINE ?? '').generation, 'generation-1')

    // Nothing but a value has changed.
    const { web } = await target.fingerprint({ web: { COLOUR: 'blue' } }, inTime())
    assert.notEqual(web, undefined)
    assert.notEqual((await seen(target)).fingerprint, web)
    const blue = { ...request, variables: { COLOUR: 'blue' } }
    assert.deepEqual(await target.ensure(blue, at.shop.context({ artifacts: registry })), { ok: true })
    assert.equal((await at.shop.starts())[1]?.variables?.['COLOUR'], 'blue')
    assert.equal((await seen(target)).fingerprint, web)
  })

  test('a source of ECR is given the digest of the image, where it is kept there', async () => {
    const configuration = { RepositoryName: 'shop/web', ImageTag: 'latest' }
    await at.shop.makePipeline([
      { name: 'Source', actions: [other('Image', 'Source', 'ECR', { configuration })] },
      { name: 'Deploy', actions: [deploy()] },
    ])
    const artifact = await putImage(at.shop)
    const target = at.shop.open()
    const request = requestFor(artifact, '1')
    const context = at.shop.context({ artifacts: inRegistry(at.shop.artifacts, 'shop/web') })
    await target.plan([request], context)
    assert.deepEqual(await target.ensure(request, context), { ok: true })
    const [{ revisions } = {}] = await at.shop.starts()
    assert.deepEqual(revisions, [{ actionName: 'Image', revisionType: 'IMAGE_DIGEST', revisionValue: artifact }])

    const elsewhere = at.shop.context({ artifacts: inRegistry(at.shop.artifacts, 'shop/other') })
    await assert.rejects(target.plan([request], elsewhere), { kind: 'refused', code: 'OTHER_REPOSITORY' })
    await assert.rejects(target.plan([request], at.shop.context()), { kind: 'refused', code: 'NO_REGISTRY' })
    const zip = await at.shop.release('2')
    await assert.rejects(target.plan([zip], context), { kind: 'refused', code: 'NOT_AN_IMAGE' })
  })

  test('an artifact of another kind than the source takes is refused when planning', async () => {
    await at.shop.makePipeline()
    const bundle = await at.shop.release('1', {}, 'bundle')
    await assert.rejects(at.shop.open().plan([bundle], at.shop.context()), (error: TrunklineError) => {
      assert.deepEqual([error.kind, error.code], ['refused', 'NOT_A_ZIP'])
      assert.match(error.message, /web is no zip, and the source action Source \(S3\) takes nothing else/)
      return true
    })
    await assert.rejects(at.shop.open().ensure(bundle, at.shop.context()), { code: 'NOT_A_ZIP' })
    assert.deepEqual(await at.shop.starts(), [])
  })

  for (const executionMode of ['SUPERSEDED', 'QUEUED', 'PARALLEL'] as const) {
    test(`an approval is passed by name, in mode ${executionMode}, saying who approved what; others wait for people`, async () => {
      const [first, staging, production] = approved(at.shop.bucket)
      assert.ok(first && staging && production?.actions)
      const both = { name: 'Production', actions: [approval('Release'), approval('Legal'), deploy(2)] }
      await at.shop.makePipeline([first, staging, both], { executionMode })
      const clock = quickClock(async () => {
        if (context.lines.some((line) => line.includes('waits for the approval Production/Legal')))
          await at.shop.answer('Approved', 'read it')
      })
      const by = [{ name: 'Grace', email: 'grace@example.com' }]
      const deployment = noteOf('d-prod-1', { approved: { plan: 'sha256:0123456789abcdef', by } })
      const context = at.shop.context({ deployment })
      const target = at.shop.open({ clock, config: { approvals: ['Production/Release'] } })
      if (executionMode === 'PARALLEL') await at.part.wish('codepipeline', { approves: 'Legal' })
      assert.deepEqual(await target.ensure(await at.shop.release('1'), context), { ok: true })
      const given = await at.shop.approvals()
      const summary = 'Trunkline d-prod-1: web v1.2 (c0ffee0) to prod; plan 0123456789ab approved by Grace'
      assert.equal(given.find((fact) => fact.approval === 'Production/Release')?.summary, summary)
      assert.match(context.lines.join('\n'), /waits for the approval Production\/Legal by a person: https:/)
      assert.equal(given.length, executionMode === 'PARALLEL' ? 1 : 2)
    })
  }

  test('what somebody started past Trunkline is shown with who and what, and put back only when it is asked for', async () => {
    await at.shop.makePipeline()
    const target = at.shop.open()
    const request = await at.shop.release('1')
    assert.deepEqual(await target.ensure(request, at.shop.context()), { ok: true })
    assert.deepEqual(await target.findDrift?.(['web'], inTime()), [])
    const web = new PutObjectCommand({ Bucket: at.shop.bucket, Key: 'web.zip', Body: 'by hand' })
    await at.shop.aws.send(at.shop.aws.client(S3Client), web, { signal: inTime() })
    const theirs = await at.shop.byHand()
    while ((await at.shop.executions()).at(-1)?.status === 'InProgress');
    const { generation, detail } = await seen(target)
    assert.equal(generation, null)
    assert.equal(detail, `execution ${theirs.slice(0, 8)} was started by bob: what it brought is not known`)
    const [drift] = (await target.findDrift?.(['web'], inTime())) ?? []
    assert.equal(drift?.subject, 'the pipeline shop-web-prod')
    const [{ path, expected, actual, by } = {}] = drift?.fields ?? []
    assert.deepEqual([path, by?.name], ['execution', 'bob'])
    assert.match(String(expected), /^execution [0-9a-f]{8} \(Source: \S+\)$/)
    assert.match(String(actual), new RegExp(`^execution ${theirs.slice(0, 8)}`))
    const verdict = await target.verify(request, at.shop.context())
    assert.match(messages(verdict), /has not brought what was deployed last: execution .* bob/)
    assert.deepEqual(await target.ensure({ ...request, isRepair: true }, at.shop.context()), { ok: true })
    assert.deepEqual(await target.findDrift?.(['web'], inTime()), [])
  })

  test('a stage that somebody rolled back is known for what it brought, where it is all that changes anything', async () => {
    await at.shop.makePipeline()
    const target = at.shop.open()
    assert.deepEqual(await target.ensure(await at.shop.release('1'), at.shop.context()), { ok: true })
    assert.deepEqual(await target.ensure(await at.shop.release('2'), at.shop.context()), { ok: true })
    const [{ pipelineExecutionId = '' } = {}] = await at.shop.executions()
    const back = { pipelineName: name, stageName: 'Production', targetPipelineExecutionId: pipelineExecutionId }
    await at.shop.aws.send(at.shop.client, new RollbackStageCommand(back), { signal: inTime() })
    while ((await at.shop.executions()).at(-1)?.status === 'InProgress');
    assert.equal((await seen(target)).generation, 'generation-1')
  })
})

/** As a registry of ECR would: where the bytes are, CodePipeline asks itself. */
function inRegistry(store: ArtifactStore, repository: string): ArtifactStore {
  const kept: ArtifactStore = {
    ...store,
    forService: () => kept,
    imageReference: (digest) => `123456789012.dkr.ecr.eu-west-1.amazonaws.com/${repository}@${digest}`,
  }
  return kept
}

async function putImage({ artifacts, folder }: PipelineUnderTest): Promise<Digest> {
  const directory = await layDown(join(folder, 'image'), { 'main.js': '1' })
  const recipe = { kind: 'image', from: '', include: ['**'], exclude: [], base: null, to: '/app' } as const
  const image = await packImage({
    ...{ directory, include: ['**'], exclude: [], scratchDirectory: join(folder, 'image-scratch') },
    recipe: {
      ...recipe,
      include: ['**'],
      exclude: [],
      entrypoint: [],
      command: [],
      workdir: null,
      user: null,
      env: {},
      labels: {},
    },
    grounds: [{ platform: { os: 'linux', architecture: 'amd64' }, base: null }],
  })
  await artifacts.put(image, inTime())
  return image.digest
}
