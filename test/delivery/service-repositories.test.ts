/** One repository for each service, in a real registry: what is built, shared, named and pruned where. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createServiceRepositories } from '../../src/artifacts/oci-registry/index.ts'
import { prune } from '../../src/delivery/by-hand/prune.ts'
import type { Digest } from '../../src/model/index.ts'
import { createBench, outcomes, shopConfig } from '../fixtures/world.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'

const { signal } = new AbortController()

describe('a repository for each service', { skip: registryMissing() }, () => {
  let registry: RegistryPart
  before(async () => {
    registry = await startRegistry()
  })
  after(() => registry?.stop())

  async function openBench(project: string) {
    const config = shopConfig((shop) => {
      shop.services['worker'] = { ...shop.services['carts'], build: undefined, artifact: { of: 'carts' } }
    })
    const bench = await createBench({ config: JSON.parse(JSON.stringify(config)) })
    const repository = `${registry.host}/${project}/{service}`
    const services = ['carts', 'products', 'worker']
    bench.engine.world.artifacts = createServiceRepositories({ repository, insecure: true, environment: {}, services })
    return bench
  }

  const tagsOf = async (repository: string): Promise<string[]> => {
    const answered = await fetch(`http://${registry.host}/v2/${repository}/tags/list`)
    const { tags } = (await answered.json()) as { tags?: string[] | null }
    return (tags ?? []).filter((tag) => !tag.startsWith('sha256-')).sort()
  }

  test('has what its service runs, named as people name it, also where another service built it', async () => {
    await using bench = await openBench('named')
    assert.deepEqual(outcomes(await bench.deliver('main')), { stage: 'succeeded' })
    const { artifacts } = bench.engine.world
    const running = (await bench.state('stage')).running?.services ?? {}
    const commit = await bench.clone.head()
    for (const name of ['carts', 'products', 'worker']) {
      const digest = running[name]?.artifact ?? assert.fail(name)
      assert.equal(await artifacts.forService(name).has(digest, signal), true, name)
      assert.equal(artifacts.imageReference(digest, name), `${registry.host}/named/${name}@${digest}`)
      assert.deepEqual(await tagsOf(`named/${name}`), [commit.slice(0, 7)])
    }
    assert.equal(running['worker']?.artifact, running['carts']?.artifact)
    const carts = running['carts']?.artifact ?? assert.fail('carts')
    assert.equal(await artifacts.forService('products').has(carts, signal), false)

    await bench.tag('v1.0.0')
    assert.deepEqual(outcomes(await bench.deliver('refs/tags/v1.0.0')), { prod: 'succeeded' })
    assert.ok((await tagsOf('named/worker')).includes('v1.0.0'))
  })

  test('is looked through for what is known by its digest alone', async () => {
    await using bench = await openBench('found')
    await bench.deliver('main')
    const services = ['carts', 'products', 'worker']
    const repository = `${registry.host}/found/{service}`
    const store = createServiceRepositories({ repository, insecure: true, environment: {}, services })
    const digest = (await bench.state('stage')).running?.services['products']?.artifact ?? assert.fail('products')
    const { layers } = await store.manifest(digest, signal)
    const chunks: Buffer[] = []
    for await (const chunk of await store.blob(layers[0] ?? assert.fail('a layer'), signal)) chunks.push(chunk)
    assert.equal(Buffer.concat(chunks).length, layers[0]?.size)
    assert.ok((await store.referrers(digest, signal)).length > 0)
    const nowhere = `sha256:${'0'.repeat(64)}` as Digest
    assert.equal(await store.has(nowhere, signal), false)
    await assert.rejects(store.manifest(nowhere, signal), { code: 'ARTIFACT_MISSING' })
  })

  test('is pruned of what nothing needs, wherever it is', async () => {
    await using bench = await openBench('pruned')
    const digests: Digest[] = []
    for (const version of ['one', 'two', 'three']) {
      await bench.push('main', { 'carts/main.txt': version })
      await bench.deliver('main')
      digests.push((await bench.state('stage')).running?.services['carts']?.artifact ?? assert.fail('carts'))
    }
    bench.clock.skip(2 * 24 * 60 * 60_000)
    await prune(bench.engine, await bench.scene(), { keep: 1, dryRun: false, signal })
    const { artifacts } = bench.engine.world
    for (const name of ['carts', 'worker']) {
      const held = await Promise.all(digests.map((digest) => artifacts.forService(name).has(digest, signal)))
      assert.deepEqual(held, [false, true, true], name)
    }
  })
})
