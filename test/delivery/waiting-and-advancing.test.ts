/** What waits moves when `advance` runs and may move, and only then. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { cancelledError } from '../../src/model/index.ts'
import { codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

const hour = 3_600_000
const nightly = shopConfig((shop) => {
  Object.assign(shop.environments['prod'] ?? {}, { windows: [{ cron: '0 22 * * *', duration: '2h', timezone: 'UTC' }] })
})

describe('waiting and advancing', () => {
  test('outside its window a release waits, and says until when; advance moves it once the window is open', async () => {
    await using bench = await createBench({ config: nightly })
    await bench.deliver('main')
    const waits = await bench.deliver(await bench.tag('v1'))
    assert.deepEqual(codes(waits, 'prod'), ['window-closed'])
    assert.equal((await bench.state('prod')).waiting?.until, '2026-03-02T22:00:00.000Z')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'waiting' })
    const events = (await bench.kinds('prod')).length
    await bench.advance()
    assert.equal((await bench.kinds('prod')).length, events, 'waiting is said once')
    bench.clock.skip(12 * hour + 60_000)
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
  })

  test('a held environment takes nothing until resumed, by route or by hand', async () => {
    await using bench = await createBench()
    await bench.hold('stage', 'the database is being moved')
    const waits = await bench.deliver('main')
    assert.deepEqual(codes(waits, 'stage'), ['held'])
    assert.match(waits.environments[0]?.reasons[0]?.message ?? '', /the database is being moved/)
    assert.deepEqual(outcomes(await bench.deploy('stage', await bench.clone.head())), { stage: 'waiting' })
    await bench.resume('stage')
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
  })

  test('advance goes upstream first, so that one run carries a release all the way', async () => {
    const config = shopConfig((shop) => {
      const { prod } = shop.environments
      shop.environments['demo'] = { ...prod, on: { tag: 'rc-*' }, after: 'stage' }
      Object.assign(prod ?? {}, { on: { tag: 'v*' }, after: 'demo' })
    })
    await using bench = await createBench({ config })
    bench.target('stage').reachable = false
    await bench.deliver('main')
    await bench.deliver(await bench.tag('rc-1'))
    await bench.deliver(await bench.tag('v1'))
    bench.target('stage').reachable = true
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded', demo: 'succeeded', prod: 'succeeded' })
  })

  test('a deployment cut short is finished where the newer one that waits may not move yet', async () => {
    const config = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { approval: { quorum: 1 } })
    })
    await using bench = await createBench({ config })
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1'))
    await bench.approve('prod')
    const dying = await bench.controller()
    dying.onBoundary = (name) => {
      if (name === 'after prod/rollout:carts') throw new Error('dies')
    }
    await assert.rejects(dying.advance(), /dies/)
    await bench.push('main', { 'carts/main.txt': 'two' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v2'))), { prod: 'waiting' })
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
    const state = await bench.state('prod')
    assert.equal(state.running?.version, 'v1')
    assert.equal(state.waiting?.candidate.version, 'v2', 'it waits for its own approval')
  })

  test('a tag that was deleted while it waited is superseded and waits no more', async () => {
    await using bench = await createBench()
    await bench.deliver(await bench.tag('v1'))
    await bench.clone.push('origin', ':refs/tags/v1')
    await bench.deliver('main')
    await bench.advance()
    assert.equal((await bench.state('prod')).waiting, null)
    assert.deepEqual(bench.target('prod').effects(), [])
  })

  test('an errored deployment whose ref has moved on is settled, not asked for again and again', async () => {
    const { erroredError } = await import('../../src/model/index.ts')
    await using bench = await createBench()
    bench.target('stage').fault('ensure', erroredError('THROTTLED', 'busy'), 8)
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'RED' })
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'superseded' })
    assert.equal((await bench.advance()).outcome, 'nothing')
  })

  test('a lease that its dead holder left is taken at once where that can be seen, and after silence else', async () => {
    const config = shopConfig((shop) => {
      shop['state'] = { leaseTtl: '4s' }
    })
    await using bench = await createBench({ config })
    const { ledger, world } = bench.engine
    const signal = AbortSignal.timeout(30_000)
    const leave = async (id: string) => {
      const snapshot = await ledger.refresh(signal)
      const position = await ledger.environment(snapshot, 'stage')
      const known = await ledger.lease(snapshot, 'stage')
      const holder = { ...world.holder, id, label: id }
      const lease = {
        version: 1 as const,
        environment: 'stage',
        epoch: (known.lease?.epoch ?? 0) + 1,
        holder,
        renewal: 0,
        at: '',
      }
      await ledger.append(position, [], { expected: known.tip, lease: { ...lease, at: ledger.at() } }, signal)
    }
    await leave('seen dead')
    const neighbour = await bench.controller({ isHolderDead: (holder) => holder.id === 'seen dead' })
    assert.deepEqual(outcomes(await neighbour.deliver('main')), { stage: 'succeeded' })
    assert.ok(!(await bench.kinds('stage')).includes('waiting'), 'nobody had to wait for the dead')
    await bench.push('main', { 'carts/main.txt': 'two' })
    await leave('merely silent')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.ok((await bench.kinds('stage')).includes('waiting'), 'it was in the queue meanwhile')
  })

  test('who loses the lease stops its effects, and writes nothing any more', async () => {
    await using bench = await createBench()
    const { ledger, world } = bench.engine
    const signal = AbortSignal.timeout(30_000)
    bench.engine.concurrency = 1
    let taken = false
    bench.onBoundary = async (name) => {
      if (name !== 'after stage/rollout:carts' || taken) return
      taken = true
      const snapshot = await ledger.refresh(signal)
      const known = await ledger.lease(snapshot, 'stage')
      if (known.lease === null) throw new Error('no lease')
      const thief = {
        ...known.lease,
        epoch: known.lease.epoch + 1,
        holder: { ...world.holder, id: 'thief', label: 'thief' },
      }
      await ledger.append(
        await ledger.environment(snapshot, 'stage'),
        [],
        { expected: known.tip, lease: thief },
        signal,
      )
      bench.target('stage').state()
    }
    bench.target('stage').onEffect = (effect) => {
      if (effect.startsWith('roll products 2/2')) throw cancelledError('the platform would have been asked')
    }
    const result = await bench.deliver('main')
    assert.deepEqual(outcomes(result), { stage: 'errored' })
    assert.deepEqual(codes(result, 'stage'), ['lease-lost'])
    assert.deepEqual(await bench.kinds('stage'), ['started'])
  })

  test('approvals and holds written meanwhile do not disturb the one at work', async () => {
    await using bench = await createBench()
    bench.onBoundary = async (name) => {
      if (name === 'after stage/rollout:carts') await bench.hold('stage', 'from now on')
    }
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const events = await bench.history('stage')
    assert.deepEqual(
      events.map(({ event }) => event.seq),
      events.map((_, index) => events.length - index),
    )
    assert.ok((await bench.state('stage')).held)
  })
})
