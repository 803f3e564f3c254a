/** Invariant 1: for one input hash there is at most one build record, whoever races; the loser uses the winner's bytes. */
import assert from 'node:assert/strict'
import { rm } from 'node:fs/promises'
import { describe, test } from 'node:test'
import { readRecords } from '../../src/ledger/index.ts'
import { type Bench, createBench, gate, outcomes, shopConfig } from '../fixtures/world.ts'

const builds = (work: readonly string[]) => work.filter((done) => done.startsWith('build '))

/** Two controllers that have both built before either has recorded anything. */
async function race(bench: Bench) {
  const [one, two] = [await bench.controller({ name: 'one' }), await bench.controller({ name: 'two' })]
  const [oneBuilt, twoBuilt] = [gate(), gate()]
  one.onBoundary = (name) => (name === 'built' ? oneBuilt.pass() : undefined)
  two.onBoundary = (name) => (name === 'built' ? twoBuilt.pass() : undefined)
  one.builder.isReproducible = false
  two.builder.isReproducible = false
  const results = [one.deliver('main'), two.deliver('main')]
  await Promise.all([oneBuilt.reached, twoBuilt.reached])
  oneBuilt.open()
  await results[0]
  twoBuilt.open()
  return { one, two, results: await Promise.all(results) }
}

describe('1. build once', () => {
  test('two machines that race on one commit end with one record, and the loser uses the winner’s bytes', async () => {
    await using bench = await createBench()
    const { one, two, results } = await race(bench)
    assert.deepEqual(builds(one.builder.work).sort(), ['build carts', 'build products'])
    assert.deepEqual(builds(two.builder.work).sort(), ['build carts', 'build products'], 'both did build')

    assert.equal(results[0]?.release, results[1]?.release, 'both have the same release')
    const record = await bench.commitRecord(await bench.clone.head())
    assert.equal(record?.outcome === 'released' && record.release, results[0]?.release)
    const snapshot = await bench.engine.ledger.refresh(AbortSignal.timeout(30_000))
    const hashes = Object.values(record?.inputHashes ?? {})
    const records = await readRecords(bench.engine.ledger, snapshot, { builds: hashes, checks: [] })
    assert.deepEqual(
      [...records.builds.values()].map((build) => build.builder),
      ['one', 'one'],
    )
    const artifacts = [...records.builds.values()].map((build) => build.artifact)
    assert.deepEqual(Object.values(bench.target('stage').running()).sort(), artifacts.sort(), 'the winner’s bytes run')
    const digests = bench
      .target('stage')
      .effects()
      .filter((effect) => effect.startsWith('roll '))
    assert.equal(digests.length, 4, 'no byte of the loser was ever rolled out')
  })

  test('what was built for one commit is never built for another with the same inputs', async () => {
    await using bench = await createBench()
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    await bench.deliver('main')
    await bench.push('main', { 'carts/main.txt': 'carts one' })
    const before = bench.builder.work.length
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(builds(bench.builder.work.slice(before)), [])
    assert.deepEqual(builds(bench.builder.work), ['build carts', 'build products', 'build carts'])
  })

  test('a check is green once, and a red one is not run again for the same inputs', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'RED' })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    await bench.push('main', { 'README.md': 'other words' })
    const before = bench.builder.work.length
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'failed' })
    assert.deepEqual(bench.builder.work.slice(before), [])
  })

  test('a red check stops the release: nothing more is built, and nothing is deployed', async () => {
    await using bench = await createBench()
    await bench.push('main', { 'carts/main.txt': 'RED' })
    const result = await bench.deliver('main')
    assert.equal(result.release, null)
    assert.ok(!builds(bench.builder.work).includes('build carts'))
    assert.deepEqual(bench.target('stage').effects(), [])
    const [last] = await bench.history('stage')
    assert.ok(last?.event.kind === 'failed' && last.event.logTail.includes('RED!'), 'the log’s tail says why')
  })

  test('bytes that the store lost are built again where building is allowed, and must come out the same', async () => {
    await using bench = await createBench()
    const made = await bench.deliver('main')
    await rm(`${bench.place.directory}/artifacts`, { recursive: true })
    const same = await bench.controller()
    assert.equal((await same.deliver('main')).release, made.release)
    assert.deepEqual(builds(same.builder.work).sort(), ['build carts', 'build products'])

    await rm(`${bench.place.directory}/artifacts`, { recursive: true })
    const other = await bench.controller()
    other.builder.isReproducible = false
    await assert.rejects(other.deliver('main'), { code: 'ARTIFACT_LOST', kind: 'errored' })
    assert.ok(builds(other.builder.work).length <= 2, 'building it time and again would not help')
  })

  test('a service that runs another’s artifact shares its bytes and its one build', async () => {
    await using bench = await createBench({
      config: shopConfig((config) => {
        config.services['mailer'] = { artifact: { of: 'carts' }, run: { command: 'mail' } }
      }),
    })
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(builds(bench.builder.work).sort(), ['build carts', 'build products'])
    const running = bench.target('stage').running()
    assert.equal(running['mailer'], running['carts'])
  })

  test('what was built before a fault stays built: the next run takes it', async () => {
    await using bench = await createBench()
    bench.engine.concurrency = 1
    bench.builder.onBuild = (request) => {
      if (request.service === 'products') throw new Error('the machine is on fire')
    }
    await assert.rejects(bench.deliver('main'), /on fire/)
    bench.builder.onBuild = () => {}
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    assert.deepEqual(builds(bench.builder.work), ['build carts', 'build products'])
  })
})
