/**
 * Leases are not signed: what somebody who may push, and is on no list, reaches with them. They delay; nothing comes to
 * run that would not have, and nothing keeps a delivery away for good.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { type Lease, nextLease } from '../../src/ledger/index.ts'
import { codes, gate, outcomes } from '../fixtures/world.ts'
import { createSignedBench, pushByHand, type SignedBench } from './signed-bench.ts'

const ref = (environment: string) => `refs/trunkline/lease/${environment}`
const stranger = { id: 'mallory', label: 'mallory', host: null, pid: 1, startedAt: null }

async function forge(bench: SignedBench, environment: string, change: Partial<Lease> = {}): Promise<void> {
  const lease: Lease = {
    ...{ version: 1, environment, epoch: 1, holder: stranger, renewal: 0, at: '2026-03-02T10:00:00.000Z' },
    ...change,
  }
  const files = { 'lease.json': JSON.stringify(lease) }
  await pushByHand(bench, { ref: ref(environment), subject: `lease ${lease.renewal}`, files, parents: [] })
}

const createShop = (leaseTtl: string) =>
  createSignedBench({ change: (shop) => Object.assign(shop, { state: { leaseTtl } }) })

const epochOf = async ({ engine: { ledger } }: SignedBench, environment: string): Promise<number> =>
  (await ledger.lease(await ledger.refresh(new AbortController().signal), environment)).lease?.epoch ?? 0

describe('a forged lease', () => {
  test('that nobody renews costs the time of one lease', async () => {
    await using bench = await createShop('8s')
    await forge(bench, 'stage')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })

  test('that is renewed for ever makes a delivery wait, deploys nothing, and is over when it ends', async () => {
    await using bench = await createShop('8s')
    const over = new AbortController()
    await forge(bench, 'stage')
    const forging = (async () => {
      for (let renewal = 1; !over.signal.aborted; renewal++) await forge(bench, 'stage', { renewal })
    })()
    const result = await bench.deliver('main')
    over.abort()
    await forging
    assert.deepEqual(outcomes(result), { stage: 'waiting' })
    assert.deepEqual(bench.target('stage').effects(), [])
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' })
  })

  test('lets nothing through that waits for approval', async () => {
    await using bench = await createShop('8s')
    await bench.deliver('main')
    await bench.waits('v1')
    const before = bench.target('prod').effects()
    await forge(bench, 'prod', { holder: null, epoch: 7 })
    assert.deepEqual(codes(await bench.advance('prod'), 'prod'), ['awaiting-approval'])
    assert.deepEqual(bench.target('prod').effects(), before)
  })

  test('taken from under a controller stops it at its next event; who goes on ends in the same state', async () => {
    await using bench = await createShop('120s')
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'two' })
    const middle = gate()
    bench.target('stage').onEffect = () => middle.pass()
    const delivered = bench.deliver('main')
    await middle.reached
    const epoch = await epochOf(bench, 'stage')
    await forge(bench, 'stage', { holder: null, epoch: 0 })
    bench.target('stage').onEffect = () => {}
    const other = await bench.controller({ signingKey: bench.keys.ci.path })
    assert.deepEqual(outcomes(await other.advance('stage')), { stage: 'succeeded' })
    assert.ok((await epochOf(bench, 'stage')) > epoch, 'a platform takes the second for the newer')
    const after = bench.target('stage').state().instances
    middle.open()
    assert.deepEqual(outcomes(await delivered), { stage: 'errored' })
    assert.deepEqual(bench.target('stage').state().instances, after)
    assert.equal((await bench.kinds('stage')).filter((kind) => kind === 'succeeded').length, 2)
  })

  test('of the highest epoch, and one removed after it, keep no later controller from a platform', async () => {
    await using bench = await createShop('8s')
    await bench.deliver('main')
    await forge(bench, 'stage', { holder: null, epoch: Number.MAX_SAFE_INTEGER })
    await bench.push('main', { 'carts/main.txt': 'two' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    await bench.remote.git('update-ref', '-d', ref('stage'))
    await bench.push('main', { 'carts/main.txt': 'three' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    await bench.push('main', { 'carts/main.txt': 'four' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  })
})

test('epochs grow with every holder and never run away from the ledger', () => {
  const at = '2026-03-02T10:00:00.000Z'
  const next = (epoch: number | null, seq: number) => {
    const before =
      epoch === null ? null : { version: 1 as const, environment: 'stage', epoch, holder: null, renewal: 0, at }
    return nextLease(before, { environment: 'stage', seq }, stranger, at).epoch
  }
  assert.deepEqual([next(null, 0), next(1, 0), next(4, 0)], [1, 2, 5])
  assert.equal(next(5, 20), 21, 'forged low: the ledger knows better')
  assert.equal(next(Number.MAX_SAFE_INTEGER, 20), 1_000_021)
  assert.equal(next(1_000_021, 21), 1_000_022)
  assert.equal(next(null, 20), 1_000_021, 'removed: no platform has seen more')
})
