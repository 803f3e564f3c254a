/** Errored is the world's fault: tried again with backoff and a bound. Failed is a verdict: never tried again by itself. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { erroredError } from '../../src/model/index.ts'
import { createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const throttled = () => erroredError('THROTTLED', 'the platform is busy')

describe('errors and retries', () => {
  test('a step that errs is tried again with backoff, and the deployment goes on', async () => {
    await using bench = await createBench()
    bench.target('stage').fault('ensure', throttled(), 2)
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const delays = bench.progress.flatMap((event) => (event.kind === 'retrying' ? event.delayMs : []))
    assert.equal(delays.length, 2)
  })

  test('there is a bound within a run, and one over runs; then a person says retry', async () => {
    await using bench = await createBench()
    bench.engine.concurrency = 1
    bench.target('stage').fault('ensure', throttled(), 1000)
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
    const waits = bench.progress.flatMap((event) => (event.kind === 'retrying' ? event.delayMs : []))
    assert.deepEqual(waits, [150, 450, 1350])
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'errored' })
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'errored' })
    assert.equal((await bench.advance()).outcome, 'nothing', 'three times are enough')
    assert.equal((await bench.state('stage')).deployment?.errors, 3)
    assert.deepEqual(await bench.yanks(), [], 'nobody judged the release')
  })

  test('an errored deployment keeps its place and its id when it is taken up again', async () => {
    await using bench = await createBench()
    bench.target('stage').fault('verify', throttled(), 8)
    const first = await bench.deliver('main')
    assert.deepEqual(outcomes(first), { stage: 'errored' })
    const again = await bench.advance()
    assert.deepEqual(outcomes(again), { stage: 'succeeded' })
    assert.equal(again.environments[0]?.deployment, first.environments[0]?.deployment)
  })

  test('a hold stops what erred from being taken up again', async () => {
    await using bench = await createBench()
    bench.target('stage').fault('ensure', throttled(), 8)
    await bench.deliver('main')
    await bench.hold('stage', 'wait for the vendor')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'waiting' })
    await bench.resume('stage')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
  })

  test('a verdict is not tried again', async () => {
    await using bench = await createBench()
    bench.target('stage').failRollout('carts')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.ok(bench.progress.every((event) => event.kind !== 'retrying'))
    assert.equal((await bench.advance()).outcome, 'nothing')
  })

  test('a release that failed and was not yanked is tried again by a person’s retry', async () => {
    const config = shopConfig((shop) => Object.assign(shop.environments['stage'] ?? {}, { onFailure: ['rollback'] }))
    await using bench = await createBench({ config })
    await bench.deliver('main')
    const commit = await bench.push('main', { 'carts/main.txt': 'two' })
    bench.target('stage').failRollout('carts')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, commit)
    await assert.rejects(bench.retry('stage'), { code: 'NOTHING_TO_RETRY' })
  })

  test('a red check runs again when a person says retry', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'RED' })
    await bench.deliver('main')
    const before = bench.builder.work.length
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'failed' })
    assert.ok(bench.builder.work.slice(before).includes('check carts/test'))
  })

  test('retry leaves a newer release that waits where it is', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { onFailure: ['rollback'] })
    })
    await using bench = await createBench({ config })
    await bench.deliver('main')
    bench.target('prod').failRollout('carts')
    await bench.deliver(await bench.tag('v1'))
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver(await bench.tag('v2'))
    await bench.hold('prod')
    assert.deepEqual(outcomes(await bench.retry('prod')), { prod: 'waiting' })
    assert.equal((await bench.state('prod')).waiting?.candidate.version, 'v2')
  })

  test('failed, errored, refused and waiting are told from each other all the way', async () => {
    const { exitCodeOf } = await import('../../src/model/index.ts')
    await using bench = await createBench()
    bench.target('stage').fault('ensure', throttled(), 8)
    const errored = await bench.deliver('main')
    const waiting = await bench.deliver(await bench.tag('v1'))
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    const failed = await bench.deliver('main')
    const refused = await bench.deliver(await bench.tag('v2'))
    const found = [errored, waiting, failed, refused].map(({ outcome }) => [outcome, exitCodeOf(outcome)])
    assert.deepEqual(found, [
      ['errored', 4],
      ['waiting', 0],
      ['failed', 1],
      ['refused', 3],
    ])
  })
})
