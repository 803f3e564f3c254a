/** Infrastructure as a stage: what is planned is shown, and what was shown is done. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import {
  CloudFormationClient,
  DescribeStacksCommand,
  ListChangeSetsCommand,
  UpdateStackCommand,
} from '@aws-sdk/client-cloudformation'
import { TrunklineError } from '../../../src/model/index.ts'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { clientOf, makeBucket, neverAborted, stacksUnderTest, template } from './stacks-under-test.ts'

describe('change sets of stacks', { skip: awsMissing() }, () => {
  let aws: AwsPart
  before(async () => {
    aws = await startAws()
  })
  after(() => aws?.stop())
  beforeEach(async () => {
    await aws.reset()
    await makeBucket(aws)
  })
  const cloudformation = () => clientOf(CloudFormationClient, aws)
  const changeSetsOf = async (stack: string) =>
    ((await cloudformation().send(new ListChangeSetsCommand({ StackName: stack }))).Summaries ?? []).flatMap(
      ({ ChangeSetName, ExecutionStatus }) => (ExecutionStatus === 'AVAILABLE' ? [ChangeSetName] : []),
    )

  test('a first plan shows what is added, the deployment makes that, and its outputs are there', async () => {
    const under = stacksUnderTest(aws)
    const request = await under.request('data', { 'infra/template.yaml': template() })
    const preview = await under.preview(request)
    assert.deepEqual(preview?.changes, [
      { action: 'add', subject: 'AWS::SQS::Queue Messages' },
      { action: 'add', subject: 'AWS::DynamoDB::Table Orders' },
    ])
    const nothing = (await under.target.observe(['data'], neverAborted)) as { services: Record<string, unknown> }
    assert.deepEqual(nothing.services['data'], {
      ...{ generation: null, artifact: null, fingerprint: null, url: null },
      instances: { ready: 0, desired: 0 },
    })

    const context = under.context()
    assert.ok(preview)
    assert.deepEqual(await under.target.ensure({ ...request, preview }, context), { ok: true })
    assert.ok(context.lines.includes('AWS::DynamoDB::Table Orders CREATE_COMPLETE'), context.lines.join('\n'))
    const observation = await under.target.observe(['data'], neverAborted)
    assert.ok(observation.reachable)
    const observed = observation.services['data']
    assert.equal(observed?.generation, request.desired.generation)
    assert.equal(observed?.artifact, request.desired.artifact)
    assert.deepEqual(observed?.instances, { ready: 1, desired: 1 })
    assert.partialDeepStrictEqual(observed, { outputs: { TableName: 'orders' } })
    assert.deepEqual(await under.target.verify(request, under.context()), { ok: true })
    assert.equal(await under.preview(request), null)
  })

  test('planning twice makes one change set, and a later plan takes the earlier one away', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    const first = await under.request('data', { 'infra/template.yaml': template({ delay: '7' }) })
    const one = await under.preview(first)
    const [made] = await changeSetsOf('shop-stage-data')
    assert.deepEqual(await under.preview(first), one)
    assert.deepEqual(await changeSetsOf('shop-stage-data'), [made])
    const second = await under.request('data', { 'infra/template.yaml': template({ delay: '9' }) })
    const other = await under.preview(second)
    assert.notEqual(other?.digest, one?.digest)
    const [later, ...more] = await changeSetsOf('shop-stage-data')
    assert.deepEqual([more, later === made], [[], false])
  })

  test('what is changed and replaced is shown with its causes; data that would be lost is marked', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    const changed = await under.request(
      'data',
      { 'infra/template.yaml': template({ table: 'orders-v2' }) },
      { run: { parameters: { Retention: '60' } } },
    )
    assert.deepEqual((await under.preview(changed))?.changes, [
      {
        action: 'change',
        subject: 'AWS::SQS::Queue Messages',
        because: ['MessageRetentionPeriod: 345600 → 60 (by Retention)'],
      },
      {
        action: 'replace',
        subject: 'AWS::DynamoDB::Table Orders',
        because: ['TableName: orders → orders-v2 (replaces it)'],
        stateful: true,
      },
    ])
    const kept = await under.request('data', { 'infra/template.yaml': template({ table: 'orders-v2', keep: true }) })
    const replaced = (await under.preview(kept))?.changes.find(({ subject }) => subject.endsWith('Orders'))
    assert.equal(replaced?.stateful, true)
    assert.equal(replaced?.because?.[0], 'its data stays behind, in what is kept of the old one')
  })

  test('removing what holds data is marked, by the policy of what is there and not of what comes', async () => {
    await aws.wish('cloudformation', { no_policy_action: true })
    const under = stacksUnderTest(aws)
    const without = `Resources:\n  Other:\n    Type: AWS::SNS::Topic\n`
    for (const keep of [false, true]) {
      await aws.reset()
      await makeBucket(aws)
      await aws.wish('cloudformation', { no_policy_action: true })
      await under.deploy(await under.request('data', { 'infra/template.yaml': template({ keep }) }))
      const preview = await under.preview(await under.request('data', { 'infra/template.yaml': without }))
      const orders = preview?.changes.find(({ subject }) => subject.endsWith('Orders'))
      assert.deepEqual([orders?.action, orders?.stateful], ['remove', keep ? undefined : true])
    }
  })

  test('a stack that is as it should be is left alone, and one that only has another artifact is recorded', async () => {
    const under = stacksUnderTest(aws)
    const files = { 'infra/template.yaml': template() }
    await under.deploy(await under.request('data', files))
    const sameTemplate = await under.request('data', { ...files, 'infra/README.md': 'other bytes' })
    assert.equal(await under.preview(sameTemplate), null)
    assert.deepEqual(await under.target.ensure(sameTemplate, under.context()), { ok: true })
    assert.deepEqual(await under.target.verify(sameTemplate, under.context()), { ok: true })
    assert.deepEqual(await changeSetsOf('shop-stage-data'), [])
  })

  test('a change set that went stale is not executed: it says what moved', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    const request = await under.request('data', { 'infra/template.yaml': template({ delay: '7' }) })
    const preview = await under.preview(request)
    assert.ok(preview)
    // Somebody updates it by hand.
    await cloudformation().send(
      new UpdateStackCommand({ StackName: 'shop-stage-data', TemplateBody: template({ delay: '7', queue: false }) }),
    )
    const observation = await under.target.observe(['data'], neverAborted)
    assert.ok(observation.reachable)
    assert.equal(observation.services['data']?.detail, 'shop-stage-data was changed since by somebody else')
    await assert.rejects(under.target.ensure({ ...request, preview }, under.context()), (error) => {
      assert.ok(error instanceof TrunklineError)
      assert.deepEqual([error.kind, error.code], ['refused', 'PREVIEW_MOVED'])
      assert.match(error.message, /now it would also add AWS::SQS::Queue Messages/)
      return true
    })
    const anew = await under.preview(request)
    assert.ok(anew)
    assert.deepEqual(await under.target.ensure({ ...request, preview: anew }, under.context()), { ok: true })
  })

  test('what holds data is not lost where nobody has seen it', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', { 'infra/template.yaml': template() }))
    const request = await under.request('data', { 'infra/template.yaml': template({ table: 'other' }) })
    await assert.rejects(under.target.ensure(request, under.context()), { code: 'PREVIEW_MISSING', kind: 'refused' })
    const harmless = await under.request('data', { 'infra/template.yaml': template({ delay: '8' }) })
    assert.deepEqual(await under.target.ensure(harmless, under.context()), { ok: true })
  })

  test('termination protection is set, and keeps the stack', async () => {
    const under = stacksUnderTest(aws)
    const protect = { termination: true, policy: 'infra/policy.json', stateful: [] }
    const policy = JSON.stringify({
      Statement: [{ Effect: 'Allow', Action: 'Update:*', Principal: '*', Resource: '*' }],
    })
    const files = { 'infra/template.yaml': template(), 'infra/policy.json': policy }
    assert.deepEqual(await under.deploy(await under.request('data', files, { run: { protect } })), { ok: true })
    const { Stacks } = await cloudformation().send(new DescribeStacksCommand({ StackName: 'shop-stage-data' }))
    assert.equal(Stacks?.[0]?.EnableTerminationProtection, true)
    await assert.rejects(under.target.remove('data', under.context()), { code: 'STACK_PROTECTED', kind: 'refused' })
  })
})
