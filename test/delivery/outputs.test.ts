/** Infrastructure and applications in one delivery: what the first comes to is given to the second. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Bench, codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const createShop = (): Promise<Bench> =>
  createBench({
    config: shopConfig((shop) => {
      shop.services['network'] = { path: 'network', infer: false, run: { command: 'apply' } }
      Object.assign(shop.services['carts'] ?? {}, { env: { DATABASE: { from: 'network.Url', secret: true } } })
    }),
  })

const received = (bench: Bench) => bench.target('stage').state().received['carts']

describe('outputs of infrastructure', () => {
  test('are given in the delivery that makes them, in order', async () => {
    await using bench = await createShop()
    bench.target('stage').outputs = { network: { Url: 'db://one' } }
    assert.equal(outcomes(await bench.deliver('main'))['stage'], 'succeeded')
    assert.equal(received(bench)?.['DATABASE'], 'db://one')
    const effects = bench.target('stage').effects()
    const first = (service: string) => effects.findIndex((effect) => effect.includes(service))
    assert.ok(first('network') >= 0 && first('network') < first('carts'), effects.join('; '))
    // The ledger knows what runs: nothing is left to do.
    const again = await bench.deliver('main')
    assert.equal(outcomes(again)['stage'], 'nothing')
  })

  test('roll their users when they change, and only then', async () => {
    await using bench = await createShop()
    const target = bench.target('stage')
    target.outputs = { network: { Url: 'db://one' } }
    await bench.deliver('main')

    const before = target.effects().length
    await bench.push('main', { 'network/main.txt': 'wider' })
    assert.equal(outcomes(await bench.deliver('main'))['stage'], 'succeeded')
    const since = target.effects().slice(before)
    assert.ok(since.some((effect) => effect.includes('network')))
    assert.deepEqual(
      since.filter((effect) => effect.includes('carts')),
      [],
    )

    target.onEffect = (effect) => {
      if (effect.includes('network')) target.outputs = { network: { Url: 'db://two' } }
    }
    await bench.push('main', { 'network/main.txt': 'elsewhere' })
    assert.equal(outcomes(await bench.deliver('main'))['stage'], 'succeeded')
    assert.equal(received(bench)?.['DATABASE'], 'db://two')
  })

  test('that change past a delivery are given with the next', async () => {
    await using bench = await createShop()
    bench.target('stage').outputs = { network: { Url: 'db://one' } }
    await bench.deliver('main')
    bench.target('stage').outputs = { network: { Url: 'db://two' } }
    const result = await bench.deploy('stage', await bench.clone.head())
    assert.equal(outcomes(result)['stage'], 'succeeded')
    assert.equal(received(bench)?.['DATABASE'], 'db://two')
  })

  test('that do not come to be fail the service that needs them, by name', async () => {
    await using bench = await createShop()
    bench.target('stage').outputs = { network: { Name: 'no url' } }
    const result = await bench.deliver('main')
    assert.equal(outcomes(result)['stage'], 'failed')
    assert.ok(codes(result, 'stage').includes('output-missing'))
    assert.match(result.environments[0]?.reasons[0]?.message ?? '', /carts is given network\.Url/)
  })
})
