import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { chmod, cp, mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import { artifactStoreContract } from './artifact-store.contract.ts'
import { bundleOf, temporaryDirectory } from './build-directory.ts'

const run = promisify(execFile)
const inTime = () => AbortSignal.timeout(60_000)
const putter = join(import.meta.dirname, 'put-many.ts')
const isRoot = process.getuid?.() === 0

artifactStoreContract('an OCI layout on disk', {
  skip: false,
  async open(t) {
    const directory = join(await temporaryDirectory(t), 'store')
    return { store: createLayoutStore(directory), again: () => createLayoutStore(directory) }
  },
})

const code = (expected: string) => (error: TrunklineError) => {
  assert.equal(error.code, expected, error.message)
  return true
}

test('the directory is an image layout as the specification describes it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await store.tag(artifact.digest, ['v1'], inTime())

  assert.deepEqual(JSON.parse(await readFile(join(directory, 'oci-layout'), 'utf8')), { imageLayoutVersion: '1.0.0' })
  const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
  assert.equal(index.schemaVersion, 2)
  assert.deepEqual(index.manifests, [
    {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: artifact.digest,
      size: artifact.manifest.length,
      artifactType: 'application/vnd.trunkline.bundle.v1',
      annotations: { 'org.opencontainers.image.ref.name': 'v1' },
    },
  ])
  assert.equal(store.imageReference(artifact.digest, 'carts'), null, 'nothing can be pulled from a folder')
  const blobs = await readdir(join(directory, 'blobs', 'sha256'))
  const expected = [artifact.digest, ...artifact.blobs.map(({ digest }) => digest)]
  assert.deepEqual(blobs.sort(), expected.map((digest) => digest.slice('sha256:'.length)).sort())
  assert.deepEqual(await readdir(join(directory, '.trunkline', 'incoming')), [])
})

test('processes that write at the same time lose nothing of each other', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  await Promise.all(['a', 'b', 'c'].map((name) => run(process.execPath, [putter, directory, name, '8'])))
  const store = createLayoutStore(directory)
  for (const name of ['a', 'b', 'c']) {
    for (let number = 0; number < 8; number++) {
      const digest = await store.resolveTag(`${name}-${number}`, inTime())
      assert.ok(digest, `${name}-${number} is lost`)
      assert.equal(await store.has(digest, inTime()), true)
    }
  }
})

test('a writer that is killed at any moment leaves a store that works and a lock that is free', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = join(root, 'store')
  for (const afterMs of [150, 300, 450]) {
    const env = { ...process.env, TMPDIR: root }
    const child = spawn(process.execPath, [putter, directory, `k${afterMs}`, '10000'], { stdio: 'ignore', env })
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'after the crash')
  await store.put(artifact, inTime())
  await store.tag(artifact.digest, ['alive'], inTime())
  assert.equal(await store.resolveTag('alive', inTime()), artifact.digest)
  const index = JSON.parse(await readFile(join(directory, 'index.json'), 'utf8'))
  for (const { digest } of index.manifests) assert.equal(await store.has(digest, inTime()), true)
})

test('a damaged blob is found when it is read, by its path, and put again repairs it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'precious')
  await store.put(artifact, inTime())
  const layer = (await store.manifest(artifact.digest, inTime())).layers[0]
  assert.ok(layer)
  const path = join(directory, 'blobs', 'sha256', layer.digest.slice('sha256:'.length))
  const bytes = await readFile(path)

  for (const damage of [bytes.with(700, 1), bytes.subarray(0, 512), Buffer.concat([bytes, bytes])]) {
    await writeFile(path, damage)
    const reading = (async () => {
      for await (const _ of await store.blob(layer, inTime()));
    })()
    await assert.rejects(reading, (error: TrunklineError) => {
      assert.equal(error.code, 'ARTIFACT_CORRUPT')
      assert.match(error.message, new RegExp(path))
      return true
    })
    await store.put(artifact, inTime())
    assert.deepEqual(await readFile(path), bytes)
  }
})

test('a damaged manifest is found, counts as absent, and put again repairs it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'precious')
  await store.put(artifact, inTime())
  await writeFile(join(directory, 'blobs', 'sha256', artifact.digest.slice('sha256:'.length)), '{}')
  await assert.rejects(store.manifest(artifact.digest, inTime()), code('ARTIFACT_CORRUPT'))
  assert.equal(await store.has(artifact.digest, inTime()), false)
  await store.put(artifact, inTime())
  assert.equal(await store.has(artifact.digest, inTime()), true)
})

test('packed bytes that changed since are not stored under a digest that is not theirs', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const artifact = await bundleOf(t, 'original')
  for (const { content } of artifact.blobs) if (content.kind === 'file') await writeFile(content.path, 'changed')
  const store = createLayoutStore(directory)
  await assert.rejects(store.put(artifact, inTime()), code('ARTIFACT_CHANGED'))
  assert.equal(await store.has(artifact.digest, inTime()), false)
})

