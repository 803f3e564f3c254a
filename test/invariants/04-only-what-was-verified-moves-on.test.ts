/** Invariant 4: `after: stage` asks whether stage succeeded with this release's stage view. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

describe('4. only what was verified moves on', () => {
  test('a release that stage has not verified waits, and is no failure', async () => {
    await using bench = await createBench()
    bench
      .target('stage')
      .fault('ensure', new (await import('../../src/model/index.ts')).TrunklineError('errored', 'X', 'x'), 100)
    await bench.deliver('main')
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.equal(result.outcome, 'waiting')
    assert.deepEqual(codes(result, 'prod'), ['upstream-pending'])
    assert.deepEqual(bench.target('prod').effects(), [])
  })

  test('a release that failed in stage is refused, with the reason', async () => {
    const config = shopConfig((shop) => Object.assign(shop.environments['stage'] ?? {}, { onFailure: ['rollback'] }))
    await using bench = await createBench({ config })
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(outcomes(result), { prod: 'refused' })
    assert.deepEqual(codes(result, 'prod'), ['upstream-failed'])
  })

  test('a yanked release is refused, with the reason', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.deliver('main')
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(outcomes(result), { prod: 'refused' })
    assert.deepEqual(codes(result, 'prod'), ['release-yanked'])
  })

  test('a commit whose checks are red has no release: its tag is refused', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'RED' })
    await bench.deliver('main')
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(outcomes(result), { prod: 'refused' })
    assert.ok(codes(result, 'prod').includes('release-failed'))
  })

  test('an overlay that only prod sees needs no restaging', async () => {
    const config = shopConfig((shop) =>
      Object.assign(shop.environments['prod'] ?? {}, { deployInputs: ['deploy/prod/**'] }),
    )
    await using bench = await createBench({ config, files: { 'deploy/prod/size.txt': 'small' } })
    await bench.deliver('main')
    await bench.push('main', { 'deploy/prod/size.txt': 'large' })
    // Not delivered to stage: its view there was verified with the commit before.
    const released = await bench.deploy('stage', await bench.clone.head())
    assert.deepEqual(outcomes(released), { stage: 'succeeded' })
    assert.equal(bench.target('stage').effects().length, 4, 'stage had nothing to do')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.0'))), { prod: 'succeeded' })
  })

  test('what verified in stage under another release’s name counts by what stage saw', async () => {
    const config = shopConfig((shop) =>
      Object.assign(shop.environments['stage'] ?? {}, { deployInputs: ['deploy/stage/**'] }),
    )
    await using bench = await createBench({ config, files: { 'deploy/stage/size.txt': 'small' } })
    await bench.deliver('main')
    await bench.push('main', { 'deploy/stage/size.txt': 'large' })
    bench.engine.world.boundary = () => {}
    bench.target('stage').reachable = false
    await bench.deliver('main')
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(codes(result, 'prod'), ['upstream-pending'], 'stage’s own overlay changed: it has to verify that')
  })

  test('a tag pushed before its release exists moves on when stage is done, within that same delivery', async () => {
    await using bench = await createBench()
    assert.equal((await bench.deliver(await bench.tag('v1.0.0'))).outcome, 'waiting')
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'succeeded', prod: 'succeeded' })
    assert.equal((await bench.state('prod')).running?.version, 'v1.0.0')
    assert.equal((await bench.state('prod')).waiting, null)
  })

  test('a tag that waits for stage moves on when stage has verified, within that same delivery', async () => {
    await using bench = await createBench()
    bench.target('stage').reachable = false
    await bench.deliver('main')
    assert.equal((await bench.deliver(await bench.tag('v1.0.0'))).outcome, 'waiting')
    bench.target('stage').reachable = true
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded', prod: 'succeeded' })
  })

  test('what waited and cannot go on here does not fail the delivery that it waited for', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.services['carts'] ?? {}, { env: { TOKEN: { from: 'TOKEN', secret: true } } })
    })
    await using bench = await createBench({ config })
    bench.environment['STAGE_TOKEN'] = 'only-stage-is-known-here'
    await bench.deliver(await bench.tag('v1.0.0'))
    const result = await bench.deliver('main')
    assert.equal(result.outcome, 'succeeded')
    assert.equal(outcomes(result)['stage'], 'succeeded')
    assert.equal(outcomes(result)['prod'], 'waiting')
    assert.ok(codes(result, 'prod').includes('variable-missing'))
    assert.ok(bench.notifications.every((told) => told.kind !== 'errored' && told.kind !== 'failed'))
    bench.environment['PROD_TOKEN'] = 'here-it-is-known-too'
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
  })

  test('a tag whose release turned out red waits no more', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'RED' })
    await bench.deliver(await bench.tag('v1.0.0'))
    assert.equal((await bench.state('prod')).waiting?.candidate.version, 'v1.0.0')
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'refused' })
    assert.equal((await bench.state('prod')).waiting, null)
    assert.equal((await bench.advance()).outcome, 'nothing')
  })
})
