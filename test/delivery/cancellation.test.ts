/** Ctrl-C here, `trunkline cancel` elsewhere: both end cleanly, and are told from failures. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, test } from 'node:test'
import { cancelledError } from '../../src/model/index.ts'
import { type Bench, createBench, gate, outcomes, shopConfig } from '../fixtures/world.ts'

/** Renewals come so often that a controller learns within a second what others wrote. */
const config = shopConfig((shop) => {
  shop['state'] = { leaseTtl: '12s' }
})

async function leaseIsFree(bench: Bench, environment: string): Promise<boolean> {
  const { ledger } = bench.engine
  const { lease } = await ledger.lease(await ledger.refresh(AbortSignal.timeout(30_000)), environment)
  return lease !== null && lease.holder === null
}

describe('cancellation', () => {
  test('Ctrl-C in the middle of a rollout leaves an aborted event and frees the lease', async () => {
    await using bench = await createBench({ config })
    const interrupt = new AbortController()
    bench.onBoundary = (name) => {
      if (name === 'after stage/rollout:carts') interrupt.abort(cancelledError())
    }
    await assert.rejects(bench.deliver('main', { signal: interrupt.signal }), { kind: 'cancelled' })
    assert.deepEqual(await bench.kinds('stage'), ['started', 'aborted'])
    assert.ok(await leaseIsFree(bench, 'stage'))
    assert.equal((await bench.state('stage')).deployment?.phase, 'aborted')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' }, 'delivering again goes on')
  })

  test('Ctrl-C ends every environment’s deployment before it returns', async () => {
    const two = shopConfig((shop) => {
      shop.environments['second'] = { on: { branch: 'main' }, target: { fleet: { hosts: ['local'] } } }
    })
    await using bench = await createBench({ config: two })
    const interrupt = new AbortController()
    const reached = new Set<string>()
    const both = gate()
    // Neither goes on before both have begun, whichever is faster.
    bench.onBoundary = (name) => {
      if (!name.startsWith('started ')) return undefined
      reached.add(name)
      if (reached.size < 2) return both.pass()
      interrupt.abort(cancelledError())
      both.open()
      return undefined
    }
    await assert.rejects(bench.deliver('main', { signal: interrupt.signal }), { kind: 'cancelled' })
    for (const environment of ['stage', 'second']) {
      assert.deepEqual(await bench.kinds(environment), ['started', 'aborted'])
      assert.ok(await leaseIsFree(bench, environment))
    }
  })

  test('Ctrl-C during a rollback by hand leaves it to be gone on with, as a rollback', async () => {
    await using bench = await createBench({ config })
    const first = await bench.clone.head()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two', 'products/main.txt': 'two' })
    await bench.deliver('main')
    const interrupt = new AbortController()
    bench.onBoundary = (name) => {
      if (name === 'after stage/rollout:carts') interrupt.abort(cancelledError())
    }
    await assert.rejects(bench.rollback('stage', { signal: interrupt.signal }), { kind: 'cancelled' })
    assert.equal((await bench.kinds('stage')).at(-1), 'aborted')
    assert.ok(await leaseIsFree(bench, 'stage'))
    assert.equal((await bench.advance()).outcome, 'nothing', 'who cancelled it decides')
    assert.deepEqual(outcomes(await bench.rollback('stage')), { stage: 'succeeded' })
    assert.equal((await bench.state('stage')).running?.commit, first)
    assert.equal((await bench.state('stage')).passedOver.length, 1)
  })

  test('cancel from another process stops the effects of the one at work', async () => {
    await using bench = await createBench({ config })
    const worker = await bench.controller({ name: 'worker' })
    const middle = gate()
    worker.onBoundary = (name) => (name === 'before stage/verify:checkout works' ? middle.pass() : undefined)
    const work = worker.deliver('main')
    await middle.reached
    assert.deepEqual(await bench.cancel('stage'), [`${(await bench.clone.head()).slice(0, 7)} is cancelled`])
    middle.open()
    assert.deepEqual(outcomes(await work), { stage: 'failed' })
    assert.deepEqual(await bench.kinds('stage'), ['started', 'aborted'])
    assert.ok(await leaseIsFree(bench, 'stage'))
    assert.equal((await bench.advance()).outcome, 'nothing')
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'succeeded' })
  })

  test('cancel is heard in the middle of a long step, long before the lease would be renewed', async () => {
    // A third of ten minutes: nothing but listening can hear it before the test gives up.
    const lasting = shopConfig((shop) => {
      shop['state'] = { leaseTtl: '10m' }
    })
    await using bench = await createBench({ config: lasting })
    const worker = await bench.controller({ name: 'worker' })
    let asked = 0
    const { state } = worker.engine.world
    const refresh = state.refresh.bind(state)
    state.refresh = (refs, signal) => {
      if (refs.length === 1 && refs[0] === 'refs/trunkline/env/stage') asked++
      return refresh(refs, signal)
    }
    const middle = gate()
    middle.open()
    const stopped = Promise.withResolvers<void>()
    worker.builder.runInCheckout = async (_, { signal }) => {
      await middle.pass()
      await once(signal, 'abort')
      stopped.resolve()
      throw signal.reason
    }
    const startedMs = bench.clock.monotonicMs()
    const work = worker.deliver('main')
    await middle.reached
    await bench.cancel('stage')
    const cancelledMs = bench.clock.monotonicMs()
    await stopped.promise
    const nowMs = bench.clock.monotonicMs()
    assert.ok(nowMs - cancelledMs < 100_000, `heard after ${nowMs - cancelledMs} ms of the bench's clock`)
    assert.ok(asked >= 1 && asked <= 1 + (nowMs - startedMs) / 2000, `asked ${asked} times in ${nowMs - startedMs} ms`)
    assert.deepEqual(outcomes(await work), { stage: 'failed' })
  })

  test('cancel takes what waits out of the queue', async () => {
    await using bench = await createBench({ config })
    await bench.deliver(await bench.tag('v1'))
    assert.deepEqual(await bench.cancel('prod'), ['v1 waits no more'])
    assert.equal((await bench.advance()).outcome, 'nothing')
    await assert.rejects(bench.cancel('prod'), { code: 'NOTHING_TO_CANCEL' })
  })

  test('what was cancelled asks for approval anew', async () => {
    const approving = shopConfig((shop) => {
      Object.assign(shop.environments['prod'] ?? {}, { approval: { quorum: 1 } })
    })
    await using bench = await createBench({ config: approving })
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1'))
    await bench.approve('prod')
    const interrupt = new AbortController()
    bench.onBoundary = (name) => {
      if (name === 'started prod') interrupt.abort(cancelledError())
    }
    await assert.rejects(bench.deliver('refs/tags/v1', { signal: interrupt.signal }), { kind: 'cancelled' })
    bench.onBoundary = () => {}
    assert.deepEqual(outcomes(await bench.retry('prod')), { prod: 'waiting' })
    await bench.approve('prod')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
  })
})
