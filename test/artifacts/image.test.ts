/** Images without a daemon: deterministic, on scratch or on a base in a real registry, in a layout or a registry. */
import assert from 'node:assert/strict'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { readBaseImage } from '../../src/artifacts/image/base-image.ts'
import { parseBaseReference } from '../../src/artifacts/image/base-reference.ts'
import { packIndex } from '../../src/artifacts/image/image-index.ts'
import { formatPlatform, parsePlatform } from '../../src/artifacts/image/platform.ts'
import { isIndex } from '../../src/artifacts/manifest.ts'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { packImage } from '../../src/artifacts/packing/index.ts'
import { packArtifact } from '../../src/building/pack-artifact.ts'
import type { ImageRecipe, TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, PackedArtifact } from '../../src/ports/index.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { layDown, temporaryDirectory } from './build-directory.ts'

const signal = new AbortController().signal
const amd64 = { os: 'linux', architecture: 'amd64' }
const recipe: ImageRecipe = {
  kind: 'image',
  from: '',
  include: ['**'],
  exclude: [],
  base: null,
  to: '/app',
  entrypoint: ['/usr/bin/node', 'main.js'],
  command: [],
  workdir: '/app',
  user: '1000:1000',
  env: { PORT: '8080' },
  labels: {},
}
const files = { 'main.js': 'console.log("carts")\n', 'bin/serve': { executable: '#!/bin/sh\n' } }

test('the same files give the same image, and its parts name each other rightly', async (t) => {
  const root = await temporaryDirectory(t)
  const pack = async (place: string) => {
    const directory = await layDown(join(root, place), files)
    const scratchDirectory = join(root, `${place}-scratch`)
    return packImage({
      directory,
      ...recipe,
      scratchDirectory,
      recipe,
      grounds: [{ platform: amd64, base: null }],
      signal,
    })
  }
  const [one, two] = [await pack('one'), await pack('two')]
  assert.equal(one.digest, two.digest)
  const store = createLayoutStore(join(root, 'layout'))
  await store.put(one, signal)
  const { layers, config } = await contentOf(store, one)
  assert.deepEqual(config, {
    architecture: 'amd64',
    config: { Entrypoint: ['/usr/bin/node', 'main.js'], Env: ['PORT=8080'], User: '1000:1000', WorkingDir: '/app' },
    created: '1970-01-01T00:00:00Z',
    history: [{ created: '1970-01-01T00:00:00Z', created_by: 'trunkline' }],
    os: 'linux',
    rootfs: { diff_ids: [layers[0]?.digest], type: 'layers' },
  })
  const tar = await buffer(await store.blob(layers[0] ?? assert.fail('a layer'), signal))
  assert.match(tar.toString('latin1'), /^app\/bin\/serve\0/)
})

test('an image on a base in a registry brings the layers of the base along', { skip: registryMissing() }, async (t) => {
  const registry = await startRegistry()
  t.after(() => registry.stop())
  const root = await temporaryDirectory(t)
  const storeOf = (name: string) =>
    createRegistryStore({ repository: `${registry.host}/${name}`, insecure: true, environment: {} })
  const packOn = async (name: string, content: Parameters<typeof layDown>[1], on: string | null) => {
    const directory = await layDown(join(root, name), content)
    const scratchDirectory = join(root, `${name}-scratch`)
    await mkdir(scratchDirectory, { recursive: true })
    const reference = on === null ? null : parseBaseReference(on)
    const base = reference && (await readBaseImage({ reference, platform: amd64, environment: {}, signal }))
    return packImage({ directory, ...recipe, scratchDirectory, recipe, grounds: [{ platform: amd64, base }], signal })
  }
  const base = await packOn('base', { 'etc/os-release': 'ID=base\n' }, null)
  await storeOf('bases/small').put(base, signal)
  const image = await packOn('carts', files, `${registry.host}/bases/small:1@${base.digest}`)

  const kinds: [string, ArtifactStore][] = [
    ['registry', storeOf('shop')],
    ['layout', createLayoutStore(join(root, 'layout'))],
  ]
  for (const [kind, store] of kinds) {
    await store.put(image, signal)
    const { layers, config } = await contentOf(store, image)
    assert.equal(layers.length, 2, kind)
    assert.deepEqual(
      config.rootfs.diff_ids,
      layers.map(({ digest }) => digest),
    )
    assert.deepEqual(config.config['Env'], ['PORT=8080'])
    const below = await buffer(await store.blob(layers[0] ?? assert.fail('a layer'), signal))
    assert.match(below.toString('latin1'), /^app\/etc\/os-release\0/)
  }
})

