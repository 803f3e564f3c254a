/** What every artifact store promises. Each adapter's test file runs this against the real thing. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { digestOfBytes } from '../../src/artifacts/digest.ts'
import { packIndex } from '../../src/artifacts/image/image-index.ts'
import { unpackArtifact } from '../../src/artifacts/unpack.ts'
import type { Digest, TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, PackedArtifact, Referrer } from '../../src/ports/index.ts'
import { bundleOf, contentOf, temporaryDirectory } from './build-directory.ts'

export type StoreUnderTest = {
  skip: string | false
  /** A store with nothing in it; opening it again with `again` reads the same place, as another process would. */
  open(test: TestContext): Promise<{ store: ArtifactStore; again(): ArtifactStore }>
}

const missing = digestOfBytes(Buffer.from('nobody stored this'))
const inTime = () => AbortSignal.timeout(60_000)

const provenance = (text: string): Referrer => ({
  artifactType: 'application/vnd.in-toto+json',
  mediaType: 'application/vnd.in-toto+json',
  bytes: Buffer.from(text),
  annotations: { 'example.org/about': 'this' },
})

const withCode =
  (code: string, kind = 'errored') =>
  (error: TrunklineError) => {
    assert.equal(error.code, code, error.message)
    assert.equal(error.kind, kind)
    return true
  }

