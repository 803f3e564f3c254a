/** Invariant 10: a rollback goes to a release that was healthy there, by its own rules. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommitId } from '../../src/model/index.ts'
import { type Bench, codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const hooks = {
  before: [
    { name: 'schema', run: 'schema', service: 'products' },
    { name: 'data', run: 'data', service: 'products' },
  ],
  after: [{ name: 'warm', run: 'warm', service: 'products' }],
  rollback: [
    { name: 'schema', run: 'undo schema', service: 'products' },
    { name: 'data', run: 'undo data', service: 'products' },
  ],
}
const config = (stage: Record<string, unknown> = {}) =>
  shopConfig((shop) => Object.assign(shop.environments['stage'] ?? {}, { hooks, ...stage }))
const irreversible = (stage: Record<string, unknown> = {}) =>
  config({ hooks: { before: [{ name: 'drop', run: 'drop', service: 'products', irreversible: true }] }, ...stage })

const jobs = (bench: Bench, from = 0) =>
  bench
    .target('stage')
    .effects()
    .slice(from)
    .filter((effect) => effect.startsWith('job '))
const effectsSoFar = (bench: Bench) => bench.target('stage').effects().length

/** Stage runs one, then two. */
async function twoReleases(bench: Bench): Promise<[CommitId, CommitId]> {
  const first = await bench.clone.head()
  await bench.deliver('main')
  const second = await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
  await bench.deliver('main')
  return [first, second]
}

