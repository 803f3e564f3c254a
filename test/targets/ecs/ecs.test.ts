/** Services of ECS: what is registered, rolled out, brought back and run beside them. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancelledError } from '../../../src/model/index.ts'
import type { Job, RolloutRequest } from '../../../src/ports/index.ts'
import { inAwsAccount } from '../../parts/aws/account.ts'
import { type AwsPart, awsMissing } from '../../parts/aws/aws.ts'
import type { AwsFaults } from '../../parts/aws/faults.ts'
import { diesAt } from '../killed.ts'
import { quickClock } from '../lambda/lambda-under-test.ts'
import { digestOf, type EcsUnderTest, inTime, messages, openEcs, run, seen } from './ecs-under-test.ts'

describe('services of ECS', { skip: awsMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let ecs: EcsUnderTest

  inAwsAccount(openEcs, (given) => {
    ;({ part, faults, opened: ecs } = given)
  })

  const ensured = async (request: RolloutRequest) =>
    assert.equal(messages(await ecs.open().ensure(request, ecs.context())), 'ok')
  const registrations = () => faults.calls('ecs:RegisterTaskDefinition').length

  test('an image is rolled out by digest, with the circuit breaker on, and ECS is heard', async () => {
    await ecs.makeService()
    const context = ecs.context()
    const target = ecs.open()
    const request = ecs.release('1')
    assert.equal(messages(await target.ensure(request, context)), 'ok')
    const { taskDefinition, tags = [] } = await ecs.definition('shop-prod-web')
    const [container] = taskDefinition?.containerDefinitions ?? []
    assert.equal(container?.image, `registry.example/shop@${digestOf('1')}`)
    assert.deepEqual(container?.environment, [{ name: 'COLOUR', value: 'red' }])
    assert.deepEqual(container?.portMappings, [{ containerPort: 8080, protocol: 'tcp' }])
    assert.equal(container?.logConfiguration?.options?.['awslogs-group'], '/shop/web')
    assert.ok(tags.some(({ key, value }) => key === 'trunkline:generation' && value === 'generation-1'))
    assert.deepEqual(await ecs.updates(), ['shop-prod-web:1 true'])
    assert.ok(context.lines.includes('(service shop-prod-web) has reached a steady state.'), context.lines.join('\n'))
    assert.deepEqual(context.reports.at(-1), { ready: 2, desired: 2, old: 0 })
    assert.equal(messages(await target.verify(request, context)), 'ok')
    const { fingerprint, ...observed } = await seen(target)
    assert.match(fingerprint ?? '', /^[0-9a-f]{64}$/)
    assert.deepEqual(observed, {
      ...{ generation: 'generation-1', artifact: digestOf('1'), url: 'https://web.example' },
      instances: { ready: 2, desired: 2 },
    })
  })

  test('what runs already is left alone, and the way back takes the revision that is there', async () => {
    await ecs.makeService()
    const [one, two] = [ecs.release('1'), ecs.release('2')]
    for (const request of [one, one, two, one]) await ensured(request)
    assert.equal(registrations(), 2)
    assert.deepEqual(await ecs.updates(), ['shop-prod-web:1 true', 'shop-prod-web:2 true', 'shop-prod-web:1 true'])
  })

  test('a task definition of the team keeps what stands there, and gets image, variables and references', async () => {
    await ecs.makeService()
    const template = {
      ...{ family: 'other', cpu: '512', memory: '1024', networkMode: 'awsvpc', requiresCompatibilities: ['FARGATE'] },
      ...{ taskDefinitionArn: 'arn:aws:ecs:eu-west-1:123456789012:task-definition/other:3', revision: 3 },
      containerDefinitions: [
        { name: 'proxy', image: 'registry.example/proxy@sha256:1' },
        { name: 'app', image: 'app', environment: [{ name: 'MODE', value: 'fast' }], stopTimeout: 7 },
      ],
    }
    const base = ecs.release('1')
    const request = {
      ...base,
      files: async () => new Map([['deploy/prod.json', Buffer.from(JSON.stringify(template))]]),
      desired: {
        ...base.desired,
        run: { ...run, ecs: { taskDefinition: 'deploy/{environment}.json', container: 'app' } },
        env: { ...base.desired.env, KEY: { kind: 'from', from: 'KEY', secret: true, default: null } },
      },
      variables: { COLOUR: 'red', KEY: 'correct-horse' },
    } as RolloutRequest
    const target = ecs.open({ config: { secrets: { KEY: '/shop/{environment}/KEY' } } })
    assert.equal(messages(await target.ensure(request, ecs.context())), 'ok')
    const { taskDefinition } = await ecs.definition('shop-prod-web:1')
    assert.ok(!JSON.stringify(taskDefinition).includes('correct-horse'), 'no secret is in the task definition')
    const [proxy, app] = taskDefinition?.containerDefinitions ?? []
    assert.equal(proxy?.image, 'registry.example/proxy@sha256:1')
    assert.deepEqual([app?.image, app?.stopTimeout], [`registry.example/shop@${digestOf('1')}`, 7])
    assert.deepEqual(app?.environment, [
      { name: 'COLOUR', value: 'red' },
      { name: 'MODE', value: 'fast' },
    ])
    assert.deepEqual(app?.secrets, [{ name: 'KEY', valueFrom: '/shop/prod/KEY' }])

    const [objection] = (await ecs.open().objectionsTo?.(request, inTime())) ?? []
    assert.match(objection?.message ?? '', /^KEY of web would stand in a task definition/)
    assert.match(objection?.hint ?? '', /secrets: \{ KEY:/)
    const verdict = await ecs.open().ensure(request, ecs.context())
    assert.ok(!verdict.ok && verdict.refused === true)
  })

  test('tasks that stop are the cause, and what ran before is brought back by ECS, once', async () => {
    await ecs.makeService()
    await ensured(ecs.release('1'))
    await part.wish('ecs', { fails: 'cannot reach the database' })
    const verdict = await ecs.open().ensure(ecs.release('2'), ecs.context())
    assert.equal(
      messages(verdict),
      'web ended with exit code 1: cannot reach the database (Essential container in task exited); what ran before runs again',
    )
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
    assert.equal((await ecs.updates()).length, 2)
    assert.equal((await seen(ecs.open())).generation, 'generation-1')
  })

  test('a deployment that takes too long is taken back', async () => {
    await ecs.makeService()
    await ensured(ecs.release('1'))
    await part.wish('ecs', { never_ends: true })
    const moves = quickClock(async () => {
      if (moves.slept.length > 30) await part.wish('ecs', { never_ends: false })
    })
    const target = ecs.open({ config: { timeoutMs: 60_000 }, clock: moves })
    const verdict = await target.ensure(ecs.release('2'), ecs.context())
    assert.match(messages(verdict), /takes longer than 1 minutes; what ran before runs again/)
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
  })

  test('who cancels brings back what ran before', async () => {
    await ecs.makeService()
    await ensured(ecs.release('1'))
    await part.wish('ecs', { never_ends: true })
    const cancelling = new AbortController()
    const clock = quickClock(() => (clock.slept.length > 4 ? cancelling.abort(cancelledError()) : undefined))
    const context = ecs.context({ signal: cancelling.signal })
    await assert.rejects(ecs.open({ clock }).ensure(ecs.release('2'), context))
    assert.match(context.lines.at(-1) ?? '', /^\w+ is stopped: ECS brings back what ran before$/)
    assert.deepEqual(await ecs.went(), ['stop shop-prod-web:2'])
    const next = ecs.context()
    await part.wish('ecs', { never_ends: false, back_takes: 6 })
    assert.equal(messages(await ecs.open().ensure(ecs.release('3'), next)), 'ok')
    assert.match(next.lines.join('\n'), /waits for \w+, which goes back/)
    assert.equal((await ecs.updates()).at(-1), 'shop-prod-web:3 true')
  })

  test('a controller that dies at any call is followed by one that makes one deployment, and no other', async () => {
    await part.wish('ecs', { strides: 4 })
    await ecs.makeService()
    for (let call = 0; ; call += 1) {
      const request = ecs.release(`n${call}`)
      const died = await diesAt(faults, { action: /^ecs:(?!DescribeTaskDefinition)/, call }, (signal) =>
        ecs.open().ensure(request, ecs.context({ signal })),
      )
      await ensured(request)
      assert.equal((await ecs.updates()).length, call + 1)
      assert.equal(await ecs.runs(), `shop-prod-web:${call + 1}`)
      if (died) continue
      assert.ok(call > 4, `${call} calls`)
      break
    }
  })

  test('throttling is waited out, and an answer that is lost makes no second deployment', async () => {
    await ecs.makeService()
    faults.fault('ecs:DescribeServices', { kind: 'throttle' }, { times: 2 })
    faults.fault('ecs:UpdateService', { kind: 'lose' }, { times: 1 })
    await ensured(ecs.release('1'))
    assert.equal(await ecs.runs(), 'shop-prod-web:1')
  })

  test('an ended session and a missing permission are told as what they are, and nothing is begun', async () => {
    await ecs.makeService()
    const attempt = () => ecs.open().ensure(ecs.release('1'), ecs.context())
    faults.fault('ecs:UpdateService', { kind: 'expired' })
    await assert.rejects(attempt(), { code: 'AWS_CREDENTIALS_EXPIRED' })
    const resource = 'arn:aws:ecs:eu-west-1:123456789012:service/shop/shop-prod-web'
    faults.fault('ecs:UpdateService', { kind: 'denied', permission: 'ecs:UpdateService', resource })
    await assert.rejects(attempt(), /lacks the permission ecs:UpdateService on arn:aws:ecs/)
    faults.clear()
    assert.deepEqual(await ecs.updates(), [])
  })

  test('what somebody deployed past Trunkline is shown, and put back', async () => {
    await ecs.makeService()
    const request = ecs.release('1')
    await ensured(request)
    await ecs.byHand('placeholder:1')
    const target = ecs.open()
    const [drift] = (await target.findDrift?.(['web'], inTime())) ?? []
    assert.deepEqual(
      drift?.fields.map(({ expected, actual }) => [expected, actual]),
      [['shop-prod-web:1', 'placeholder:1']],
    )
    assert.equal((await seen(target)).generation, null)
    await ensured(request)
    assert.deepEqual(await target.findDrift?.(['web'], inTime()), [])
  })

  test('a service that is missing, or in other hands, is refused', async () => {
    const target = ecs.open()
    await assert.rejects(target.ensure(ecs.release('1'), ecs.context()), { code: 'NO_ECS_SERVICE' })
    assert.equal((await target.examine?.(['web'], inTime()))?.[0]?.isWell, false)
    assert.equal(messages(await target.remove('web', ecs.context())), 'ok')
    await ecs.makeService({ controller: 'CODE_DEPLOY' })
    await assert.rejects(target.ensure(ecs.release('1'), ecs.context()), { code: 'OTHER_CONTROLLER' })
    await assert.rejects(target.remove('web', ecs.context()), { code: 'SERVICE_KEPT' })
  })

  const job: Job = {
    ...{ key: 'd-1/migrate', name: 'migrate', service: 'web', artifact: digestOf('1'), run: 'npm run migrate' },
    ...{ described: run, variables: { COLOUR: 'red' }, secrets: [], timeoutMs: 600_000 },
  }

  test('a job is one task, whose exit code is remembered', async () => {
    await ecs.makeService()
    const target = ecs.open()
    assert.deepEqual(await target.jobOutcome(job.key, inTime()), { kind: 'never-started' })
    assert.deepEqual(await target.runJob(job, ecs.context()), { kind: 'ended', exitCode: 0, logTail: [] })
    assert.deepEqual(await target.runJob(job, ecs.context()), { kind: 'ended', exitCode: 0, logTail: [] })
    assert.deepEqual(await target.jobOutcome(job.key, inTime()), { kind: 'ended', exitCode: 0, logTail: [] })
    assert.equal(await ecs.tasksRun(), 1)
    await part.wish('ecs', { exit_code: 3 })
    const failed = await target.runJob({ ...job, key: 'd-1/other' }, ecs.context())
    assert.deepEqual(failed, {
      ...{ kind: 'ended', exitCode: 3 },
      logTail: ['web ended with exit code 3 (Essential container in task exited)'],
    })
  })

  test('a job that could not be started is started by the next try, once', async () => {
    await ecs.makeService()
    faults.fault('ecs:RunTask', { kind: 'denied', permission: 'ecs:RunTask' }, { times: 1 })
    await assert.rejects(ecs.open().runJob(job, ecs.context()), /ecs:RunTask/)
    assert.deepEqual(await ecs.open().jobOutcome(job.key, inTime()), { kind: 'never-started' })
    assert.equal((await ecs.open().runJob(job, ecs.context())).kind, 'ended')
    assert.equal(await ecs.tasksRun(), 1)
  })

  test('a job that takes longer than it may is stopped, and one that was begun is not begun again', async () => {
    await ecs.makeService()
    await part.wish('ecs', { task_runs_on: true })
    faults.fault('ecs:DescribeTasks', { kind: 'denied', permission: 'ecs:DescribeTasks' }, { times: 1 })
    await assert.rejects(ecs.open().runJob(job, ecs.context()), /ecs:DescribeTasks/)
    assert.deepEqual(await ecs.open().jobOutcome(job.key, inTime()), { kind: 'running' })
    assert.equal((await ecs.open().runJob(job, ecs.context())).kind, 'timed-out')
    assert.equal((await ecs.open().jobOutcome(job.key, inTime())).kind, 'timed-out')
    assert.equal(await ecs.tasksRun(), 1)
  })
})
