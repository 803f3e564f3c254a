/**
 * A controller killed after any of its calls to AWS, and another one that comes after it. AWS does what it was asked
 * last, and nobody hears of it; then nothing of the dead one gets through any more, its last words neither.
 */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { CloudWatchClient, PutMetricAlarmCommand, SetAlarmStateCommand } from '@aws-sdk/client-cloudwatch'
import type { LambdaConfig, StagedStrategy } from '../../../src/model/index.ts'
import type { Job, RolloutRequest, Target } from '../../../src/ports/index.ts'
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

/** More than any of these asks for. */
const manyCalls = 150
const alarm = 'carts-errors'

const inStages = (kind: StagedStrategy['kind'], ...weights: number[]): StagedStrategy => ({
  kind,
  stages: weights.map((weight) => ({ weight, verify: ['works'], pauseMs: weight === 100 ? 0 : 1000 })),
})

describe('a controller of functions that is killed after any call', { skip: awsMissing() }, () => {
  let faults: AwsFaults
  let lambda: LambdaUnderTest

  inAwsAccount(openLambda, (given) => {
    ;({ faults, opened: lambda } = given)
  })

  type Life = { environment: string; function_: string; open(): Target }

  /** Lives `begin`, is killed in `work` after no call, one, two, …, until one life ends by itself. Answers how many did not. */
  async function killedAnywhere(
    kind: string,
    config: Partial<LambdaConfig>,
    { begin, work, succeed }: Record<'begin' | 'work' | 'succeed', (life: Life, lived: number) => Promise<void>>,
  ): Promise<number> {
    for (let lived = 0; lived < manyCalls; lived++) {
      const environment = `${kind}-${lived}`
      const open = () => lambda.open({ environment, config, clock: quickClock() })
      const life = { environment, function_: `shop-${environment}-carts`, open }
      faults.clear()
      await begin(life, lived)
      faults.clear()
      // It hears of its end at once, so that no call of its own waits beyond it.
      faults.fault(/.*/, { kind: 'cut' }, { after: lived + 1 })
      faults.fault(/.*/, { kind: 'lose' }, { after: lived, times: 1 })
      const isAlive = await work(life, lived).then(
        () => true,
        () => false,
      )
      const calls = faults.calls().length
      faults.clear()
      await succeed(life, lived)
      if (isAlive && calls <= lived) return lived
    }
    return assert.fail(`more than ${manyCalls} calls`)
  }

  type Rolling = { strategy?: RolloutRequest['strategy']; config?: Partial<LambdaConfig>; run?: RequestChange['run'] }

  /** The next one goes on with the new version, or back to the old one, in turns. */
  async function rolledOut(
    kind: string,
    { strategy = 'all-at-once', config = {}, run = {} }: Rolling,
  ): Promise<number> {
    const one = requestFor('carts', await lambda.zip(functionCode('1')), { run })
    const two = requestFor('carts', await lambda.zip(functionCode('2')), { run, strategy })
    return await killedAnywhere(kind, config, {
      begin: async ({ open }) => assert.deepEqual(await open().ensure(one, lambda.context()), { ok: true }),
      work: async ({ open }) => void (await open().ensure(two, lambda.context())),
      async succeed({ open, function_ }, lived) {
        const serving = await lambda.alias(function_)
        const { generation } = await seen(open(), 'carts')
        const is = { '1': one.desired.generation, '2': two.desired.generation }[serving]
        assert.ok(
          generation === null || generation === is,
          `after ${lived} calls: ${generation} while ${serving} serves`,
        )
        const wanted = lived % 2 === 0 ? two : { ...one, strategy: 'all-at-once' as const }
        const next = open()
        const context = lambda.context({ epoch: 2 })
        assert.deepEqual(await next.ensure(wanted, context), { ok: true }, `after ${lived} calls`)
        assert.deepEqual(await next.verify(wanted, context), { ok: true })
        assert.equal(await lambda.alias(function_), wanted === two ? '2' : '1')
        assert.equal((await seen(open(), 'carts')).generation, wanted.desired.generation)
        const versions = await lambda.versions(function_)
        assert.ok(versions.length <= 2 && (wanted !== two || versions.length === 2), versions.join(', '))
      },
    })
  }

  test('is made good where it brought the first version of a function', async () => {
    const one = requestFor('carts', await lambda.zip(functionCode('1')), {
      run: { url: { auth: 'none', stream: false } },
    })
    const kills = await killedAnywhere(
      'first',
      {},
      {
        begin: async () => {},
        work: async ({ open }) => void (await open().ensure(one, lambda.context())),
        async succeed({ open, function_ }) {
          assert.deepEqual(await open().ensure(one, lambda.context({ epoch: 2 })), { ok: true })
          assert.deepEqual(await open().verify(one, lambda.context({ epoch: 2 })), { ok: true })
          assert.deepEqual([await lambda.alias(function_), await lambda.versions(function_)], ['1', ['1']])
        },
      },
    )
    assert.ok(kills >= 12, `${kills} kills`)
  })

  test('is made good where it brought all requests at once', async () => {
    const kills = await rolledOut('once', {})
    assert.ok(kills >= 8, `${kills} kills`)
    assert.equal((await lambda.keys()).filter((key) => key.endsWith('.zip')).length, 2)
  })

  test('is made good where it went up linearly, verified at an address of the new version, listening to an alarm', async () => {
    const make = new PutMetricAlarmCommand({
      ...{ AlarmName: alarm, MetricName: 'Errors', Namespace: 'AWS/Lambda', Statistic: 'Sum' },
      ...{ ComparisonOperator: 'GreaterThanThreshold', EvaluationPeriods: 1, Period: 60, Threshold: 0 },
    })
    const client = lambda.aws.client(CloudWatchClient)
    await lambda.aws.send(client, make, { signal: inTime() })
    const quiet = new SetAlarmStateCommand({ AlarmName: alarm, StateValue: 'OK', StateReason: 'quiet' })
    await lambda.aws.send(client, quiet, { signal: inTime() })
    const run = { url: { auth: 'none', stream: false } } as const
    const strategy = inStages('canary', 50, 100)
    const kills = await rolledOut('linear', { strategy, run, config: { alarms: [alarm] } })
    assert.ok(kills >= 20, `${kills} kills`)
  })

  test('is made good where it went blue-green', async () => {
    const kills = await rolledOut('green', { strategy: inStages('blue-green', 0, 100) })
    assert.ok(kills >= 12, `${kills} kills`)
  })

  test('never lets a hook run twice, and says where nobody knows whether it did', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-jobs-'))
    try {
      const code = `const { appendFileSync } = require('node:fs')\nexports.main = async ({ file }) => appendFileSync(file, 'ran\\n')\n`
      const request = requestFor('carts', await lambda.zip({ 'index.js': code }))
      const ledgerOf = (environment: string) => join(folder, environment)
      const runsIn = async (environment: string) =>
        (await readFile(ledgerOf(environment), 'utf8').catch(() => '')).split('\n').length - 1
      const jobFor = (environment: string): Job => ({
        ...{ key: 'migrate', name: 'migrate', service: 'carts', artifact: request.desired.artifact },
        ...{ run: JSON.stringify({ file: ledgerOf(environment) }), described: request.desired.run },
        ...{ variables: {}, timeoutMs: 20_000 },
      })
      const kills = await killedAnywhere(
        'hook',
        {},
        {
          begin: async () => {},
          work: async ({ open, environment }) => void (await open().runJob(jobFor(environment), lambda.context())),
          async succeed({ open, environment }) {
            const outcome = await open().runJob(jobFor(environment), lambda.context({ epoch: 2 }))
            const runs = await runsIn(environment)
            if (outcome.kind === 'ended') assert.deepEqual([runs, outcome.exitCode], [1, 0])
            else assert.ok(outcome.kind === 'unknown' && runs <= 1, `${outcome.kind} after ${runs} runs`)
          },
        },
      )
      assert.ok(kills >= 7, `${kills} kills`)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('is made good where it took a function away', async () => {
    const one = requestFor('carts', await lambda.zip(functionCode('1')))
    const kills = await killedAnywhere(
      'gone',
      {},
      {
        begin: async ({ open }) => assert.deepEqual(await open().ensure(one, lambda.context()), { ok: true }),
        work: async ({ open }) => void (await open().remove('carts', lambda.context())),
        async succeed({ open, function_ }) {
          assert.deepEqual(await open().remove('carts', lambda.context({ epoch: 2 })), { ok: true })
          assert.equal((await seen(open(), 'carts')).generation, null)
          await assert.rejects(lambda.alias(function_))
        },
      },
    )
    assert.ok(kills >= 4, `${kills} kills`)
  })
})
