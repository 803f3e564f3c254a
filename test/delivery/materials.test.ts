/** What a delivery says about the packages of others in its artifacts. */
import assert from 'node:assert/strict'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Bench } from '../fixtures/world.ts'
import { createBench, firstFiles, outcomes, shopConfig } from '../fixtures/world.ts'

const signal = new AbortController().signal
const lock = JSON.stringify({ lockfileVersion: 3, packages: { 'node_modules/left': { version: '1.0.0' } } })

async function materialsOf(bench: Bench, service: string): Promise<string[] | null> {
  const { artifacts } = bench.engine.world
  const artifact = (await bench.state('stage')).running?.services[service]?.artifact ?? assert.fail(service)
  const found = (await artifacts.referrers(artifact, signal)).find(
    ({ artifactType }) => artifactType === 'application/vnd.cyclonedx+json',
  )
  if (found === undefined) return null
  const { layers } = await artifacts.manifest(found.digest, signal)
  const text = await buffer(await artifacts.blob(layers[0] ?? assert.fail('a layer'), signal))
  const { components } = JSON.parse(text.toString('utf8')) as { components: Array<{ purl: string }> }
  return components.map(({ purl }) => purl)
}

test('an artifact built with lockfiles carries a bill of materials, and one without has none', async () => {
  await using bench = await createBench({
    files: { ...firstFiles, 'carts/package-lock.json': lock } as Record<string, string>,
  })
  assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  assert.deepEqual(await materialsOf(bench, 'carts'), ['pkg:npm/left@1.0.0'])
  assert.equal(await materialsOf(bench, 'products'), null)
})

test('lockfiles that `prepare` installs from count, and one that cannot be read stops nothing', async () => {
  const config = shopConfig((shop) => {
    shop['prepare'] = { run: 'true', inputs: ['package-lock.json'] }
  })
  const files = { ...firstFiles, 'package-lock.json': lock, 'carts/Cargo.lock': '<<<' } as Record<string, string>
  await using bench = await createBench({ config, files })
  assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
  assert.deepEqual(await materialsOf(bench, 'products'), ['pkg:npm/left@1.0.0'])
  const notes = bench.progress.flatMap((event) => (event.kind === 'note' ? event.message : []))
  assert.ok(notes.includes('the bill of materials of carts is without carts/Cargo.lock'), notes.join('\n'))
})