describe('10. rollback', () => {
  test('by hand it goes to the release before, runs the rollback hooks in reverse and no others, and verifies', async () => {
    await using bench = await createBench({ config: config() })
    const [first] = await twoReleases(bench)
    const [effects, work] = [effectsSoFar(bench), bench.builder.work.length]
    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
    assert.deepEqual(jobs(bench, effects), ['job data', 'job schema'])
    assert.deepEqual(bench.builder.work.slice(work), ['verify reject BROKEN'])
    const state = await bench.state('stage')
    assert.equal(state.running?.commit, first)
    assert.equal(state.health, 'healthy')
  })

  test('what the rollback hooks undid is done again on the way forward', async () => {
    await using bench = await createBench({ config: config() })
    const [, second] = await twoReleases(bench)
    await bench.rollback('stage')
    const effects = effectsSoFar(bench)
    assert.deepEqual(outcomes(await bench.deploy('stage', second)), { stage: 'succeeded' })
    assert.deepEqual(jobs(bench, effects), ['job schema', 'job data'])
  })

  test('nothing is undone that did not run since: the release it goes back to may need it', async () => {
    await using bench = await createBench({ config: config() })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const effects = effectsSoFar(bench)
    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
    assert.deepEqual(jobs(bench, effects), [], 'the products, whose hooks these are, had not changed')
  })

  test('rollback hooks run in the artifact, and with the variables, of the release that is left', async () => {
    const withToken = config()
    Object.assign(withToken.services['products'] ?? {}, { env: { WHICH: 'one' } })
    await using bench = await createBench({ config: withToken })
    await bench.deliver('main')
    const changed = config()
    Object.assign(changed.services['products'] ?? {}, { env: { WHICH: 'two' } })
    await bench.configure(changed)
    await bench.push('main', { 'products/main.txt': 'two' })
    await bench.deliver('main')
    await bench.rollback('stage')
    const { received } = bench.target('stage').state()
    assert.equal(received['job schema']?.['WHICH'], 'two')
    assert.equal(received['products']?.['WHICH'], 'one')
  })

  test('a failed deployment rolls back by itself: rollback hooks of what ran, verification, and never again', async () => {
    await using bench = await createBench({ config: config() })
    const first = await bench.clone.head()
    await bench.deliver('main')
    const effects = effectsSoFar(bench)
    await bench.push('main', { 'carts/main.txt': 'BROKEN', 'products/main.txt': 'two' })
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'failed' })
    assert.ok(codes(result, 'stage').includes('rolled-back'))
    assert.deepEqual(jobs(bench, effects), ['job schema', 'job data', 'job warm', 'job data', 'job schema'])
    assert.equal((await bench.state('stage')).running?.commit, first)
    assert.equal(bench.notifications.filter((told) => told.kind === 'rolled-back').length, 1)
  })

  test('a way back that fails does not recurse: the environment is held and people are told', async () => {
    await using bench = await createBench({ config: config() })
    const first = await bench.clone.head()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    let verifications = 0
    bench.builder.onCheckout = (request) => {
      if (++verifications === 1) bench.target('stage').failRollout('carts')
      assert.notEqual(request.commit, first, 'it does not try one release after the other')
    }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'failed' })
    assert.ok(codes(result, 'stage').includes('rollback-failed'))
    const state = await bench.state('stage')
    assert.ok(state.held)
    assert.equal(state.deployment, null)
    assert.ok(bench.notifications.some((told) => told.kind === 'held'))
    await bench.push('main', { 'carts/main.txt': 'fine' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'waiting' })
  })

  test('it is refused past an irreversible hook, unless that is forced by name', async () => {
    await using bench = await createBench({ config: irreversible() })
    const [first] = await twoReleases(bench)
    const effects = effectsSoFar(bench)
    const refused = await bench.rollback('stage')
    assert.deepEqual(outcomes(refused), { stage: 'refused' })
    assert.deepEqual(codes(refused, 'stage'), ['irreversible-hook'])
    assert.deepEqual(outcomes(await bench.rollback('stage', { force: ['another'] })), { stage: 'refused' })
    assert.equal(effectsSoFar(bench), effects)
    assert.deepEqual(outcomes(await bench.rollback('stage', { force: ['drop'] })), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, first)
  })

  test('a failed deployment whose irreversible hook ran stays where it is, held, and people are told', async () => {
    await using bench = await createBench({ config: irreversible() })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN', 'products/main.txt': 'two' })
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'failed' })
    assert.ok(codes(result, 'stage').includes('rollback-refused'))
    const running = bench.target('stage').running()
    const state = await bench.state('stage')
    assert.ok(state.held)
    assert.equal(state.health, 'degraded')
    assert.ok(bench.notifications.some((told) => told.kind === 'held'))
    await bench.resume('stage')
    await bench.push('main', { 'carts/main.txt': 'fixed' })
    await bench.deliver('main')
    assert.notDeepEqual(bench.target('stage').running(), running)
  })

  test('an irreversible hook of a deployment before the failed one stands in the way just as much', async () => {
    await using bench = await createBench({ config: irreversible({ onFailure: ['rollback'] }) })
    await bench.deliver('main')
    const second = await bench.push('main', { 'products/main.txt': 'two' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.yank(second)
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'failed' })
    assert.ok(codes(result, 'stage').includes('rollback-refused'), 'past second lies drop')
  })

  test('after a rollback by hand routes leave that release alone until resume', async () => {
    await using bench = await createBench()
    const [first] = await twoReleases(bench)
    await bench.rollback('stage')
    const again = await bench.deliver('main')
    assert.deepEqual(outcomes(again), { stage: 'waiting' })
    assert.deepEqual(codes(again, 'stage'), ['rolled-back-from'])
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'waiting' })
    assert.equal((await bench.state('stage')).running?.commit, first)
    await bench.resume('stage')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
    assert.notEqual((await bench.state('stage')).running?.commit, first)
  })

  test('a newer release is not left alone', async () => {
    await using bench = await createBench()
    await twoReleases(bench)
    await bench.rollback('stage')
    await bench.push('main', { 'carts/main.txt': 'three' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })

  test('it goes only where a release was healthy', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.deliver('main')
    await assert.rejects(bench.rollback('stage'), { code: 'NOTHING_TO_ROLL_BACK_TO' })
    await assert.rejects(bench.rollback('prod', { to: 'v1' }), { code: 'UNKNOWN_RELEASE' })
  })

  test('past a deployment that was left half-way it goes to what ran before that', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const second = await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    const dying = await bench.controller()
    dying.onBoundary = (name) => {
      if (name === 'after stage/rollout:carts') throw new Error('dies')
    }
    await bench.push('main', { 'carts/main.txt': 'three', 'products/main.txt': 'three' })
    await assert.rejects(dying.deliver('main'), /dies/)
    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, second)
  })

  test('a hold does not stand in the way of a rollback', async () => {
    await using bench = await createBench()
    await twoReleases(bench)
    await bench.hold('stage')
    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
  })
})
