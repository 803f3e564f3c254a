/** What is taken out of the store, and what stays because something needs it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prune } from '../../src/delivery/by-hand/prune.ts'
import type { Digest } from '../../src/model/index.ts'
import type { Bench } from '../fixtures/world.ts'
import { createBench, outcomes } from '../fixtures/world.ts'

const signal = new AbortController().signal

async function prunedAs(bench: Bench, keep: number, dryRun = false) {
  return prune(bench.engine, await bench.scene(), { keep, dryRun, signal })
}

const cartsIn = async (bench: Bench, environment: string): Promise<Digest> =>
  (await bench.state(environment)).running?.services['carts']?.artifact ?? assert.fail(environment)

/** Four versions of carts, delivered one after the other; their digests. */
async function deliveredOneByOne(bench: Bench, versions: readonly string[]): Promise<Digest[]> {
  const digests: Digest[] = []
  for (const version of versions) {
    await bench.push('main', { 'carts/main.txt': version })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    digests.push(await cartsIn(bench, 'stage'))
  }
  return digests
}

test('what no environment, way back, tag or recent commit needs goes, with the reasons of all that stays', async () => {
  await using bench = await createBench()
  const [one = '', two = ''] = await deliveredOneByOne(bench, ['one', 'two'])
  await bench.tag('v1.0.0')
  await bench.deliver('refs/tags/v1.0.0')
  const [three = '', four = '', five = ''] = await deliveredOneByOne(bench, ['three', 'four', 'five'])
  bench.clock.skip(2 * 24 * 60 * 60_000)

  const planned = await prunedAs(bench, 1, true)
  assert.deepEqual(
    planned.removed.map(({ artifact }) => artifact),
    [one, three],
  )
  const why = new Map(planned.kept.map(({ artifact, reasons }) => [artifact, reasons.map(({ code }) => code).sort()]))
  assert.deepEqual(why.get(five as Digest), ['on-trunk', 'runs'])
  assert.deepEqual(why.get(four as Digest), ['rollback-window'])
  assert.deepEqual(why.get(two as Digest), ['runs', 'tagged'])
  const { artifacts } = bench.engine.world
  assert.equal(await artifacts.has(one as Digest, signal), true, 'a dry run takes nothing')

  const done = await prunedAs(bench, 1)
  assert.ok(done.removed.every(({ wasThere }) => wasThere))
  for (const digest of [one, three]) assert.equal(await artifacts.has(digest as Digest, signal), false)
  for (const digest of [two, four, five]) assert.equal(await artifacts.has(digest as Digest, signal), true)
  const again = await prunedAs(bench, 1)
  assert.ok(again.removed.every(({ wasThere }) => wasThere === false))
  assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' }, 'the way back is there')
})

test('what was built lately stays, whoever needs it: its delivery may be under way', async () => {
  await using bench = await createBench()
  await deliveredOneByOne(bench, ['one', 'two', 'three'])
  const { removed, kept } = await prunedAs(bench, 1)
  assert.deepEqual(removed, [])
  assert.ok(kept.some(({ reasons }) => reasons.length === 1 && reasons[0]?.code === 'built-lately'))
})

test('what was removed and is wanted again is built again, into the same bytes', async () => {
  await using bench = await createBench()
  const [one] = await deliveredOneByOne(bench, ['one', 'two', 'three', 'four'])
  bench.clock.skip(2 * 24 * 60 * 60_000)
  await prunedAs(bench, 1)
  assert.equal(await bench.engine.world.artifacts.has(one ?? assert.fail(), signal), false)
  const [back] = await deliveredOneByOne(bench, ['one'])
  assert.equal(back, one)
})
