/** Rollouts in stages as the engine sees them: verified between the stages, approved with them, never on the way back. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Bench, codes, createBench, outcomes, type ShopConfig, shopConfig } from '../fixtures/world.ts'

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
})
