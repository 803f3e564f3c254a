/** Invariant 7, the engine's share: the rollouts themselves are the target's (see test/rollout and test/targets). */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const withoutProducts = shopConfig((shop) => {
  delete shop.services['products']
  shop.services['catalog'] = { ...shop.services['carts'], path: 'catalog' }
})
const catalogFiles = { 'catalog/main.txt': 'catalog one' }

describe('7. capacity never drops', () => {
  test('a service is removed only after everything that takes its place is in full service', async () => {
    await using bench = await createBench({ files: catalogFiles })
    await bench.deliver('main')
    const before = bench.target('stage').effects().length
    await bench.configure(withoutProducts)
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const effects = bench.target('stage').effects().slice(before)
    assert.deepEqual(
      effects.map((effect) => effect.split(' ').slice(0, 3).join(' ')),
      ['roll catalog 1/2', 'roll catalog 2/2', 'remove products'],
    )
  })

  test('where the replacement does not get healthy nothing is removed', async () => {
    await using bench = await createBench({ files: catalogFiles })
    await bench.deliver('main')
    await bench.configure(withoutProducts)
    bench.target('stage').failRollout('catalog')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.ok(!bench.target('stage').effects().includes('remove products'))
    assert.ok(bench.target('stage').running()['products'])
  })

  test('a service rolls only after those it is deployed after', async () => {
    await using bench = await createBench({
      config: shopConfig((shop) => {
        Object.assign(shop.services['carts'] ?? {}, { deployAfter: ['products'] })
      }),
    })
    await bench.deliver('main')
    const services = bench
      .target('stage')
      .effects()
      .map((effect) => effect.split(' ')[1])
    assert.deepEqual(services, ['products', 'products', 'carts', 'carts'])
  })

  test('a rollout that fails leaves the others of its deployment on the release before', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const before = bench.target('stage').running()
    await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    bench.target('stage').failRollout('products')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.deepEqual(bench.target('stage').running(), before)
  })
})