describe('an image for several platforms', { skip: registryMissing() }, () => {
  const platforms = ['linux/amd64', 'linux/arm64']
  let registry: RegistryPart
  before(async () => {
    registry = await startRegistry()
  })
  after(() => registry?.stop())

  const storeOf = (name: string) =>
    createRegistryStore({ repository: `${registry.host}/${name}`, insecure: true, environment: {} })

  async function packOn(directory: string, base: string | null, wanted: string[] | undefined) {
    const place = {
      directory,
      scratchDirectory: `${directory}-scratch`,
      platform: 'linux/x64',
      environment: {},
      signal,
    }
    return packArtifact({ ...recipe, base, ...(wanted && { platforms: wanted }) }, place)
  }

  /** A base whose layers differ by platform, as those of real ones do. */
  async function putBase(root: string): Promise<string> {
    const images = []
    for (const name of platforms) {
      const directory = await layDown(join(root, name), { 'etc/machine': name })
      images.push({ platform: parsePlatform(name), image: await packOn(directory, null, [name]) })
    }
    const base = packIndex(images)
    await storeOf('bases/both').put(base, signal)
    return `${registry.host}/bases/both@${base.digest}`
  }

  test('is an index over each platform’s own base, the same every time, and brings no layer that is there', async (t) => {
    const root = await temporaryDirectory(t)
    const base = await putBase(root)
    const directory = await layDown(join(root, 'carts'), files)
    const image = await packOn(directory, base, platforms)
    assert.equal((await packOn(directory, base, platforms)).digest, image.digest)

    let opened = 0
    const blobs = image.blobs.map(({ content, ...blob }) => {
      if (content.kind !== 'stream') return { ...blob, content }
      const open: typeof content.open = (until) => {
        opened += 1
        return content.open(until)
      }
      return { ...blob, content: { ...content, open } }
    })
    const store = storeOf('shop')
    await store.put({ ...image, blobs }, signal)
    assert.equal(opened, 0, 'layers of the base are mounted from its repository')
    assert.equal(await store.has(image.digest, signal), true)

    const index = await store.document(image.digest, signal)
    assert.ok(isIndex(index))
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform && formatPlatform(platform)),
      platforms,
    )
    for (const { digest, platform } of index.manifests) {
      const { layers, config } = await contentOf(store, { digest })
      assert.equal(config.architecture, platform?.architecture)
      const below = await buffer(await store.blob(layers[0] ?? assert.fail('a layer'), signal))
      assert.ok(below.toString('latin1').includes(`linux/${platform?.architecture}`))
    }
    await assert.rejects(store.manifest(image.digest, signal), { code: 'ARTIFACT_IS_INDEX' })
  })

  test('is named by tags and referred to by documents like any other, in a registry and on disk', async (t) => {
    const root = await temporaryDirectory(t)
    const image = await packOn(await layDown(join(root, 'carts'), files), null, platforms)
    for (const store of [storeOf('tagged'), createLayoutStore(join(root, 'layout'))]) {
      await store.put(image, signal)
      await store.tag(image.digest, ['v1'], signal)
      assert.equal(await store.resolveTag('v1', signal), image.digest)
      const note = { artifactType: 'text/note', mediaType: 'text/plain', bytes: Buffer.from('x') }
      const referrer = await store.attach(image.digest, note, signal)
      assert.deepEqual(
        (await store.referrers(image.digest, signal)).map(({ digest }) => digest),
        [referrer],
      )
      const { subject } = await store.manifest(referrer, signal)
      assert.equal(subject?.mediaType, 'application/vnd.oci.image.index.v1+json')
    }
  })

  test('is missing from a layout that lost the manifest of one platform', async (t) => {
    const root = await temporaryDirectory(t)
    const image = await packOn(await layDown(join(root, 'carts'), files), null, platforms)
    const store = createLayoutStore(join(root, 'layout'))
    await store.put(image, signal)
    assert.equal(await store.has(image.digest, signal), true)
    const lost = image.manifests?.[1]?.digest ?? assert.fail('a second manifest')
    await rm(join(root, 'layout/blobs/sha256', lost.slice('sha256:'.length)))
    assert.equal(await store.has(image.digest, signal), false)
  })

  test('needs a base that is made for each of them', async (t) => {
    const root = await temporaryDirectory(t)
    const directory = await layDown(join(root, 'carts'), files)
    const both = await putBase(root)
    await assert.rejects(packOn(directory, both, ['linux/s390x']), (error: TrunklineError) => {
      assert.equal(error.code, 'BASE_PLATFORM')
      assert.equal(error.hint, 'it is made for linux/amd64, linux/arm64')
      return true
    })
    const single = await packOn(directory, null, ['linux/amd64'])
    await storeOf('bases/single').put(single, signal)
    const base = `${registry.host}/bases/single@${single.digest}`
    await assert.rejects(packOn(directory, base, ['linux/amd64', 'linux/arm64']), { code: 'BASE_PLATFORM' })
  })
})

test('a base is named by digest, and what has no host is on Docker Hub', () => {
  const digest = `sha256:${'a'.repeat(64)}`
  const repositories = Object.entries({
    [`node@${digest}`]: 'docker.io/node',
    [`node:24-slim@${digest}`]: 'docker.io/node',
    [`acme/base:1@${digest}`]: 'docker.io/acme/base',
    [`ghcr.io/acme/base@${digest}`]: 'ghcr.io/acme/base',
    [`localhost:5000/base:2@${digest}`]: 'localhost:5000/base',
    [`localhost/base@${digest}`]: 'localhost/base',
  })
  for (const [text, repository] of repositories)
    assert.deepEqual(parseBaseReference(text), { repository, digest }, text)
  for (const text of ['node', 'node:24', `@${digest}`, 'node@sha256:12', ''])
    assert.equal(parseBaseReference(text), null)
})

type Config = { architecture: string; rootfs: { diff_ids: string[] }; config: Record<string, unknown> }

async function contentOf(store: ArtifactStore, { digest }: Pick<PackedArtifact, 'digest'>) {
  const { layers, config } = await store.manifest(digest, signal)
  const bytes = await buffer(await store.blob(config, signal))
  return { layers, config: JSON.parse(bytes.toString('utf8')) as Config }
}
