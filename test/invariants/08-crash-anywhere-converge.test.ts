/** Invariant 8: SIGKILL at any point, run again: the same end state. */
import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { createBench, outcomes, type ShopConfig, shopConfig } from '../fixtures/world.ts'
import { type CrashScenario, prepared, runKilledAt, runThrough, someAtATime } from './crash-runs.ts'

const hooks = {
  before: [{ name: 'migrate', run: 'migrate', service: 'products' }],
  after: [{ name: 'warm', run: 'warm', service: 'carts' }],
  rollback: [{ name: 'migrate', run: 'unmigrate', service: 'products' }],
}
const withHooks = (change: (stage: Record<string, unknown>, shop: ShopConfig) => void = () => {}) =>
  shopConfig((shop) => {
    const stage = shop.environments['stage'] ?? {}
    Object.assign(stage, { hooks })
    change(stage, shop)
  })

const success: CrashScenario = { config: withHooks(), action: 'deliver', prepare: async () => {} }
const failure: CrashScenario = {
  config: withHooks(),
  action: 'deliver',
  async prepare(bench) {
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'BROKEN', 'products/main.txt': 'two' })
  },
}
const wayBack: CrashScenario = {
  config: withHooks(),
  action: 'rollback',
  async prepare(bench) {
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    await bench.deliver('main')
  },
}

/** `since`: the first point to die at; those before it are another scenario's. */
async function convergesFromEverywhere(
  t: TestContext,
  scenario: CrashScenario,
  since: string | null = null,
): Promise<string[]> {
  await using from = await prepared(scenario)
  const { points, end } = await runThrough(scenario, from)
  const first = since === null ? 0 : points.indexOf(since)
  assert.ok(first >= 0, `${since} is among the points`)
  const died: string[] = []
  await someAtATime(points.map((_, index) => index + 1).slice(first), 3, async (at) => {
    const killed = await runKilledAt(scenario, from, at)
    died[at - 1] = killed.diedAt
    assert.deepEqual(killed.end, end, `after a death at point ${at}, ${killed.diedAt}`)
  })
  assert.deepEqual(died.slice(first), points.slice(first), 'it died at every point there is')
  t.diagnostic(`${points.length - first} kills, one at each step boundary and each effect`)
  return points
}

describe('8. crash anywhere, converge', { concurrency: 1 }, () => {
  test('a full delivery killed at every step boundary and every effect ends as if it had not been', async (t) => {
    const points = await convergesFromEverywhere(t, success)
    for (const expected of [
      'built',
      'recorded',
      'started stage',
      'started stage/hook:before/migrate',
      'verified stage',
    ])
      assert.ok(points.includes(expected), `${expected} is among the points`)
    assert.ok(points.some((point) => point.startsWith('effect roll carts 2/2')))
  })

  test('a failing delivery killed at every point of its rollback and yank ends as if it had not been', async (t) => {
    // How a release is made was looked at above.
    const points = await convergesFromEverywhere(t, failure, 'started stage')
    for (const expected of ['failed stage', 'react rollback stage', 'back stage', 'react yank stage'])
      assert.ok(points.includes(expected), `${expected} is among the points`)
  })

  test('a rollback by hand killed at every point is gone on with as a way back', async (t) => {
    const points = await convergesFromEverywhere(t, wayBack)
    assert.ok(points.includes('back stage'))
    assert.ok(!points.some((point) => point.includes('hook:before')))
  })

  test('each hook ran once, whatever was killed', async () => {
    await using from = await prepared(success)
    const { end } = await runThrough(success, from)
    assert.deepEqual(end.jobs, ['job migrate', 'job warm'])
  })

  test('a hook whose outcome is unknown runs again by itself if it is declared idempotent', async () => {
    const config = withHooks((stage) => {
      stage['hooks'] = { before: [{ name: 'migrate', run: 'migrate', service: 'products', idempotent: true }] }
    })
    await using bench = await createBench({ config })
    bench.target('stage').onJob = () => {
      throw new Error('dies in the middle of the job')
    }
    await assert.rejects(bench.deliver('main'), /dies/)
    bench.target('stage').onJob = () => 0
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const jobs = Object.keys(bench.target('stage').state().jobs)
    assert.equal(jobs.length, 2, 'the second attempt has a key of its own')
  })

  test('else the deployment is errored until someone says --assume-done', async () => {
    await using bench = await createBench({ config: withHooks() })
    bench.target('stage').onJob = () => {
      throw new Error('dies in the middle of the job')
    }
    await assert.rejects(bench.deliver('main'), /dies/)
    bench.target('stage').onJob = () => 0
    const again = await bench.deliver('main')
    assert.deepEqual(outcomes(again), { stage: 'errored' })
    assert.equal(again.environments[0]?.reasons[0]?.code, 'hook-outcome-unknown')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'errored' }, 'it does not guess')
    assert.deepEqual(outcomes(await bench.retry('stage', 'assume-done')), { stage: 'succeeded' })
    const ran = bench
      .target('stage')
      .effects()
      .filter((effect) => effect === 'job migrate')
    assert.equal(ran.length, 1)
    const ends = (await bench.history('stage')).flatMap(({ event }) =>
      event.kind === 'hook-ended' ? event.outcome : [],
    )
    assert.ok(ends.includes('assumed'))
  })

  test('… or --rerun, which runs it once more', async () => {
    await using bench = await createBench({ config: withHooks() })
    bench.target('stage').onJob = () => {
      throw new Error('dies in the middle of the job')
    }
    await assert.rejects(bench.deliver('main'), /dies/)
    bench.target('stage').onJob = () => 0
    assert.deepEqual(outcomes(await bench.retry('stage', 'rerun')), { stage: 'succeeded' })
    const ran = bench
      .target('stage')
      .effects()
      .filter((effect) => effect === 'job migrate')
    assert.equal(ran.length, 2)
  })

  test('a newer release does not run blindly over a hook whose outcome nobody knows', async () => {
    await using bench = await createBench({ config: withHooks() })
    bench.target('stage').onJob = () => {
      throw new Error('dies in the middle of the job')
    }
    await assert.rejects(bench.deliver('main'), /dies/)
    bench.target('stage').onJob = () => 0
    await bench.push('main', { 'carts/main.txt': 'two' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
    assert.deepEqual(outcomes(await bench.retry('stage', 'assume-done')), { stage: 'succeeded' })
    assert.equal(
      bench
        .target('stage')
        .effects()
        .filter((effect) => effect === 'job migrate').length,
      1,
    )
  })

  test('a hook that ran in a deployment which failed later does not run again for the same bytes', async () => {
    await using bench = await createBench({
      config: withHooks((stage) => delete (stage['hooks'] as Record<string, unknown>)['rollback']),
    })
    await bench.push('main', { 'carts/main.txt': 'BROKEN' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'fixed' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.equal(
      bench
        .target('stage')
        .effects()
        .filter((effect) => effect === 'job migrate').length,
      1,
    )
  })

  test('what another had begun is finished, even when its ref has moved on to a commit that is red', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const dying = await bench.controller()
    dying.onBoundary = (name) => {
      if (name === 'after stage/rollout:carts') throw new Error('dies')
    }
    const begun = await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    await assert.rejects(dying.deliver('main'), /dies/)
    await bench.push('main', { 'carts/main.txt': 'RED' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, begun)
  })
})
