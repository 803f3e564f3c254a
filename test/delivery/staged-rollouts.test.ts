/** Rollouts in stages as the engine sees them: verified between the stages, approved with them, never on the way back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { renderLog } from '../../src/cli/view/pages/log-page.ts'
import { renderStatus } from '../../src/cli/view/pages/status-page.ts'
import { erroredError, nameOfStrategy, reason } from '../../src/model/index.ts'
import type { Target } from '../../src/ports/index.ts'
import { statusOf } from '../../src/reporting/status.ts'
import { type Bench, codes, createBench, gate, outcomes, type ShopConfig, shopConfig } from '../fixtures/world.ts'

const plain = { colour: false, unicode: true, width: 120 }

const steps = [
  { weight: 10, pause: 0, verify: 'it answers' },
  { weight: 50, pause: 0 },
]

const canaryConfig = (change: (stage: Record<string, unknown>) => void = () => {}): ShopConfig =>
  shopConfig((shop) => {
    const stage = {
      ...shop.environments['stage'],
      rollout: { canary: { steps } },
      verify: [
        { name: 'it answers', run: 'reject SILENT', env: { CARTS_URL: { service: 'carts' } } },
        { name: 'the cart is there', http: '/cart', service: 'carts' },
      ],
    }
    change(stage)
    shop.environments = { stage }
  })

/** What was asked between stages and after them: names of commands with the address they were given, and addresses probed. */
function listen(bench: Bench): string[] {
  const asked: string[] = []
  bench.builder.onCheckout = ({ run, env }) => {
    asked.push(`${run} at ${env['CARTS_URL']}`)
  }
  bench.engine.world.probe.probe = async ({ url }) => {
    asked.push(url)
    return { ok: true }
  }
  return asked
}

const weighings = (bench: Bench): string[] =>
  bench
    .target('stage')
    .effects()
    .filter((effect) => effect.startsWith('weigh'))

describe('rollouts in stages', () => {
  test('each stage is verified by what it names, or by what asks the service itself, at the new set', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    const asked = listen(bench)
    await bench.deliver('main')
    assert.deepEqual(weighings(bench), [], 'a first deployment has nothing to share requests with')
    asked.length = 0
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(weighings(bench), ['weigh carts 10 %', 'weigh carts 50 %', 'weigh carts 100 %'])
    assert.deepEqual(asked, [
      'reject SILENT at http://preview.stage.test',
      'http://preview.stage.test/cart',
      'http://stage.test/cart',
      // As always, after the rollout.
      'reject SILENT at http://stage.test',
      'http://stage.test/cart',
    ])
  })

  test('a stage that is not verified fails the deployment with its evidence, and the reactions follow', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    await bench.deliver('main')
    const before = bench.target('stage').running()
    await bench.push('main', { 'carts/main.txt': 'carts two', 'SILENT.txt': 'SILENT' })
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'failed' })
    assert.ok(codes(result, 'stage').includes('stage-failed'), codes(result, 'stage').join())
    const why = result.environments[0]?.reasons.find(({ code }) => code === 'stage-failed')
    assert.equal(why?.message, 'it answers failed when carts was at 10 %')
    assert.deepEqual(weighings(bench), ['weigh carts 10 %', 'weigh carts 0 %'], 'the way back has no stages')
    assert.deepEqual(bench.target('stage').running(), before)
    assert.equal((await bench.yanks()).length, 1)
  })

  test('the ledger tells each stage that passed, once, and status where the rollout is', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    const middle = gate()
    bench.target('stage').onEffect = (effect) => (effect === 'weigh carts 50 %' ? middle.pass() : undefined)
    const delivered = bench.deliver('main')
    await middle.reached
    const [stage] = await statusOf(bench.engine, await bench.scene(), ['stage'], new AbortController().signal)
    assert.deepEqual(stage?.deployment?.stages, [{ service: 'carts', weight: 10, step: 1, of: 3, next: 50 }])
    const page = renderStatus({ environments: stage === undefined ? [] : [stage] }, plain, { nowMs: bench.clock.now() })
    assert.ok(
      page.some((line) => line.includes('carts in stage 2 of 3: to 50 % of new requests')),
      page.join('\n'),
    )
    assert.deepEqual((await bench.state('stage')).verified.length, 1, 'a stage verifies no release')
    middle.open()
    assert.deepEqual(outcomes(await delivered), { stage: 'succeeded' })

    const history = await bench.history('stage')
    const lines = renderLog(history, plain, { nowMs: bench.clock.now() }).filter((line) => line.includes(', stage '))
    assert.deepEqual(lines.map((line) => /verified.*(carts at .*?) {2}/.exec(line)?.[1]).reverse(), [
      'carts at 10 %, stage 1 of 3',
      'carts at 50 %, stage 2 of 3',
      'carts at 100 %, stage 3 of 3',
    ])
    assert.equal((await bench.state('stage')).deployment, null)
    assert.equal((await bench.state('stage')).verified.length, 2)
  })

  test('who goes on after a crash between two stages does not write down again what has passed', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    bench.target('stage').onEffect = (effect) => {
      if (effect === 'weigh carts 50 %') throw erroredError('AWAY', 'the platform is away')
    }
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
    bench.target('stage').onEffect = () => {}
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
    const steps = (await bench.history('stage')).flatMap(({ event }) =>
      event.kind === 'verified' && event.stage !== undefined ? [event.stage.step] : [],
    )
    assert.deepEqual(steps.reverse(), [1, 2, 3])
  })

  test('the plan shows the stages', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    await bench.deliver('main')
    const commit = await bench.push('main', { 'carts/main.txt': 'carts two' })
    const { environments } = await bench.plan(commit, { environment: 'stage' })
    const carts = environments[0]?.services.find(({ name }) => name === 'carts')
    assert.equal(
      carts?.reasons.find(({ code }) => code === 'rollout-stages')?.message,
      'canary: 10 % (it answers), 50 % (the cart is there), 100 % (the cart is there)',
    )
  })

  test('a target that cannot divide requests refuses before anything is begun, and says what it can', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    bench.target('stage').capabilities = { drift: true, canary: false, trafficSplit: false, fencing: 'strict' }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.deepEqual(
      result.environments[0]?.reasons.map(({ message, hint }) => `${message}; ${hint}`),
      ['carts', 'products'].map(
        (name) =>
          `${name} cannot be rolled out as canary in stage: target fleet (file) cannot divide requests; choose one-at-a-time, half or all-at-once for it`,
      ),
    )
    assert.deepEqual(bench.target('stage').effects(), [])
  })

  test('a target that objects to how one service is described is heard when planning, by its own words', async () => {
    await using bench = await createBench({ config: canaryConfig() })
    const target: Target = bench.target('stage')
    target.objectionsTo = async ({ service, strategy }) =>
      service === 'carts'
        ? [reason('cannot-be-divided', `StatefulSet carts cannot be rolled out as ${nameOfStrategy(strategy)}`)]
        : []
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.deepEqual(
      result.environments[0]?.reasons.map(({ message, hint }) => `${message}; ${hint}`),
      [
        'carts in stage: StatefulSet carts cannot be rolled out as canary; choose one-at-a-time, half or all-at-once for it',
      ],
    )
    assert.deepEqual(bench.target('stage').effects(), [])
  })
})
