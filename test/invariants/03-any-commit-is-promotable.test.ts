/** Invariant 3: a docs-only commit has its parent's artifacts; deploying it is one ledger event and no rollout. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createBench, outcomes, shopConfig } from '../fixtures/world.ts'

describe('3. any commit is promotable', () => {
  test('a docs-only commit has its parent’s input hashes and artifacts', async () => {
    await using bench = await createBench()
    const parent = await bench.clone.head()
    await bench.deliver('main')
    const commit = await bench.push('main', { 'README.md': 'better words' })
    const before = bench.builder.work.length
    await bench.deliver('main')
    assert.deepEqual(bench.builder.work.slice(before), [])
    const [old, now] = [await bench.commitRecord(parent), await bench.commitRecord(commit)]
    assert.deepEqual(now?.inputHashes, old?.inputHashes)
    assert.ok(old?.outcome === 'released' && now?.outcome === 'released' && old.release === now.release)
  })

  test('deploying it is one event in the ledger and no effect on the target', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1.0.0'))
    await bench.push('main', { 'README.md': 'better words' })
    await bench.deliver('main')
    const [events, effects] = [(await bench.kinds('prod')).length, bench.target('prod').effects().length]
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.1'))), { prod: 'succeeded' })
    const kinds = await bench.kinds('prod')
    assert.deepEqual(kinds.slice(events), ['succeeded'])
    assert.equal(bench.target('prod').effects().length, effects)
    const { running } = await bench.state('prod')
    assert.equal(running?.version, 'v1.0.1')
    assert.deepEqual(Object.keys(running?.services ?? {}).sort(), ['carts', 'products'])
    for (const service of Object.values(running?.services ?? {})) assert.ok(service.inputHash, 'it is still known')
  })

  test('delivering the same commit again is no event at all', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const before = await bench.remote.refs()
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'nothing' })
    assert.deepEqual(await bench.remote.refs(), before, 'not even the lease is written')
  })

  test('instances receive nothing that varies by commit or release name', async () => {
    await using bench = await createBench()
    const first = await bench.clone.head()
    await bench.deliver('main')
    const received = bench.target('stage').state().received
    await bench.push('main', { 'README.md': 'other', 'carts/main.txt': 'other' })
    await bench.deliver('main')
    await bench.deploy('stage', first)
    assert.deepEqual(bench.target('stage').state().received['carts'], received['carts'])
    const text = JSON.stringify(bench.target('stage').state())
    assert.ok(!text.includes(first.slice(0, 7)) && !text.includes('v1'), 'no commit is known to the platform')
  })

  test('it needs no approval and no window: nothing is done', async () => {
    await using bench = await createBench({
      config: shopConfig((config) => {
        Object.assign(config.environments['prod'] ?? {}, { approval: { quorum: 1 } })
      }),
    })
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1.0.0'))
    await bench.approve('prod')
    assert.deepEqual(outcomes(await bench.advance()), { prod: 'succeeded' })
    await bench.push('main', { 'README.md': 'better words' })
    await bench.deliver('main')
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.1'))), { prod: 'succeeded' })
  })

  test('a target that cannot be asked is unknown: then nothing is said to be unchanged', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'README.md': 'better words' })
    bench.target('stage').reachable = false
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'errored' })
    assert.notEqual((await bench.state('stage')).running?.commit, await bench.clone.head())
    bench.target('stage').reachable = true
    assert.deepEqual(outcomes(await bench.advance()), { stage: 'succeeded' }, 'it goes on by itself')
    assert.equal((await bench.state('stage')).running?.commit, await bench.clone.head())
  })
})
