/** What failed before there was a release: tried again, it takes the way that its ref has. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { reason } from '../../src/model/index.ts'
import { type Bench, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

/** `demo` takes the same branch as `stage`, side by side. */
const twoOnMain = () =>
  shopConfig((shop) => {
    const { stage } = shop.environments
    shop.environments['demo'] = { ...stage, variables: { prefix: 'DEMO_' } }
  })

/** The next check says no, though nothing is wrong. */
function redOnce({ builder }: Bench): void {
  const { check } = builder
  builder.check = async () => {
    builder.check = check
    return { ok: false, reasons: [reason('check-failed', 'it was too hot')] }
  }
}

describe('a retry after a red check', () => {
  test('goes wherever the ref leads, once the release is made', async () => {
    await using bench = await createBench({ config: twoOnMain() })
    await bench.deliver('main')
    redOnce(bench)
    const commit = await bench.push('main', { 'carts/main.txt': 'two' })
    const red = await bench.deliver('main')
    assert.equal(outcomes(red)['stage'], 'failed')
    const retried = await bench.retry('stage')
    assert.deepEqual(outcomes(retried), { stage: 'succeeded', demo: 'succeeded' })
    assert.equal((await bench.state('demo')).running?.commit, commit)
  })

  test('takes the place of what waits and is older', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.hold('stage')
    await bench.push('main', { 'carts/main.txt': 'two' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'waiting' })
    redOnce(bench)
    const commit = await bench.push('main', { 'carts/main.txt': 'three' })
    assert.equal(outcomes(await bench.deliver('main'))['stage'], 'failed')
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'waiting' })
    assert.equal((await bench.state('stage')).waiting?.candidate.commit, commit)
    await bench.resume('stage')
    assert.deepEqual(outcomes(await bench.advance('stage')), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, commit)
  })
})