async function read(store: ArtifactStore, artifact: PackedArtifact): Promise<Buffer> {
  const { layers } = await store.manifest(artifact.digest, inTime())
  const [layer] = layers
  assert.ok(layer)
  const chunks: Buffer[] = []
  for await (const chunk of await store.blob(layer, inTime())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function artifactStoreContract(name: string, { skip, open }: StoreUnderTest): void {
  describe(`${name} as an artifact store`, { skip }, () => {
    test('holds what was put, and gives back the same bytes to anyone who opens it', async (t) => {
      const { store, again } = await open(t)
      const artifact = await bundleOf(t, randomBytes(3_000_000))
      assert.equal(await store.has(artifact.digest, inTime()), false)
      await store.put(artifact, inTime())
      assert.equal(await store.has(artifact.digest, inTime()), true)

      const other = again()
      assert.equal(await other.has(artifact.digest, inTime()), true)
      const manifest = await other.manifest(artifact.digest, inTime())
      assert.equal(manifest.artifactType, 'application/vnd.trunkline.bundle.v1')
      assert.equal(digestOfBytes(await read(other, artifact)), artifact.blobs[1]?.digest)
    })

    test('needs the packed files no longer once they are put', async (t) => {
      const { store } = await open(t)
      const artifact = await bundleOf(t, 'console.log(1)')
      await store.put(artifact, inTime())
      for (const { content } of artifact.blobs) if (content.kind === 'file') await rm(content.path)

      const directory = join(await temporaryDirectory(t), 'unpacked')
      await unpackArtifact(store, artifact.digest, directory, inTime())
      assert.deepEqual(Object.keys(await contentOf(directory)).sort(), ['dist/main.js', 'package.json'])
      await store.put(artifact, inTime()).catch(() => assert.fail('a second put must find everything there'))
    })

    test('stands any number of puts of one artifact at once', async (t) => {
      const { store, again } = await open(t)
      const artifact = await bundleOf(t, randomBytes(500_000))
      const stores = [store, store, again(), again(), again()]
      await Promise.all(stores.map((each) => each.put(artifact, inTime())))
      assert.equal(digestOfBytes(await read(store, artifact)), artifact.blobs[1]?.digest)
    })

    test('keeps all of many different artifacts that are put and tagged at once', async (t) => {
      const { store, again } = await open(t)
      const artifacts = await Promise.all(Array.from({ length: 6 }, (_, index) => bundleOf(t, `artifact ${index}`)))
      await Promise.all(
        artifacts.map(async (artifact, index) => {
          const each = index % 2 === 0 ? store : again()
          await each.put(artifact, inTime())
          await each.tag(artifact.digest, [`tag-${index}`], inTime())
        }),
      )
      for (const [index, artifact] of artifacts.entries()) {
        assert.equal(await store.resolveTag(`tag-${index}`, inTime()), artifact.digest)
      }
    })

    test('says ARTIFACT_MISSING for what it does not hold', async (t) => {
      const { store } = await open(t)
      const artifact = await bundleOf(t, 'here')
      await store.put(artifact, inTime())
      assert.equal(await store.has(missing, inTime()), false)
      await assert.rejects(store.manifest(missing, inTime()), withCode('ARTIFACT_MISSING'))
      const blob = { mediaType: 'application/octet-stream', digest: missing, size: 3 }
      await assert.rejects(store.blob(blob, inTime()), withCode('ARTIFACT_MISSING'))
      await assert.rejects(store.tag(missing, ['v1'], inTime()), withCode('ARTIFACT_MISSING'))
      await assert.rejects(store.attach(missing, provenance('{}'), inTime()), withCode('ARTIFACT_MISSING'))
    })

    test('is empty before the first put, not broken', async (t) => {
      const { store } = await open(t)
      assert.equal(await store.has(missing, inTime()), false)
      assert.equal(await store.resolveTag('v1', inTime()), null)
      assert.deepEqual(await store.referrers(missing, inTime()), [])
    })

    test('names artifacts by tags, moves a tag, and keeps git tags with a slash apart', async (t) => {
      const { store, again } = await open(t)
      const [first, second] = [await bundleOf(t, 'first'), await bundleOf(t, 'second')]
      for (const artifact of [first, second]) await store.put(artifact, inTime())
      await store.tag(first.digest, ['v1.0.0', 'release/1.0'], inTime())
      await store.tag(second.digest, ['release-1.0'], inTime())
      assert.equal(await again().resolveTag('v1.0.0', inTime()), first.digest)
      assert.equal(await again().resolveTag('release/1.0', inTime()), first.digest)
      assert.equal(await again().resolveTag('release-1.0', inTime()), second.digest)

      await store.tag(second.digest, ['v1.0.0'], inTime())
      await store.tag(second.digest, ['v1.0.0'], inTime())
      assert.equal(await again().resolveTag('v1.0.0', inTime()), second.digest)
      assert.equal(await store.has(first.digest, inTime()), true)
      assert.equal(await store.resolveTag('v2', inTime()), null)
    })

    test('attaches documents to an artifact and lists them, each once', async (t) => {
      const { store, again } = await open(t)
      const artifact = await bundleOf(t, 'subject')
      await store.put(artifact, inTime())
      const first = await store.attach(artifact.digest, provenance('{"run":1}'), inTime())
      assert.equal(await store.attach(artifact.digest, provenance('{"run":1}'), inTime()), first)
      const second = await again().attach(artifact.digest, provenance('{"run":2}'), inTime())

      const listed = await again().referrers(artifact.digest, inTime())
      assert.deepEqual(listed.map(({ digest }) => digest).sort(), [first, second].sort())
      assert.equal(listed[0]?.artifactType, 'application/vnd.in-toto+json')
      assert.deepEqual(listed[0]?.annotations, { 'example.org/about': 'this' })

      const manifest = await store.manifest(first, inTime())
      assert.equal(manifest.subject?.digest, artifact.digest)
      const chunks: Buffer[] = []
      const [layer] = manifest.layers
      assert.ok(layer)
      for await (const chunk of await store.blob(layer, inTime())) chunks.push(chunk)
      assert.equal(Buffer.concat(chunks).toString(), '{"run":1}')
    })

    test('loses no document of several that are attached at once', async (t) => {
      const { store } = await open(t)
      const artifact = await bundleOf(t, 'subject')
      await store.put(artifact, inTime())
      const attached = await Promise.all(
        Array.from({ length: 5 }, (_, index) =>
          store.attach(artifact.digest, provenance(`{"builder":${index}}`), inTime()),
        ),
      )
      const listed = await store.referrers(artifact.digest, inTime())
      assert.deepEqual(listed.map(({ digest }) => digest).sort(), (attached as Digest[]).sort())
    })

    test('removes artifacts with their tags and documents, and nothing that others need', async (t) => {
      const { store, again } = await open(t)
      const [gone, stays] = [await bundleOf(t, randomBytes(2000)), await bundleOf(t, randomBytes(2000))]
      for (const artifact of [gone, stays]) {
        await store.put(artifact, inTime())
        await store.attach(artifact.digest, provenance('{}'), inTime())
      }
      await store.tag(gone.digest, ['v1'], inTime())
      await store.tag(stays.digest, ['v2'], inTime())

      const { removed } = await again().remove([gone.digest, missing], [stays.digest], inTime())
      assert.deepEqual(removed, [gone.digest])
      assert.equal(await store.has(gone.digest, inTime()), false)
      assert.equal(await store.resolveTag('v1', inTime()), null)
      assert.deepEqual(await store.referrers(gone.digest, inTime()), [])

      assert.equal(await store.resolveTag('v2', inTime()), stays.digest)
      assert.equal((await store.referrers(stays.digest, inTime())).length, 1)
      assert.equal(digestOfBytes(await read(store, stays)), stays.blobs[1]?.digest)
      await store.put(gone, inTime())
      assert.equal(await store.has(gone.digest, inTime()), true, 'what was removed may come again')
    })

    test('removes an index with the manifests that no other has', async (t) => {
      const { store } = await open(t)
      const [one, two, three] = await Promise.all(['1', '2', '3'].map((text) => bundleOf(t, text)))
      assert.ok(one && two && three)
      const platform = (architecture: string) => ({ os: 'linux', architecture })
      const index = (first: PackedArtifact, second: PackedArtifact) =>
        packIndex([
          { platform: platform('amd64'), image: first },
          { platform: platform('arm64'), image: second },
        ])
      const [gone, stays] = [index(one, two), index(one, three)]
      for (const each of [gone, stays]) await store.put(each, inTime())
      await store.remove([gone.digest], [stays.digest], inTime())
      assert.equal(await store.has(gone.digest, inTime()), false)
      assert.equal(await store.has(stays.digest, inTime()), true)
      assert.equal(digestOfBytes(await read(store, one)), one.blobs[1]?.digest)
    })

    test('does nothing under a signal that is aborted', async (t) => {
      const { store } = await open(t)
      const artifact = await bundleOf(t, 'late')
      const aborted = AbortSignal.abort()
      await assert.rejects(store.put(artifact, aborted), withCode('CANCELLED', 'cancelled'))
      await assert.rejects(store.has(artifact.digest, aborted), withCode('CANCELLED', 'cancelled'))
      assert.equal(await store.has(artifact.digest, inTime()), false)
    })

    test('says where it is', async (t) => {
      const { store } = await open(t)
      assert.match(store.location, /^(?:oci-layout|oci-registry|s3) at /)
    })
  })
}
