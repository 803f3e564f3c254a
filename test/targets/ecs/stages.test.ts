/**
 * Rollouts of ECS in stages. Stages of the lifecycle, pauses, alarms and the way back are as AWS documents them
 * (`test/parts/aws/plus/ecs_deployments.py`); no account of AWS was asked.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancelledError, type RolloutStage, type RolloutStrategy, reason } from '../../../src/model/index.ts'
import type { StageToVerify } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { diesAt } from '../killed.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { dividing, type EcsUnderTest, inTime, messages, openEcs, seen } from './ecs-under-test.ts'

const minuteMs = 60_000
const stage = (weight: number, pauseMs = 0, verify: string[] = []): RolloutStage => ({ weight, pauseMs, verify })
const blueGreen = (verify: string[] = []): RolloutStrategy => ({
  kind: 'blue-green',
  stages: [stage(0, 0, verify), stage(100, 3 * minuteMs, verify)],
})
const canary = (...stages: RolloutStage[]): RolloutStrategy => ({ kind: 'canary', stages: [...stages, stage(100)] })

describe('services of ECS in stages', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let ecs: EcsUnderTest

  inAwsAccount(openEcs, (given) => {
    ;({ part, faults, opened: ecs } = given)
  })

  const release = (version: string, strategy: RolloutStrategy) => ecs.release(version, { strategy })

  /** What is verified, and what it comes to. */
  function verifier(answer: (asked: StageToVerify) => string | null = () => null) {
    const asked: string[] = []
    const passed: number[] = []
    const context = ecs.context({
      async verifyStage(given) {
        asked.push(`${given.weight} % at ${given.address}`)
        const why = answer(given)
        return why === null ? { ok: true } : { ok: false, reasons: [reason('stage-failed', why)] }
      },
      stagePassed: async ({ weight }) => void passed.push(weight),
    })
    return { asked, passed, context }
  }

  test('blue-green is verified aside, switched, verified again, and kept for a while', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    const { asked, passed, context } = verifier()
    const target = ecs.open({ config: { previewUrl: 'https://{service}.example:8443' } })
    const request = release('1', blueGreen(['answers']))
    assert.deepEqual(await target.objectionsTo?.(request, inTime()), [])
    assert.equal(messages(await target.ensure(request, context)), 'ok')
    assert.deepEqual(asked, ['0 % at https://web.example:8443', '100 % at https://web.example'])
    assert.deepEqual(passed, [0, 100])
    assert.deepEqual(await ecs.went(), ['on PRE_PRODUCTION_TRAFFIC_SHIFT', '100 %', 'on POST_PRODUCTION_TRAFFIC_SHIFT'])
    const [{ strategy, bakeTimeInMinutes, lifecycleHooks } = {}] = await ecs.configurations()
    assert.deepEqual([strategy, bakeTimeInMinutes], ['BLUE_GREEN', 3])
    assert.deepEqual(lifecycleHooks?.[0]?.timeoutConfiguration, { timeoutInMinutes: 33, action: 'ROLLBACK' })
    for (const line of [
      'SCALE_UP: new tasks are started, and get no requests yet',
      'POST_TEST_TRAFFIC_SHIFT: test requests go to the new tasks',
      'PRODUCTION_TRAFFIC_SHIFT: 100 % of requests go to the new tasks',
      'BAKE_TIME: the old tasks are kept for 3 minutes, to go back to',
    ]) {
      assert.ok(context.lines.includes(line), context.lines.join('\n'))
    }
    assert.equal((await seen(target)).generation, 'generation-1')
    assert.equal(messages(await target.ensure(request, context)), 'ok')
    assert.deepEqual(await ecs.updates(), ['shop-prod-web:1 false'])
  })

  test('a canary that nobody verifies is watched for so long, by the second', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    const { passed, context } = verifier()
    const clock = quickClock()
    const rollout = canary(stage(10, 30_000))
    assert.equal(messages(await ecs.open({ clock }).ensure(release('1', rollout), context)), 'ok')
    const [{ strategy, canaryConfiguration } = {}] = await ecs.configurations()
    assert.deepEqual([strategy, canaryConfiguration], ['CANARY', { canaryPercent: 10, canaryBakeTimeInMinutes: 0 }])
    const goOn = 'on PRE_PRODUCTION_TRAFFIC_SHIFT'
    assert.deepEqual(await ecs.went(), [goOn, '10 %', goOn, '100 %', 'on POST_PRODUCTION_TRAFFIC_SHIFT'])
    const watching = context.reports.filter((report) =>
      JSON.stringify(report).includes('"weight":10,"phase":"watching"'),
    )
    assert.ok(watching.length >= 10, `looked at ${watching.length} times, three seconds apart`)
    assert.deepEqual(passed, [10, 100])
  })

  test('a linear one is verified and watched at each step, and what stands between its steps is shown', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    const { asked, passed, context } = verifier()
    const rollout = canary(stage(40, 2 * minuteMs, ['answers']), stage(80, 2 * minuteMs, ['answers']))
    assert.equal(messages(await ecs.open().ensure(release('1', rollout), context)), 'ok')
    const [{ strategy, linearConfiguration } = {}] = await ecs.configurations()
    assert.deepEqual([strategy, linearConfiguration], ['LINEAR', { stepPercent: 40, stepBakeTimeInMinutes: 0 }])
    assert.deepEqual(asked, ['40 % at null', '80 % at null'])
    assert.deepEqual(passed, [40, 80, 100])
    const goOn = 'on PRE_PRODUCTION_TRAFFIC_SHIFT'
    assert.deepEqual(await ecs.went(), [goOn, '40 %', goOn, '80 %', goOn, '100 %', 'on POST_PRODUCTION_TRAFFIC_SHIFT'])
    const stages = context.reports.map((report) => JSON.stringify((report as { stage?: unknown }).stage))
    assert.ok(stages.includes('{"weight":40,"phase":"watching"}'), stages.join())
  })

  test('a step that fails its verification stops the deployment, and ECS brings back what ran before', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    const rollout = canary(stage(10, minuteMs, ['answers']))
    assert.equal(messages(await ecs.open().ensure(release('1', rollout), verifier().context)), 'ok')
    const { passed, context } = verifier(() => 'answers failed when web was at 10 %')
    const verdict = await ecs.open().ensure(release('2', rollout), context)
    assert.match(
      messages(verdict),
      /^answers failed when web was at 10 %; \w+ was stopped; what ran before runs again$/,
    )
    assert.deepEqual([passed, (await ecs.went()).slice(-2)], [[], ['10 %', 'stop shop-prod-web:2']])
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
    assert.equal((await seen(ecs.open())).generation, 'generation-1')
  })

  test('what ECS cannot do, and what a service lacks for it, is refused before anything is changed', async () => {
    await ecs.makeService()
    const why = async (strategy: RolloutStrategy) =>
      ((await ecs.open().objectionsTo?.(release('1', strategy), inTime())) ?? []).map(({ message }) => message)
    const lacking =
      'the service shop-prod-web of the cluster shop has no load balancer: nothing could send requests to its new tasks first'
    assert.deepEqual(await why(blueGreen()), [lacking])
    const verdict = await ecs.open().ensure(release('1', blueGreen()), ecs.context())
    assert.ok(!verdict.ok && verdict.refused === true)
    assert.deepEqual([await ecs.updates(), faults.calls('ecs:RegisterTaskDefinition')], [[], []])
    assert.deepEqual(await why(canary(stage(10, minuteMs), stage(50, minuteMs))), [
      'ECS shifts a few requests and then the rest, or equal steps, and not 10 %, 50 %, 100 %',
      lacking,
    ])
    assert.equal((await why(canary(stage(2), stage(4))))[0]?.startsWith('ECS shifts a few'), true)
    const tiny = canary(...Array.from({ length: 49 }, (_, index) => stage(2 * (index + 1))))
    assert.equal((await why(tiny))[0], 'ECS takes no steps below 3 %')
    assert.equal((await why(canary(stage(50, minuteMs), stage(100, 1))))[0], lacking)
  })

  test('a load balancer that has one target group is refused, and what it lacks is named', async () => {
    const { advancedConfiguration, ...rest } = dividing
    await ecs.makeService({ loadBalancers: [rest] })
    const [objection] = (await ecs.open().objectionsTo?.(release('1', blueGreen()), inTime())) ?? []
    assert.match(objection?.message ?? '', /\(target group web-blue\) has no second target group/)
    assert.match(
      objection?.message ?? '',
      /no rule that leads to one or the other \(`productionListenerRule`\), no role/,
    )
    assert.match(objection?.hint ?? '', /advancedConfiguration.*one-at-a-time/)
  })

  test('tasks that keep stopping end a blue-green deployment, which the circuit breaker of ECS does not watch', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    await ecs.open().ensure(release('1', blueGreen()), ecs.context())
    await part.wish('ecs', { fails: 'cannot reach the database' })
    const verdict = await ecs.open().ensure(release('2', blueGreen()), ecs.context())
    assert.equal(
      messages(verdict),
      'web ended with exit code 1: cannot reach the database (Essential container in task exited); what ran before runs again',
    )
    assert.deepEqual((await ecs.went()).at(-1), 'stop shop-prod-web:2')
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
  })

  test('alarms and hooks of the service are kept, and one that ends the deployment is named', async () => {
    const hook = 'arn:aws:lambda:eu-west-1:123456789012:function:smoke'
    const role = 'arn:aws:iam::123456789012:role/ecs-hooks'
    const configuration = {
      alarms: { alarmNames: ['web-errors'], enable: true, rollback: true },
      lifecycleHooks: [{ hookTargetArn: hook, roleArn: role, lifecycleStages: ['POST_SCALE_UP' as const] }],
    }
    await ecs.makeService({ loadBalancers: [dividing], configuration })
    await part.wish('ecs', { alarm: 'web-errors' })
    const alarmed = await ecs.open().ensure(release('1', blueGreen(['answers'])), verifier().context)
    assert.equal(messages(alarmed), 'the alarm web-errors has gone off; what ran before runs again')
    const [{ alarms, lifecycleHooks = [] } = {}] = await ecs.configurations()
    assert.deepEqual(alarms, configuration.alarms)
    assert.deepEqual(
      lifecycleHooks.map(({ hookTargetArn, targetType }) => hookTargetArn ?? targetType),
      [hook, 'PAUSE'],
    )
    await part.wish('ecs', { alarm: null, hook_fails: hook })
    const hooked = await ecs.open().ensure(release('2', blueGreen()), ecs.context())
    assert.equal(messages(hooked), `${hook} failed; what ran before runs again`)
  })

  test('a way back that ECS does not manage is told', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    await part.wish('ecs', { fails: 'no such table', rollback_fails: 'no capacity' })
    const verdict = await ecs.open().ensure(release('1', blueGreen()), ecs.context())
    assert.match(messages(verdict), /no such table .*; what ran before does not run again: no capacity$/)
    assert.match((await seen(ecs.open())).detail ?? '', /is none of ours|ROLLBACK_FAILED/)
  })

  test('a way back asks nobody and waits nowhere, and how the service is deployed stays as it was told', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    for (const version of ['1', '2']) {
      const rollout = canary(stage(10, minuteMs, ['answers']))
      assert.equal(messages(await ecs.open().ensure(release(version, rollout), verifier().context)), 'ok')
    }
    const [clock, context] = [quickClock(), ecs.context()]
    assert.equal(messages(await ecs.open({ clock }).ensure(release('1', 'all-at-once'), context)), 'ok')
    assert.equal((await ecs.configurations()).length, 2, 'told nothing new')
    assert.ok(context.lines.some((line) => line.startsWith('ECS pauses, and is told to go on')))
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
  })

  test('a strategy that the service has of its own is gone by, and left as it is', async () => {
    const configuration = {
      strategy: 'CANARY' as const,
      canaryConfiguration: { canaryPercent: 20, canaryBakeTimeInMinutes: 5 },
      bakeTimeInMinutes: 5,
    }
    await ecs.makeService({ loadBalancers: [dividing], configuration })
    for (const strategy of ['one-at-a-time', 'all-at-once'] as const) {
      const context = ecs.context()
      assert.equal(messages(await ecs.open().ensure(release(strategy, strategy), context)), 'ok')
      assert.ok(context.lines.includes('PRODUCTION_TRAFFIC_SHIFT: 20 % of requests go to the new tasks'))
    }
    assert.deepEqual(await ecs.configurations(), [])
  })

  test('who cancels stops it, also while it waits for a word; meanwhile its share is seen', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    const cancelling = new AbortController()
    const rollout = canary(stage(10, 600 * minuteMs, ['answers']))
    const clock = quickClock(async () => {
      if (!(await ecs.went()).includes('10 %') || cancelling.signal.aborted) return
      if (clock.slept.length < 40) return
      assert.deepEqual((await seen(ecs.open())).newSet, { weight: 10 })
      cancelling.abort(cancelledError())
    })
    const { context } = verifier()
    await assert.rejects(ecs.open({ clock }).ensure(release('1', rollout), { ...context, signal: cancelling.signal }))
    assert.match(context.lines.at(-1) ?? '', /is stopped: ECS brings back what ran before$/)
    assert.deepEqual((await ecs.went()).at(-1), 'stop shop-prod-web:1')
  })

  test('a controller that dies at any call is followed by one that goes on with the same deployment', async () => {
    await part.wish('ecs', { strides: 20 })
    await ecs.makeService({ loadBalancers: [dividing] })
    for (let call = 0; ; call += 1) {
      const request = release(`n${call}`, blueGreen(['answers']))
      const died = await diesAt(faults, { action: /^ecs:(?!DescribeTaskDefinition)/, call }, (signal) =>
        ecs.open().ensure(request, { ...verifier().context, signal }),
      )
      assert.equal(messages(await ecs.open().ensure(request, verifier().context)), 'ok')
      assert.equal((await ecs.updates()).length, call + 1)
      assert.equal(await ecs.runs(), `shop-prod-web:${call + 1}`)
      if (died) continue
      assert.ok(call > 15, `${call} calls`)
      break
    }
  })

  test('one that died before ECS listed its deployment is followed by one that waits for it', async () => {
    await ecs.makeService({ loadBalancers: [dividing] })
    await part.wish('ecs', { unlisted: 3 })
    faults.fault('ecs:ListServiceDeployments', { kind: 'denied', permission: 'ecs:Any' }, { times: 1, after: 1 })
    await assert.rejects(ecs.open().ensure(release('1', blueGreen()), ecs.context()), /ecs:Any/)
    assert.equal(messages(await ecs.open().ensure(release('1', blueGreen()), ecs.context())), 'ok')
    assert.deepEqual(await ecs.updates(), ['shop-prod-web:1 false'])
  })
})
