/** What a platform has against a rollout is told before anything begins, and only where something would begin. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { erroredError, reason } from '../../src/model/index.ts'
import { codes, createBench, outcomes } from '../fixtures/world.ts'

describe('objections of a platform', () => {
  test('stop what would be rolled out, leave the rest alone, and do not stand in the way back', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const target = bench.target('stage')
    target.objectionsTo = async ({ service }) =>
      service === 'carts' ? [reason('no-balancer', 'nobody drains it')] : []

    const before = target.effects().length
    await bench.push('main', { 'carts/main.txt': 'three' })
    const refused = await bench.deliver('main')
    assert.deepEqual(outcomes(refused), { stage: 'refused' })
    assert.ok(codes(refused, 'stage').includes('rollout-not-available'))
    assert.equal(target.effects().length, before)

    await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })

    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
  })

  test('that cannot be asked for are the fault of the world: it is tried again', async () => {
    await using bench = await createBench()
    bench.target('stage').objectionsTo = async () => {
      throw erroredError('AWAY', 'the platform does not answer')
    }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'errored' })
    delete bench.target('stage').objectionsTo
    assert.deepEqual(outcomes(await bench.advance('stage')), { stage: 'succeeded' })
  })
})
