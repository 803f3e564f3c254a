/** Virtual machines through CodeDeploy: what is deployed, shown, refused and found. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CodeDeployClient, CreateDeploymentCommand, GetDeploymentCommand } from '@aws-sdk/client-codedeploy'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { copyArtifact } from '../../../src/artifacts/copy-artifact.ts'
import { createS3Store } from '../../../src/artifacts/s3/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import {
  behindBalancer,
  type CodeDeployUnderTest,
  group,
  inTime,
  makeTargetGroup,
  openCodeDeploy,
  seen,
} from './codedeploy-under-test.ts'

describe('virtual machines through CodeDeploy', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let fleet: CodeDeployUnderTest

  inAwsAccount(openCodeDeploy, (given) => {
    ;({ part, faults, opened: fleet } = given)
  })

  const byHand = async (key: string) => {
    const revision = { revisionType: 'S3', s3Location: { bucket: fleet.bucket, key, bundleType: 'tar' } } as const
    const client = fleet.aws.client(CodeDeployClient)
    const command = new CreateDeploymentCommand({ ...group, revision })
    const { deploymentId } = await fleet.aws.send(client, command, { signal: inTime() })
    const toItsEnd = async () => {
      for (;;) {
        const look = new GetDeploymentCommand({ deploymentId })
        const { deploymentInfo } = await fleet.aws.send(client, look, { signal: inTime() })
        if (deploymentInfo?.status === 'Succeeded') return deploymentId
      }
    }
    return { id: deploymentId, toItsEnd }
  }

  test('a revision goes to S3 by its content, and to the instances one after the other, who are heard', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    const context = fleet.context()
    const target = fleet.open()
    assert.deepEqual(await target.ensure(request, context), { ok: true })

    const [layer] = (await fleet.artifacts.manifest(request.desired.artifact, inTime())).layers
    const key = `revisions/${layer?.digest.slice('sha256:'.length)}.tar`
    const head = new HeadObjectCommand({ Bucket: fleet.bucket, Key: key })
    const { Metadata, ETag } = await fleet.aws.send(fleet.aws.client(S3Client), head, { signal: inTime() })
    const commit = 'c0ffee00'.repeat(5)
    assert.deepEqual(Metadata, { project: 'shop', service: 'web', digest: layer?.digest, commit })

    const [deployment, ...others] = await fleet.deployments()
    assert.equal(others.length, 0)
    assert.deepEqual(deployment?.revision?.s3Location, {
      ...{ bucket: fleet.bucket, key, bundleType: 'tar' },
      eTag: ETag?.replaceAll('"', ''),
    })
    assert.match(deployment?.description ?? '', /^Trunkline d-prod-1: web generation generation-1 artifact sha256:/)
    assert.equal(deployment?.deploymentConfigName, 'CodeDeployDefault.OneAtATime')
    const told = context.lines.filter((line) => line.startsWith('i-'))
    assert.equal(told.length, 14)
    assert.deepEqual(
      [told[0], told[6], told[7]],
      ['i-0a1: ApplicationStop succeeded', 'i-0a1: ValidateService succeeded', 'i-0b2: ApplicationStop succeeded'],
    )
    assert.deepEqual(context.reports.at(-1), { ready: 2, desired: 2, old: 0 })
    assert.deepEqual(await target.verify(request, context), { ok: true })
    assert.deepEqual(await seen(target), {
      ...{ generation: 'generation-1', artifact: request.desired.artifact, fingerprint: 'none' },
      ...{ instances: { ready: 2, desired: 2 }, url: 'https://web.example' },
    })
  })

  test('what runs already is left alone, and what follows takes the same object again', async () => {
    await fleet.makeGroup()
    const first = await fleet.release('1')
    await fleet.open().ensure(first, fleet.context())
    await fleet.open().ensure(await fleet.release('2', { strategy: 'half' }), fleet.context())
    const before = faults.calls('s3:PutObject').length
    assert.deepEqual(await fleet.open().ensure(first, fleet.context()), { ok: true })
    assert.deepEqual(await fleet.open().ensure(first, fleet.context()), { ok: true })
    assert.equal(faults.calls('s3:PutObject').length, before)
    const configurations = (await fleet.deployments()).map(({ deploymentConfigName }) => deploymentConfigName)
    const [one, half] = ['CodeDeployDefault.OneAtATime', 'CodeDeployDefault.HalfAtATime']
    assert.deepEqual(configurations, [one, half, one])
  })

  test('where artifacts are in S3 already, instances take them from there', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    const store = createS3Store({ aws: fleet.aws, bucket: fleet.bucket, prefix: 'artifacts' })
    const copy = { digest: request.desired.artifact, from: fleet.artifacts, service: 'web', to: store }
    await copyArtifact(copy, inTime())
    assert.deepEqual(await fleet.open().ensure(request, fleet.context({ artifacts: store })), { ok: true })
    const [deployment] = await fleet.deployments()
    assert.match(deployment?.revision?.s3Location?.key ?? '', /^artifacts\/blobs\/sha256\//)
    assert.deepEqual(
      faults.calls('s3:PutObject').filter((call) => call.includes('revisions')),
      [],
    )
  })

  test('a rollout without downtime is refused where nothing stands before the instances, and says how to accept it', async () => {
    await fleet.makeGroup({})
    const request = await fleet.release('1')
    const objections = (await fleet.open().objectionsTo?.(request, inTime())) ?? []
    assert.match(
      objections[0]?.message ?? '',
      /^a rollout without downtime cannot be promised: the deployment group prod of shop-web has no load balancer/,
    )
    assert.match(objections[0]?.hint ?? '', /`downtime: accepted` in the target/)
    const verdict = await fleet.open().ensure(request, fleet.context())
    assert.ok(!verdict.ok && verdict.refused === true)
    assert.deepEqual(await fleet.deployments(), [])

    const accepted = fleet.open({ config: { downtime: 'accepted' } })
    assert.deepEqual(await accepted.objectionsTo?.(request, inTime()), [])
    assert.deepEqual(await fleet.open().objectionsTo?.({ ...request, strategy: 'all-at-once' }, inTime()), [])
    assert.deepEqual(await accepted.ensure(request, fleet.context()), { ok: true })
  })

  test('a single instance behind a load balancer cannot be without downtime', async () => {
    await part.wish('codedeploy', { instances: ['i-0a1'] })
    await fleet.makeGroup()
    const request = await fleet.release('1')
    assert.deepEqual(await fleet.open({ config: { downtime: 'accepted' } }).ensure(request, fleet.context()), {
      ok: true,
    })
    const [objection] = (await fleet.open().objectionsTo?.(request, inTime())) ?? []
    assert.match(objection?.message ?? '', /has one instance, and nothing answers while it is changed/)
  })

  test('a deployment configuration of the team is used, and one that breaks a promise, or none can be changed by, is refused', async () => {
    await part.wish('codedeploy', {
      configurations: {
        careful: { type: 'HOST_COUNT', value: 1 },
        reckless: { type: 'FLEET_PERCENT', value: 0 },
        strict: { type: 'FLEET_PERCENT', value: 60 },
      },
    })
    await fleet.makeGroup()
    const open = (configuration: string) => fleet.open({ config: { configuration } })
    assert.deepEqual(await open('careful').ensure(await fleet.release('1'), fleet.context()), { ok: true })
    const [deployment] = await fleet.deployments()
    assert.equal(deployment?.deploymentConfigName, 'careful')

    const request = await fleet.release('2')
    const why = async (name: string, asked = request) =>
      ((await open(name).objectionsTo?.(asked, inTime())) ?? []).map(({ message }) => message)
    assert.deepEqual(await why('reckless'), [
      'a rollout without downtime cannot be promised: the deployment configuration reckless may change all instances at once',
    ])
    assert.deepEqual(await why('reckless', { ...request, strategy: 'all-at-once' }), [])
    assert.deepEqual(await why('strict'), [
      'the deployment configuration strict keeps all 2 healthy: none may be changed',
    ])
    assert.deepEqual(await why('missing'), [], 'a stack may make it')
    await assert.rejects(open('missing').ensure(request, fleet.context()), {
      kind: 'refused',
      code: 'NO_DEPLOYMENT_CONFIGURATION',
    })
    assert.equal((await fleet.deployments()).length, 1)
  })

  test('variables are refused, since CodeDeploy hands its scripts none', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    const env = { API_KEY: { kind: 'from', from: 'API_KEY', secret: true, default: null } } as const
    const given = { ...request, desired: { ...request.desired, env } }
    const [objection] = (await fleet.open().objectionsTo?.(given, inTime())) ?? []
    assert.match(objection?.message ?? '', /web has variables \(API_KEY\)/)
    assert.match(objection?.hint ?? '', /--path \/shop\/prod\/web$/)
  })

  test('a group that is missing is no objection, since a stack may make it, and refused when it is needed', async () => {
    const request = await fleet.release('1')
    const target = fleet.open()
    assert.deepEqual(await target.objectionsTo?.(request, inTime()), [])
    await assert.rejects(target.ensure(request, fleet.context()), { kind: 'refused', code: 'NO_DEPLOYMENT_GROUP' })
    assert.equal((await seen(target)).detail, 'the deployment group prod of shop-web is missing')
    assert.deepEqual(await target.remove('web', fleet.context()), { ok: true })
    await fleet.makeGroup()
    await assert.rejects(target.remove('web', fleet.context()), { kind: 'refused', code: 'INSTANCES_KEPT' })
  })

  test('a revision that was written over under its key is refused by name', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    await fleet.open().ensure(request, fleet.context())
    const [deployment] = await fleet.deployments()
    const Key = deployment?.revision?.s3Location?.key
    const [layer] = (await fleet.artifacts.manifest(request.desired.artifact, inTime())).layers
    const other = new PutObjectCommand({ Bucket: fleet.bucket, Key, Body: 'x'.repeat(layer?.size ?? 0) })
    await fleet.aws.send(fleet.aws.client(S3Client), other, { signal: inTime() })
    const again = { ...request, desired: { ...request.desired, generation: 'generation-1b' } }
    await assert.rejects(fleet.open().ensure(again, fleet.context()), { kind: 'refused', code: 'REVISION_CHANGED' })
    assert.equal((await fleet.deployments()).length, 1)
  })

  test('a deployment of somebody else is waited for, found as drift, and put back', async () => {
    await fleet.makeGroup()
    const request = await fleet.release('1')
    const target = fleet.open()
    await target.ensure(request, fleet.context())
    const { id: theirs } = await byHand('by-hand.tar')
    const context = fleet.context()
    assert.deepEqual(await target.ensure(await fleet.release('2'), context), { ok: true })
    assert.match(context.lines.join('\n'), new RegExp(`waits for ${theirs}, begun by somebody else`))

    const last = await (await byHand('by-hand.tar')).toItsEnd()
    const [drift, ...others] = (await target.findDrift?.(['web'], inTime())) ?? []
    assert.equal(others.length, 0)
    assert.equal(drift?.subject, 'the deployment group prod of shop-web')
    assert.equal(drift?.fields[0]?.actual, `s3://${fleet.bucket}/by-hand.tar (${last})`)
    assert.equal(drift?.fields[0]?.by?.name, 'somebody (CloudTrail knows who)')
    assert.equal((await seen(target)).generation, null)
    assert.deepEqual(await target.ensure({ ...request, isRepair: true }, fleet.context()), { ok: true })
    assert.deepEqual(await target.findDrift?.(['web'], inTime()), [])
  })

  test('a blue-green group that waits for a word is told to go on when its new instances are ready', async () => {
    await fleet.makeGroup({
      ...behindBalancer,
      deploymentStyle: { deploymentType: 'BLUE_GREEN', deploymentOption: 'WITH_TRAFFIC_CONTROL' },
      blueGreenDeploymentConfiguration: {
        deploymentReadyOption: { actionOnTimeout: 'STOP_DEPLOYMENT', waitTimeInMinutes: 60 },
      },
    })
    const context = fleet.context()
    const target = fleet.open()
    assert.deepEqual(await target.ensure(await fleet.release('1'), context), { ok: true })
    assert.deepEqual((await seen(target)).instances, { ready: 2, desired: 2 })
    assert.match(context.lines.join('\n'), /the new instances are ready, and get the requests now/)
    const told = JSON.stringify(await part.told('codedeploy'))
    assert.equal(told.split('READY_WAIT').length, 2, 'said once')
    const at = (line: string) => context.lines.indexOf(line)
    const [green, blue] = ['i-0b2 (green): ValidateService succeeded', 'i-0a1-before (blue): BlockTraffic succeeded']
    assert.ok(at(green) >= 0 && at(green) < at(blue), context.lines.join('\n'))
    assert.ok(context.reports.some((report) => JSON.stringify(report) === '{"ready":2,"desired":2,"old":2}'))
    assert.deepEqual(context.reports.at(-1), { ready: 2, desired: 2, old: 0 })
  })

  test('a blue-green deployment that only keeps its old instances for a while is through', async () => {
    await fleet.makeGroup()
    await part.wish('codedeploy', { keeps_old: true })
    const request = await fleet.release('1')
    const target = fleet.open()
    assert.deepEqual(await target.ensure(request, fleet.context()), { ok: true })
    assert.equal((await seen(target)).generation, 'generation-1')
    assert.deepEqual(await target.ensure(request, fleet.context()), { ok: true })
    assert.deepEqual(
      (await fleet.deployments()).map(({ status }) => status),
      ['InProgress'],
    )
  })

  test('a group that deploys to something else than machines is refused', async () => {
    await fleet.makeGroup(behindBalancer, 'ECS')
    const [objection] = (await fleet.open().objectionsTo?.(await fleet.release('1'), inTime())) ?? []
    assert.match(objection?.message ?? '', /prod of shop-web deploys to ECS/)
  })

  test('a target group that gives running requests too little time is told of', async () => {
    await makeTargetGroup(part, 'shop-web', 5)
    await fleet.makeGroup()
    const sentence =
      'the target group shop-web gives running requests 5 s, and they may take 30 s (`drainTimeout`): some will be cut off'
    const context = fleet.context()
    assert.deepEqual(await fleet.open().ensure(await fleet.release('1'), context), { ok: true })
    assert.ok(context.lines.includes(sentence))
    assert.deepEqual(await fleet.open({ config: { drainTimeoutMs: 5000 } }).examine?.(['web'], inTime()), [
      { isWell: true, message: 'the deployment group prod of shop-web is there' },
    ])
    const examined = await fleet.open().examine?.(['web'], inTime())
    assert.deepEqual(examined?.[1], { isWell: false, message: sentence })
  })

  test('one that never ends is waited for so long and no longer', async () => {
    await fleet.makeGroup(behindBalancer)
    await part.wish('codedeploy', { never_ends: true })
    await byHand('by-hand.tar')
    const request = await fleet.release('1')
    await assert.rejects(fleet.open({ config: { timeoutMs: 60_000 } }).ensure(request, fleet.context()), {
      kind: 'errored',
      code: 'DEPLOYMENT_BUSY',
    })
  })
})