test('an index.json that is damaged is named, and artifacts are found without it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await writeFile(join(directory, 'index.json'), '{"manifests": [')
  await assert.rejects(store.resolveTag('v1', inTime()), code('ARTIFACT_STORE_CORRUPT'))
  assert.equal(await store.has(artifact.digest, inTime()), true)
})

test('what a crashed process left under way is cleared a day later', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const incoming = join(directory, '.trunkline', 'incoming')
  await mkdir(incoming, { recursive: true })
  await writeFile(join(incoming, 'old'), 'half a blob')
  await writeFile(join(incoming, 'new'), 'another half')
  await run('touch', ['-d', '2 days ago', join(incoming, 'old')])
  await createLayoutStore(directory).put(await bundleOf(t, 'x'), inTime())
  assert.deepEqual(await readdir(incoming), ['new'])
})

test('a full disk is said to be one, and leaves no half of anything', {
  skip: !isRoot && 'needs root for a tmpfs',
}, async (t) => {
  const small = join(await temporaryDirectory(t), 'small')
  await mkdir(small)
  await run('mount', ['-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', small])
  try {
    const store = createLayoutStore(join(small, 'store'))
    const fits = await bundleOf(t, 'small')
    const artifact = await bundleOf(t, new Uint8Array(2_000_000))
    await store.put(fits, inTime())
    await assert.rejects(store.put(artifact, inTime()), code('ARTIFACT_STORE_FULL'))
    assert.deepEqual(await readdir(join(small, 'store', '.trunkline', 'incoming')), [])
    assert.equal(await store.has(artifact.digest, inTime()), false)
    assert.equal(await store.has(fits.digest, inTime()), true)
  } finally {
    await run('umount', [small])
  }
})

test('a directory without the right to write is an error that names it', {
  skip: !isRoot && 'needs root to become another user',
}, async (t) => {
  const root = await temporaryDirectory(t)
  await chmod(root, 0o755)
  const directory = join(root, 'store')
  await createLayoutStore(directory).put(await bundleOf(t, 'x'), inTime())
  assert.equal((await stat(directory)).uid, 0)
  const nobody = { uid: 65534, gid: 65534, env: { TMPDIR: '/tmp' } }
  const attempt = run(process.execPath, [putter, directory, 'n', '1'], nobody)
  await assert.rejects(attempt, ({ stderr }: { stderr: string }) => {
    assert.match(stderr, /ARTIFACT_STORE_DENIED/)
    assert.match(stderr, new RegExp(directory))
    return true
  })
})

test('a copy of the directory is the same store', async (t) => {
  const root = await temporaryDirectory(t)
  const artifact = await bundleOf(t, 'x')
  const store = createLayoutStore(join(root, 'store'))
  await store.put(artifact, inTime())
  await store.tag(artifact.digest, ['v1'], inTime())
  await cp(join(root, 'store'), join(root, 'copy'), { recursive: true })
  await rm(join(root, 'store'), { recursive: true })
  assert.equal(await createLayoutStore(join(root, 'copy')).resolveTag('v1', inTime()), artifact.digest)
})

test('removing gives space back, but for what is young: a put may be about to name it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const blobs = join(directory, 'blobs', 'sha256')
  const age = async () => {
    const hoursAgo = new Date(Date.now() - 3 * 60 * 60_000)
    for (const name of await readdir(blobs)) await utimes(join(blobs, name), hoursAgo, hoursAgo)
  }
  const [gone, stays] = [await bundleOf(t, 'x'.repeat(50_000)), await bundleOf(t, 'stays')]
  for (const artifact of [gone, stays]) await store.put(artifact, inTime())
  await age()
  await writeFile(join(blobs, 'a'.repeat(64)), 'young and named by nothing yet')
  const { freedBytes } = await store.remove([gone.digest], [stays.digest], inTime())
  assert.ok(freedBytes !== null && freedBytes > 50_000, String(freedBytes))
  const left = await readdir(blobs)
  assert.ok(left.includes('a'.repeat(64)))
  for (const { digest } of stays.blobs) assert.ok(left.includes(digest.slice('sha256:'.length)))
})

test('what is needed stays although the index lost it', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const store = createLayoutStore(directory)
  const artifact = await bundleOf(t, 'needed')
  await store.put(artifact, inTime())
  await rm(join(directory, 'index.json'))
  await store.remove([], [artifact.digest], inTime())
  assert.equal(await store.has(artifact.digest, inTime()), true)
})

test('artifacts that are put while others are removed are whole, or say that they must be put again', async (t) => {
  const directory = join(await temporaryDirectory(t), 'store')
  const artifacts = await Promise.all(Array.from({ length: 4 }, (_, index) => bundleOf(t, `artifact ${index}`)))
  const [a, b] = [createLayoutStore(directory), createLayoutStore(directory)]
  for (let round = 0; round < 25; round++) {
    const puts = artifacts.map((artifact) =>
      a.put(artifact, inTime()).then(
        () => artifact.digest,
        (error: TrunklineError) => code('ARTIFACT_SWEPT')(error) && null,
      ),
    )
    await Promise.all([...puts, b.remove([artifacts[round % 4]?.digest ?? assert.fail()], [], inTime())])
  }
  for (const artifact of artifacts) {
    await a.put(artifact, inTime())
    assert.equal(await b.has(artifact.digest, inTime()), true)
  }
})
