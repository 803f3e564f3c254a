/** Stacks that fail, get stuck, or are left behind. What the emulator does here is what AWS documents. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { CloudFormationClient, DescribeStacksCommand, type Stack } from '@aws-sdk/client-cloudformation'
import { systemClock } from '../../../src/clock/index.ts'
import { cancelledError, erroredError, TrunklineError } from '../../../src/model/index.ts'
import type { Clock } from '../../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../../parts/aws/faults.ts'
import { clientOf, makeBucket, neverAborted, stacksUnderTest, template } from './stacks-under-test.ts'

const quota = 'Limit of 2500 tables exceeded (Service: DynamoDb, Status Code: 400)'

describe('stacks that fail', { skip: awsMissing() }, () => {
  let aws: AwsPart
  let faults: AwsFaults
  before(async () => {
    aws = await startAws()
    faults = await startFaults(aws)
  })
  after(async () => {
    await faults?.stop()
    await aws?.stop()
  })
  beforeEach(async () => {
    faults.clear()
    await aws.reset()
    await makeBucket(aws)
  })

  const stackNow = async (name: string): Promise<Stack | null> => {
    const cloudformation = clientOf(CloudFormationClient, aws)
    const found = await cloudformation.send(new DescribeStacksCommand({ StackName: name })).catch(() => null)
    return found?.Stacks?.[0] ?? null
  }
  const data = (files = template()) => ({ 'infra/template.yaml': files })
  const isRefused =
    (code: string, message: RegExp, kind = 'refused') =>
    (error: unknown) => {
      assert.ok(error instanceof TrunklineError)
      assert.deepEqual([error.kind, error.code], [kind, code])
      assert.match(`${error.message} ${error.hint}`, message)
      return true
    }

  test('a first creation that fails says why, is deleted since it holds nothing, and is created anew', async () => {
    await aws.wish('cloudformation', { fail: { Messages: quota } })
    const under = stacksUnderTest(aws)
    const request = await under.request('data', data())
    const verdict = await under.deploy(request)
    assert.ok(!verdict.ok)
    assert.deepEqual(
      verdict.reasons.map(({ code, message }) => `${code}: ${message}`),
      [
        `resource-failed: AWS::SQS::Queue Messages of shop-stage-data: ${quota}`,
        'stack-rolled-back: shop-stage-data was never created, and nothing of it is left (ROLLBACK_COMPLETE)',
      ],
    )
    assert.ok(verdict.logTail?.some((line) => line.includes('Orders CREATE_FAILED: Resource creation cancelled')))
    assert.equal(await stackNow('shop-stage-data'), null)
    await aws.wish('cloudformation', { fail: {} })
    assert.deepEqual(await under.deploy(request), { ok: true })
  })

  test('what a failed creation left behind and still holds something is for a person to look at', async () => {
    await aws.wish('cloudformation', { fail: { Orders: quota }, retained: ['Messages'] })
    const under = stacksUnderTest(aws)
    const request = await under.request('data', data())
    assert.equal((await under.deploy(request)).ok, false)
    assert.equal((await stackNow('shop-stage-data'))?.StackStatus, 'ROLLBACK_COMPLETE')
    const left = /still holds Messages \(DELETE_SKIPPED\).*aws cloudformation delete-stack/
    await assert.rejects(under.preview(request), isRefused('STACK_HOLDS_RESOURCES', left, 'errored'))
    await assert.rejects(under.target.ensure(request, under.context()), isRefused('STACK_HOLDS_RESOURCES', left))
  })

  test('a stack that somebody left in ROLLBACK_COMPLETE is deleted before it is created anew', async () => {
    await aws.wish('cloudformation', { fail: { Orders: quota } })
    const under = stacksUnderTest(aws)
    const request = await under.request('data', data())
    const preview = await under.preview(request)
    assert.ok(preview)
    // A controller that died before it could clear up.
    const gone = new AbortController()
    const context = under.context({
      signal: gone.signal,
      log: (line) => void (line.includes('ROLLBACK_COMPLETE') && gone.abort(erroredError('LEASE_LOST', 'gone'))),
    })
    await assert.rejects(under.target.ensure({ ...request, preview }, context))
    assert.equal((await stackNow('shop-stage-data'))?.StackStatus, 'ROLLBACK_COMPLETE')
    await aws.wish('cloudformation', { fail: {} })
    assert.deepEqual(await under.deploy(request), { ok: true })
    assert.equal((await stackNow('shop-stage-data'))?.StackStatus, 'CREATE_COMPLETE')
  })

  test('an update that fails goes back by itself, says why, and the release before it is what runs', async () => {
    const under = stacksUnderTest(aws)
    const first = await under.request('data', data())
    await under.deploy(first)
    await aws.wish('cloudformation', { fail: { Messages: 'Value 901 for parameter DelaySeconds is invalid' } })
    const verdict = await under.deploy(await under.request('data', data(template({ delay: '901' }))))
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.message ?? '', /^AWS::SQS::Queue Messages of shop-stage-data: Value 901/)
    assert.match(verdict.reasons[1]?.message ?? '', /is as it was before \(UPDATE_ROLLBACK_COMPLETE\)/)
    await aws.wish('cloudformation', { fail: {} })
    // The way back finds nothing to change.
    assert.deepEqual(await under.deploy(first), { ok: true })
    assert.deepEqual(await under.target.verify(first, under.context()), { ok: true })
  })

  test('the cause of a failure within a nested stack is told, not that the stack failed', async () => {
    await aws.wish('cloudformation', { fail: { Messages: quota } })
    const under = stacksUnderTest(aws)
    const child = await under.request('child', data())
    await under.preview(child)
    const stackId = (await stackNow('shop-stage-child'))?.StackId
    assert.ok(stackId)
    assert.equal((await under.deploy(child)).ok, false)
    const said = `Embedded stack ${stackId} was not successfully created`
    await aws.wish('cloudformation', { fail: { Data: said }, physical: { Data: stackId } })
    const parent =
      'Resources:\n  Data:\n    Type: AWS::CloudFormation::Stack\n    Properties: { TemplateURL: child.yaml }\n'
    const files = { ...data(parent), 'infra/child.yaml': template() }
    const verdict = await under.deploy(await under.request('parent', files))
    assert.ok(!verdict.ok)
    assert.equal(verdict.reasons[0]?.message, `AWS::SQS::Queue Data/Messages of shop-stage-parent: ${quota}`)
  })

  test('a change set that cannot be made leaves no stack behind', async () => {
    const under = stacksUnderTest(aws)
    const text =
      'Resources:\n  T:\n    Type: AWS::SNS::Topic\n    Properties: { DisplayName: { "Fn::ImportValue": nothing } }\n'
    const verdict = await under.deploy(await under.request('data', data(text)))
    assert.ok(!verdict.ok)
    assert.match(
      verdict.reasons[0]?.message ?? '',
      /cannot make a change set for shop-stage-data: No export named nothing/,
    )
    // Each look is a step of the emulator.
    assert.match((await stackNow('shop-stage-data'))?.StackStatus ?? 'gone', /^(?:DELETE_COMPLETE|gone)$/)
    assert.equal(await stackNow('shop-stage-data'), null)
  })

  test('a way back that got stuck is explained, and tried once more where the configuration says so', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', data()))
    await aws.wish('cloudformation', { fail: { Orders: quota }, stuck: { Messages: 'The queue is in use' } })
    const change = await under.request(
      'data',
      data(
        template({ delay: '7' }).replace('PAY_PER_REQUEST', 'PAY_PER_REQUEST\n      DeletionProtectionEnabled: true'),
      ),
    )
    const verdict = await under.deploy(change)
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[1]?.message ?? '', /UPDATE_ROLLBACK_FAILED/)
    const stuck =
      /AWS::SQS::Queue Messages: The queue is in use.*aws cloudformation continue-update-rollback --stack-name shop-stage-data/
    await assert.rejects(under.preview(change), isRefused('STACK_STUCK', stuck, 'errored'))
    await assert.rejects(under.target.ensure(change, under.context()), isRefused('STACK_STUCK', stuck))
    await aws.wish('cloudformation', { fail: {}, stuck: {} })
    const trying = stacksUnderTest(aws, { continueRollback: true })
    const again = await trying.request('data', data(template({ delay: '7' })))
    assert.deepEqual(await trying.deploy(again), { ok: true })
  })

  test('a controller that takes over goes on watching what a dead one has begun, and plans the same', async () => {
    const under = stacksUnderTest(aws)
    const request = await under.request('data', data(template({ extra: topics(12) })))
    const preview = await under.preview(request)
    assert.ok(preview)
    const dying = new AbortController()
    const context = under.context({
      signal: dying.signal,
      log: (line) => void (line.includes('Messages CREATE') && dying.abort(erroredError('LEASE_LOST', 'killed'))),
    })
    await assert.rejects(under.target.ensure({ ...request, preview }, context))
    assert.equal((await stackNow('shop-stage-data'))?.StackStatus, 'CREATE_IN_PROGRESS')
    assert.equal((await under.preview(request))?.digest, preview.digest)
    const next = under.context({ epoch: 2 })
    assert.deepEqual(await under.target.ensure({ ...request, preview }, next), { ok: true })
    assert.match(next.lines.join('\n'), /shop-stage-data is CREATE_IN_PROGRESS with what is wanted: goes on watching/)
    assert.equal(faults.calls('cloudformation:ExecuteChangeSet').length, 0)
    // The one that was thought dead changes nothing any more.
    await assert.rejects(under.target.ensure({ ...request, preview }, context), /killed|cancelled/)
    await assert.rejects(under.target.ensure({ ...request, preview }, under.context()), { code: 'STALE_CONTROLLER' })
  })

  test('who cancels, cancels an update: CloudFormation goes back', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', data()))
    const request = await under.request('data', data(template({ delay: '9', extra: topics(6) })))
    const preview = await under.preview(request)
    assert.ok(preview)
    const cancelling = new AbortController()
    const context = under.context({ signal: cancelling.signal })
    context.log = (line) => {
      context.lines.push(line)
      if (line.includes('UPDATE_IN_PROGRESS')) cancelling.abort(cancelledError())
    }
    await assert.rejects(under.target.ensure({ ...request, preview }, context), { code: 'CANCELLED' })
    assert.match(context.lines.join('\n'), /the update is cancelled, and CloudFormation goes back/)
    // What comes next waits until it is back.
    assert.deepEqual(await under.deploy(request), { ok: true })
  })

  test('what cannot be deleted says what keeps it, and a retry goes on; data is never deleted with a stack', async () => {
    const under = stacksUnderTest(aws)
    await under.deploy(await under.request('data', data()))
    await assert.rejects(
      under.target.remove('data', under.context()),
      isRefused('STACK_HOLDS_DATA', /AWS::SQS::Queue Messages, AWS::DynamoDB::Table Orders.*DeletionPolicy: Retain/),
    )
    await under.deploy(await under.request('data', data(template({ keep: true, extra: topics(1) }))))
    await aws.wish('cloudformation', { undeletable: { Told0: 'The topic has a subscriber' } })
    const blocked = await under.target.remove('data', under.context())
    assert.ok(!blocked.ok)
    assert.match(
      blocked.reasons[0]?.message ?? '',
      /cannot be deleted: AWS::SNS::Topic Told0: The topic has a subscriber/,
    )
    await aws.wish('cloudformation', { undeletable: {} })
    assert.deepEqual(await under.target.remove('data', under.context()), { ok: true })
    assert.equal(await stackNow('shop-stage-data'), null)
    assert.deepEqual(await under.target.remove('data', under.context()), { ok: true })
  })

  test('while AWS tells nothing of an operation that goes on, that is said, and its end is seen', async () => {
    const hurried: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(ms / 50, signal) }
    const under = stacksUnderTest(faults, {}, hurried)
    const request = await under.request('data', { 'infra/template.yaml': template() })
    const preview = await under.preview(request)
    assert.ok(preview)
    const silence = { kind: 'html', status: 500 } as const
    faults.fault('cloudformation:DescribeStackEvents', silence, { times: 16 })
    const context = under.context()
    assert.deepEqual(await under.target.ensure({ ...request, preview }, context), { ok: true })
    assert.match(
      context.lines.join('\n'),
      /waits for the stack shop-stage-data to be at rest, and cannot see it since .*: AWS CloudFormation DescribeStackEvents/,
    )
    assert.match(context.lines.join('\n'), /AWS answers again/)
  })

  test('throttling is waited out; what is denied names the permission', async () => {
    const under = stacksUnderTest(faults)
    const request = await under.request('data', data())
    faults.fault('cloudformation:DescribeStackEvents', { kind: 'throttle' }, { times: 2 })
    faults.fault('cloudformation:ExecuteChangeSet', { kind: 'throttle' }, { times: 1 })
    assert.deepEqual(await under.deploy(request), { ok: true })
    const denied = { kind: 'denied', permission: 'cloudformation:CreateChangeSet' } as const
    faults.fault('cloudformation:CreateChangeSet', denied)
    const next = await under.request('data', data(template({ delay: '9' })))
    await assert.rejects(under.preview(next), (error) => {
      assert.ok(error instanceof TrunklineError)
      assert.deepEqual([error.kind, error.code], ['errored', 'AWS_ACCESS_DENIED'])
      assert.match(error.message, /cloudformation:CreateChangeSet/)
      return true
    })
  })

  test('whatever call an attempt ends at, the next one comes to the same end', async () => {
    const under = stacksUnderTest(faults)
    await under.deploy(await under.request('data', data()))
    let reached = 0
    for (let calls = 0, isWhole = false; !isWhole; calls += 1) {
      const request = await under.request('data', data(template({ delay: String(calls + 10) })))
      faults.clear()
      faults.fault(/./, { kind: 'denied', permission: 'any' }, { times: 1, after: calls })
      const first = await under.deploy(request).catch((error: unknown) => error)
      faults.clear()
      isWhole = !(first instanceof TrunklineError)
      if (isWhole) assert.deepEqual(first, { ok: true }, `after ${calls} calls`)
      else assert.deepEqual(await under.deploy(request), { ok: true }, `after ${calls} calls`)
      assert.deepEqual(await under.target.verify(request, under.context()), { ok: true }, `after ${calls} calls`)
      reached = calls
      assert.ok(calls < 100, 'an update takes fewer calls')
    }
    assert.ok(reached > 15, `only ${reached} calls were interrupted`)
  })

  for (const fault of [{ kind: 'lose' }, { kind: 'denied', permission: 'all' }] as const) {
    test(`whatever write is interrupted (${fault.kind}), the next attempt comes to the same end`, async () => {
      const under = stacksUnderTest(faults)
      const request = await under.request('data', data(), {
        run: { protect: { termination: true, policy: null, stateful: [] } },
      })
      for (const action of writes) {
        const times = faults.calls(action).length
        faults.fault(action, fault, { times: 1 })
        // What is lost is asked for again at once; what is denied ends the attempt.
        const first = await under.deploy(request).catch((error: unknown) => error)
        if (fault.kind === 'denied' && times < faults.calls(action).length) {
          assert.ok(
            first instanceof TrunklineError && first.code === 'AWS_ACCESS_DENIED',
            `${action}: ${String(first)}`,
          )
        }
        assert.deepEqual(await under.deploy(request), { ok: true }, action)
      }
      const observation = await under.target.observe(['data'], neverAborted)
      assert.ok(observation.reachable)
      assert.equal(observation.services['data']?.generation, request.desired.generation)
      const stack = await stackNow('shop-stage-data')
      assert.deepEqual([stack?.StackStatus, stack?.EnableTerminationProtection], ['CREATE_COMPLETE', true])
    })
  }
})

const writes = [
  'cloudformation:CreateChangeSet',
  'ssm:PutParameter',
  'cloudformation:ExecuteChangeSet',
  'cloudformation:UpdateTerminationProtection',
]

const topics = (count: number): string =>
  Array.from({ length: count }, (_, index) => `  Told${index}:\n    Type: AWS::SNS::Topic\n`).join('')
