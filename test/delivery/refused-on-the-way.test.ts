/** Policy's no that is heard only when a step is carried out: no verdict on the release, and nothing of it stays. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { refusedError } from '../../src/model/index.ts'
import { createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const taken = () => refusedError('FIELD_TAKEN', 'spec.replicas is managed by "ops"', { hint: 'ask ops' })

describe('a step that policy refuses', () => {
  test('ends the deployment as refused: it is told, not tried again, and nothing is yanked', async () => {
    await using bench = await createBench()
    bench.engine.concurrency = 1
    await bench.deliver('main')
    const before = bench.target('stage').running()
    const commit = await bench.push('main', { 'carts/main.txt': 'two' })
    bench.target('stage').fault('ensure', taken())
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.equal(result.environments[0]?.reasons[0]?.message, 'spec.replicas is managed by "ops"')
    assert.equal(result.environments[0]?.reasons[0]?.hint, 'ask ops')
    assert.deepEqual((await bench.kinds('stage')).slice(-2), ['started', 'refused'])
    const state = await bench.state('stage')
    assert.deepEqual([state.last?.kind, state.deployment, state.health], ['refused', null, 'healthy'])
    assert.deepEqual([state.failures, await bench.yanks()], [[], []])
    assert.deepEqual(bench.target('stage').running(), before)
    assert.ok(bench.progress.every((event) => event.kind !== 'retrying'))
    assert.ok(bench.progress.some((event) => event.kind === 'step-ended' && event.outcome === 'refused'))
    assert.deepEqual(bench.notifications.map(({ kind }) => kind).slice(-2), ['started', 'refused'])
    assert.equal((await bench.advance()).outcome, 'nothing')
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, commit)
  })

  test('what had been rolled out beside it goes back, and the release is no worse for it', async () => {
    await using bench = await createBench()
    bench.engine.concurrency = 1
    await bench.deliver('main')
    const before = bench.target('stage').running()
    await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    let rolled = 0
    bench.target('stage').onEffect = (effect) => {
      if (effect.startsWith('roll ') && effect.includes(' 2/2')) rolled += 1
      if (rolled === 1 && effect.includes(' 2/2')) bench.target('stage').fault('ensure', taken())
    }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.deepEqual((await bench.kinds('stage')).slice(-3), ['started', 'refused', 'rolled-back'])
    assert.deepEqual(bench.target('stage').running(), before)
    assert.deepEqual(await bench.yanks(), [])
    assert.equal((await bench.state('stage')).health, 'healthy')
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'succeeded' })
  })

  test('refused already when looking, it is the matter of that environment alone', async () => {
    await using bench = await createBench()
    bench
      .target('stage')
      .fault('fingerprint', refusedError('WRONG_ACCOUNT', 'these are credentials of another account'))
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.equal(result.environments[0]?.reasons[0]?.code, 'target-refuses')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })

  test('a lost lease is no policy: nothing is written down', async () => {
    await using bench = await createBench()
    bench.target('stage').fault('ensure', refusedError('STALE_CONTROLLER', 'a newer one has it'))
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
    assert.ok(!(await bench.kinds('stage')).includes('refused'))
  })
})

describe('rollouts on a platform that does them by itself', () => {
  test('are side by side, however few steps this machine takes at a time', async () => {
    const config = shopConfig()
    await using bench = await createBench({ config })
    bench.engine.concurrency = 1
    const target = bench.target('stage')
    Object.assign(target, { rolloutsAtOnce: 50 })
    const seen: string[] = []
    target.onEffect = async (effect) => {
      seen.push(effect)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const rolls = seen.filter((effect) => effect.startsWith('roll '))
    const services = new Set(rolls.map((effect) => effect.split(' ')[1]))
    assert.ok(services.size > 1)
    assert.deepEqual(new Set(rolls.slice(0, services.size).map((effect) => effect.split(' ')[1])), services)
  })
})
