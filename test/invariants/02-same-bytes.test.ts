/** Invariant 2: a promotion deploys digests that already exist. It never builds. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codes, createBench, outcomes, shopConfig } from '../fixtures/world.ts'

describe('2. same bytes', () => {
  test('a tag carries the very bytes from stage to prod, and nothing is checked or built', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    const before = bench.builder.work.length
    assert.deepEqual(outcomes(await bench.deliver(await bench.tag('v1.0.0'))), { prod: 'succeeded' })
    assert.deepEqual(bench.builder.work.slice(before), ['verify reject PRODBROKEN'])
    assert.deepEqual(bench.target('prod').running(), bench.target('stage').running())
  })

  test('a tag on a commit that was never built waits, and builds nothing', async () => {
    await using bench = await createBench()
    const result = await bench.deliver(await bench.tag('v1.0.0'))
    assert.deepEqual(outcomes(result), { prod: 'waiting' })
    assert.deepEqual(codes(result, 'prod'), ['no-release'])
    assert.deepEqual(bench.builder.work, [])
    assert.equal((await bench.state('prod')).waiting?.candidate.version, 'v1.0.0')
  })

  test('deploying by name to an environment that comes after another builds nothing either', async () => {
    await using bench = await createBench()
    const result = await bench.deploy('prod', await bench.clone.head())
    assert.deepEqual(outcomes(result), { prod: 'refused' })
    assert.deepEqual(codes(result, 'prod'), ['no-release'])
    assert.deepEqual(bench.builder.work, [])
  })

  test('a promotion never replaces bytes that the store has lost: it errs and says so', async () => {
    await using bench = await createBench({
      config: shopConfig((config) => {
        for (const service of Object.values(config.services)) service['build'] = 'anything'
      }),
    })
    await bench.deliver('main')
    const before = bench.builder.work.length
    const { rm } = await import('node:fs/promises')
    await rm(`${bench.place.directory}/artifacts`, { recursive: true })
    await bench.deliver(await bench.tag('v1.0.0')).catch(() => {})
    assert.deepEqual(
      bench.builder.work.slice(before).filter((done) => done.startsWith('build')),
      [],
    )
  })

  test('a cherry-pick with equal inputs takes the same bytes on its own branch', async () => {
    const config = shopConfig((shop) => {
      shop.environments['preview'] = { on: { branch: 'release/*' }, target: { fleet: { hosts: ['local'] } } }
    })
    await using bench = await createBench({ config })
    await bench.clone.branch('release/1')
    await bench.push('main', { 'carts/main.txt': 'hotfix' })
    await bench.deliver('main')
    const before = bench.builder.work.length
    await bench.push('release/1', { 'carts/main.txt': 'hotfix' })
    assert.deepEqual(outcomes(await bench.deliver('release/1')), { preview: 'succeeded' })
    assert.deepEqual(bench.builder.work.slice(before), [])
    assert.deepEqual(bench.target('preview').running(), bench.target('stage').running())
  })

  test('promotion names the artifacts in the store by short commit and by tag', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.deliver(await bench.tag('v1.0.0'))
    const signal = AbortSignal.timeout(30_000)
    const running = bench.target('prod').running()
    const commit = (await bench.clone.head()).slice(0, 7)
    const { artifacts } = bench.engine.world
    assert.equal(await artifacts.resolveTag('carts-v1.0.0', signal), running['carts'])
    assert.equal(await artifacts.resolveTag(`products-${commit}`, signal), running['products'])
  })
})
