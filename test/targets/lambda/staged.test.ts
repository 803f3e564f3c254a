/** Requests going over in stages. The emulator stores an alias's weights and does not apply them: what they are is looked at. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { CloudWatchClient, PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch'
import type { StagedStrategy, Verdict } from '../../../src/model/index.ts'
import type { StageToVerify } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import {
  functionCode,
  inTime,
  type LambdaUnderTest,
  openLambda,
  quickClock,
  type RequestChange,
  requestFor,
  seen,
} from './lambda-under-test.ts'

const name = 'shop-stage-carts'
const alarm = 'shop-stage-carts-errors'
const canary: StagedStrategy = {
  kind: 'canary',
  stages: [10, 50, 100].map((weight) => ({ weight, verify: ['works'], pauseMs: weight === 100 ? 0 : 20_000 })),
}
const blueGreen: StagedStrategy = {
  kind: 'blue-green',
  stages: [
    { weight: 0, verify: ['works'], pauseMs: 0 },
    { weight: 100, verify: ['works'], pauseMs: 60_000 },
  ],
}

describe('functions rolled out in stages', { skip: awsMissing() }, () => {
  let faults: AwsFaults
  let lambda: LambdaUnderTest

  inAwsAccount(openLambda, (given) => {
    ;({ faults, opened: lambda } = given)
  })

  /** Version 1 runs; what is asked for is version 2. */
  async function begun(change: RequestChange = {}) {
    const first = requestFor('carts', await lambda.zip(functionCode('1')), change)
    assert.deepEqual(await lambda.open().ensure(first, lambda.context()), { ok: true })
    const second = requestFor('carts', await lambda.zip(functionCode('2')), { strategy: canary, ...change })
    return { first, second }
  }

  async function makeAlarm(): Promise<void> {
    const command = new PutMetricAlarmCommand({
      ...{ AlarmName: alarm, MetricName: 'Errors', Namespace: 'AWS/Lambda', Statistic: 'Sum' },
      ...{ ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 1, Period: 60, Threshold: 0 },
    })
    await lambda.aws.send(lambda.aws.client(CloudWatchClient), command, { signal: inTime() })
    await ring('OK')
  }

  async function ring(StateValue: 'ALARM' | 'OK'): Promise<void> {
    const command = new SetAlarmStateCommand({ AlarmName: alarm, StateValue, StateReason: '7 errors in a minute' })
    await lambda.aws.send(lambda.aws.client(CloudWatchClient), command, { signal: inTime() })
  }

  const messages = (verdict: Verdict) => (verdict.ok ? 'ok' : verdict.reasons.map(({ message }) => message).join('; '))

  test('a canary goes through its weights, each verified and written down before the next', async () => {
    const { second } = await begun()
    const story: string[] = []
    const context = lambda.context({
      verifyStage: async ({ weight }) => {
        story.push(`${weight} %: ${await lambda.alias(name)}`)
        const { newSet } = await seen(lambda.open(), 'carts')
        story.push(`seen: ${newSet?.weight}`)
        return { ok: true }
      },
      stagePassed: async ({ weight }) => void story.push(`passed ${weight}`),
    })
    const clock = quickClock()
    assert.deepEqual(await lambda.open({ clock }).ensure(second, context), { ok: true })
    assert.deepEqual(story, [
      ...['10 %: 1 and 10 % to 2', 'seen: 10', 'passed 10'],
      ...['50 %: 1 and 50 % to 2', 'seen: 50', 'passed 50'],
      ...['100 %: 2', 'seen: 100', 'passed 100'],
    ])
    assert.equal(await lambda.alias(name), '2')
    assert.ok(clock.slept.reduce((sum, ms) => sum + ms, 0) > 38_000, 'both steps were watched for their time')
    assert.equal((await seen(lambda.open(), 'carts')).generation, second.desired.generation)
  })

  test('a verification that fails gives all requests back to the old version', async () => {
    const { first, second } = await begun()
    const no: Verdict = { ok: false, reasons: [{ code: 'probe', message: 'answers 500' }] }
    const context = lambda.context({ verifyStage: async ({ weight }) => (weight === 50 ? no : { ok: true }) })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(second, context), no)
    assert.equal(await lambda.alias(name), '1')
    assert.equal((await seen(lambda.open(), 'carts')).generation, first.desired.generation)
    assert.deepEqual(await lambda.open().verify(first, lambda.context()), { ok: true })
  })

  test('an alarm that goes off while a step is watched takes it back, and is named', async () => {
    await makeAlarm()
    const { second } = await begun()
    const clock = quickClock(async (ms) => {
      if (ms === 5000 && (await lambda.alias(name)).includes('%')) await ring('ALARM')
    })
    const target = lambda.open({ clock, config: { alarms: ['{project}-{environment}-{service}-errors'] } })
    const verdict = await target.ensure(second, lambda.context({ verifyStage: async () => ({ ok: true }) }))
    assert.equal(messages(verdict), `the alarm ${alarm} has gone off: 7 errors in a minute`)
    assert.equal(await lambda.alias(name), '1')
  })

  test('an alarm that rang before says nothing about the new version, and one that is missing is refused', async () => {
    await makeAlarm()
    const { second } = await begun()
    await ring('ALARM')
    const target = lambda.open({ clock: quickClock(), config: { alarms: [alarm] } })
    const context = lambda.context({ verifyStage: async () => ({ ok: true }) })
    assert.deepEqual(await target.ensure(second, context), { ok: true })
    assert.match(context.lines.join('\n'), /the alarm shop-stage-carts-errors rings already/)
    const third = requestFor('carts', await lambda.zip(functionCode('3')), { strategy: canary })
    const deaf = lambda.open({ clock: quickClock(), config: { alarms: ['nobody-made-it'] } })
    await assert.rejects(deaf.ensure(third, lambda.context()), { kind: 'refused', code: 'NO_ALARM' })
    assert.equal(await lambda.alias(name), '2')
  })

  test('blue-green verifies the new version at an address of its own, before any request goes there', async () => {
    const { second } = await begun({ run: { url: { auth: 'none', stream: false } }, strategy: blueGreen })
    const asked: Array<Pick<StageToVerify, 'weight' | 'address'> & { alias: string }> = []
    const context = lambda.context({
      verifyStage: async ({ weight, address }) => {
        asked.push({ weight, address, alias: await lambda.alias(name) })
        return { ok: true }
      },
    })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(second, context), { ok: true })
    const { url } = await seen(lambda.open(), 'carts')
    assert.deepEqual(
      asked.map(({ weight, alias }) => [weight, alias]),
      [
        [0, '1'],
        [100, '2'],
      ],
    )
    assert.match(String(url), /^https:/)
    assert.equal(asked[1]?.address, url)
    assert.match(String(asked[0]?.address), /^https:/)
    assert.notEqual(asked[0]?.address, url)
    assert.equal(await lambda.alias(name, 'live-preview'), '2')
  })

  test('a health event that the new version cannot answer keeps it from every request, with its output', async () => {
    const { second } = await begun()
    const run = { ...second.desired.run, healthEvent: { fail: true } } as typeof second.desired.run
    const verdict = await lambda.open().ensure({ ...second, desired: { ...second.desired, run } }, lambda.context())
    assert.ok(!verdict.ok)
    assert.match(verdict.logTail?.join('\n') ?? '', /version 2 with •••/)
    assert.match(messages(verdict), /^version 2 of shop-stage-carts answers its health event with Error: 2 cannot$/)
    assert.equal(await lambda.alias(name), '1')
  })

  test('a cancelled rollout gives the share back, and the next controller begins at its first step', async () => {
    const { second } = await begun()
    const cancelling = new AbortController()
    const context = lambda.context({
      signal: AbortSignal.any([cancelling.signal, inTime()]),
      verifyStage: async ({ weight }) => {
        if (weight === 50) cancelling.abort(new Error('cancelled'))
        return { ok: true }
      },
    })
    await assert.rejects(lambda.open({ clock: quickClock() }).ensure(second, context))
    assert.equal(await lambda.alias(name), '1')
    const weights: number[] = []
    const next = lambda.context({
      verifyStage: async ({ weight }) => {
        weights.push(weight)
        return { ok: true }
      },
    })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(second, next), { ok: true })
    assert.deepEqual(weights, [10, 50, 100])
  })

  test('a controller that died half-way is followed by one that goes on where it was, and verifies no step twice', async () => {
    const { second } = await begun()
    const weights: number[] = []
    const dead = lambda.context({
      verifyStage: async ({ weight }) => {
        weights.push(weight)
        // From here on nobody hears of it any more.
        if (weight === 50) faults.fault(/.*/, { kind: 'cut' })
        return { ok: true }
      },
    })
    await assert.rejects(lambda.open({ clock: quickClock() }).ensure(second, dead))
    faults.clear()
    assert.equal(await lambda.alias(name), '1 and 50 % to 2')
    const { generation, newSet } = await seen(lambda.open(), 'carts')
    assert.deepEqual([generation, newSet], [null, { weight: 50 }])
    const context = lambda.context({
      verifyStage: async ({ weight }) => {
        weights.push(weight)
        return { ok: true }
      },
    })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(second, context), { ok: true })
    assert.deepEqual(weights, [10, 50, 50, 100])
    assert.equal(await lambda.alias(name), '2')
    assert.deepEqual(await lambda.versions(name), ['1', '2'])
  })

  test('another generation takes back first what a dead controller left half-way', async () => {
    const { second } = await begun()
    const dead = lambda.context({
      verifyStage: async () => {
        faults.fault(/.*/, { kind: 'cut' })
        return { ok: true }
      },
    })
    await assert.rejects(lambda.open({ clock: quickClock() }).ensure(second, dead))
    faults.clear()
    const third = requestFor('carts', await lambda.zip(functionCode('3')), { strategy: canary })
    const aliases: string[] = []
    const context = lambda.context({
      verifyStage: async () => {
        aliases.push(await lambda.alias(name))
        return { ok: true }
      },
    })
    assert.deepEqual(await lambda.open({ clock: quickClock() }).ensure(third, context), { ok: true })
    assert.deepEqual(aliases, ['1 and 10 % to 3', '1 and 50 % to 3', '3'])
    assert.match(context.lines.join('\n'), /an earlier rollout stopped on its way/)
  })
})
