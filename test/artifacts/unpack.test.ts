import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { type Header, pack as tarPack } from 'tar-stream'
import { digestOfBytes } from '../../src/artifacts/digest.ts'
import { artifactManifest, isIndex } from '../../src/artifacts/manifest.ts'
import { artifactTypes, mediaTypes } from '../../src/artifacts/media-types.ts'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { parseDocument } from '../../src/artifacts/oci-schema.ts'
import { packBundle, packZip } from '../../src/artifacts/packing/index.ts'
import { type ArtifactSource, unpackArtifact } from '../../src/artifacts/unpack.ts'
import { createExtraction } from '../../src/artifacts/unpacking/extraction.ts'
import { type Digest, short, type TrunklineError } from '../../src/model/index.ts'
import { bundleOf, contentOf, layDown, temporaryDirectory } from './build-directory.ts'
import { fileTrees } from './file-trees.ts'

const run = promisify(execFile)
const inTime = () => AbortSignal.timeout(60_000)

const code = (expected: string) => (error: TrunklineError) => {
  assert.equal(error.code, expected, error.message)
  return true
}

/** A source of one artifact with the given layer: for content that no store of ours would have packed. */
function sourceOf(
  layer: Uint8Array,
  layerType: string = mediaTypes.tarLayer,
): { source: ArtifactSource; digest: Digest } {
  const descriptor = { mediaType: layerType, digest: digestOfBytes(layer), size: layer.length }
  const { bytes, digest } = artifactManifest(artifactTypes.bundle, descriptor)
  return {
    digest,
    source: {
      location: 'a test',
      async manifest() {
        const document = parseDocument(bytes)
        assert.ok(!isIndex(document))
        return document
      },
      blob: async () => Readable.from([layer], { objectMode: false }),
    },
  }
}

type Entry = Partial<Header> & { name: string; content?: string }

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = tarPack()
  for (const { content = '', ...header } of entries) archive.entry(header, content)
  archive.finalize()
  const chunks: Uint8Array[] = []
  for await (const chunk of archive) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks)
}

/** Unpacks hostile content into a folder whose parent would show what got out. */
async function unpackHostile(t: TestContext, layer: Uint8Array, layerType?: string): Promise<TrunklineError | null> {
  const root = await temporaryDirectory(t)
  const { source, digest } = sourceOf(layer, layerType)
  const outcome = await unpackArtifact(source, digest, join(root, 'parent', 'out'), inTime()).then(
    () => null,
    (error: TrunklineError) => error,
  )
  assert.deepEqual(await readdir(root), ['parent'], 'nothing was written beside the folder')
  if (outcome !== null) assert.deepEqual(await readdir(join(root, 'parent')), [], 'nothing is left of it')
  return outcome
}

for (const [name, pack] of [
  ['bundle', packBundle],
  ['zip', packZip],
] as const) {
  test(`unpacking a ${name} gives back the files that were packed`, async () => {
    await fc.assert(
      fc.asyncProperty(fileTrees, async (files) => {
        const root = await mkdtemp(join(tmpdir(), 'trunkline-unpack-'))
        try {
          const directory = await layDown(join(root, 'build'), files)
          const request = { directory, include: ['**'], exclude: [], scratchDirectory: join(root, 'scratch') }
          const artifact = await pack(request)
          const store = createLayoutStore(join(root, 'store'))
          await store.put(artifact, inTime())
          await unpackArtifact(store, artifact.digest, join(root, 'out'), inTime())
          assert.deepEqual(await contentOf(join(root, 'out')), await contentOf(directory))
        } finally {
          await rm(root, { recursive: true, force: true })
        }
      }),
      { numRuns: 25 },
    )
  })
}

const hostile: Record<string, Entry[]> = {
  'a path that climbs out': [{ name: '../evil' }],
  'a path that climbs out later': [{ name: 'a/../../evil' }],
  'an absolute path': [{ name: '/tmp/evil' }],
  'an empty segment': [{ name: 'a//b' }],
  'a dot segment': [{ name: './a' }],
  'a link to an absolute path': [{ name: 'a', type: 'symlink', linkname: '/etc' }],
  'a link that climbs out': [{ name: 'a/b', type: 'symlink', linkname: '../../evil' }],
  'a link that climbs out through another link': [
    { name: 'a/b/s', type: 'symlink', linkname: '../..' },
    { name: 'a/b/l', type: 'symlink', linkname: 's/../..' },
  ],
  'a file through a link': [{ name: 'a', type: 'symlink', linkname: 'b' }, { name: 'a/evil' }],
  'a file in place of a link': [{ name: 'a', type: 'symlink', linkname: 'b' }, { name: 'a' }],
  'a link in place of a folder': [{ name: 'a/b' }, { name: 'a', type: 'symlink', linkname: 'b' }],
  'the same file twice': [{ name: 'a' }, { name: 'a' }],
  'a file under a file': [{ name: 'a' }, { name: 'a/b' }],
  'a hard link': [{ name: 'a' }, { name: 'b', type: 'link', linkname: 'a' }],
  'a device': [{ name: 'a', type: 'character-device', devmajor: 1, devminor: 3 }],
  'a pipe': [{ name: 'a', type: 'fifo' }],
}

for (const [name, entries] of Object.entries(hostile)) {
  test(`${name} in an artifact is refused`, async (t) => {
    const error = await unpackHostile(t, await tarOf([{ name: 'fine', content: 'x' }, ...entries]))
    assert.equal(error?.code, 'ARTIFACT_UNSAFE', error?.message ?? 'it was unpacked')
    assert.equal(error?.kind, 'refused')
  })
}

test('more entries or bytes than an artifact may hold are refused before they are written', async (t) => {
  const root = await temporaryDirectory(t)
  async function* content() {
    for (let written = 0; written < 100; written++) yield new Uint8Array(100)
  }
  const bytes = createExtraction(root, { entries: 10, totalBytes: 1000, pathBytes: 100 })
  await assert.rejects(bytes.file('large', content(), { executable: false }), code('ARTIFACT_TOO_LARGE'))
  const entries = createExtraction(await temporaryDirectory(t), { entries: 3, totalBytes: 1000, pathBytes: 100 })
  await entries.folder('a/b')
  entries.link('c', 'a')
  await assert.rejects(async () => entries.link('d', 'a'), code('ARTIFACT_TOO_LARGE'))
  await assert.rejects(entries.folder('x'.repeat(101)), code('ARTIFACT_UNSAFE'))
})

test('what is no archive, or cut off, is a verdict on the artifact', async (t) => {
  const whole = await tarOf([{ name: 'a', content: 'x'.repeat(2000) }])
  for (const layer of [Buffer.alloc(4096, 7), whole.subarray(0, 1024)]) {
    const error = await unpackHostile(t, layer)
    assert.equal(error?.code, 'ARTIFACT_MALFORMED', error?.message)
    assert.equal(error?.kind, 'failed')
  }
  assert.equal((await unpackHostile(t, Buffer.from('hello'), mediaTypes.zipLayer))?.code, 'ARTIFACT_MALFORMED')
  assert.equal((await unpackHostile(t, whole, 'text/plain'))?.code, 'ARTIFACT_MALFORMED')
})

test('a zip whose bytes were tampered with is never half unpacked', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'a/b.txt': 'hello', 'c.txt': 'world', l: { link: 'c.txt' } })
  const packed = await packZip({ directory, include: ['**'], exclude: [], scratchDirectory: join(root, 'scratch') })
  const content = packed.blobs[1]?.content
  assert.ok(content?.kind === 'file')
  const zip = await readFile(content.path)
  assert.equal(await unpackHostile(t, zip, mediaTypes.zipLayer), null)
  let refused = 0
  for (let at = 0; at < zip.length; at++) {
    // Dates, versions and flags carry no meaning here; any other change must be noticed.
    const error = await unpackHostile(t, zip.with(at, (zip[at] ?? 0) ^ 0x55), mediaTypes.zipLayer)
    if (error === null) continue
    assert.match(error.code, /^ARTIFACT_(?:MALFORMED|UNSAFE)$/, `${error.message} at ${at}`)
    refused++
  }
  assert.ok(refused > zip.length / 2)
})

test('bytes that are not the digest’s are found before anything appears', async (t) => {
  const root = await temporaryDirectory(t)
  const store = createLayoutStore(join(root, 'store'))
  const artifact = await bundleOf(t, 'original')
  await store.put(artifact, inTime())
  const layer = artifact.blobs[1]
  assert.ok(layer)
  const path = join(root, 'store', 'blobs', 'sha256', layer.digest.slice(7))
  const sound = await readFile(path)
  // A file's byte, and a whole archive that is none: what the bytes are is asked before what they mean.
  for (const damaged of [sound.with(520, 0x41), Buffer.alloc(sound.length, 'x')]) {
    await writeFile(path, damaged)
    await assert.rejects(unpackArtifact(store, artifact.digest, join(root, 'out'), inTime()), code('ARTIFACT_CORRUPT'))
    assert.deepEqual(await readdir(root), ['store'])
  }
})

test('unpacking twice, or at once, gives one whole directory', async (t) => {
  const root = await temporaryDirectory(t)
  const store = createLayoutStore(join(root, 'store'))
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  const out = join(root, `carts-${short(artifact.digest)}`)
  await Promise.all(Array.from({ length: 5 }, () => unpackArtifact(store, artifact.digest, out, inTime())))
  const before = await contentOf(out)
  await rm(join(root, 'store'), { recursive: true })
  await unpackArtifact(store, artifact.digest, out, inTime())
  assert.deepEqual(await contentOf(out), before)
  assert.deepEqual(await readdir(root), [out.slice(root.length + 1)])
})

test('an empty directory is filled; one that holds something else is left alone', async (t) => {
  const root = await temporaryDirectory(t)
  const store = createLayoutStore(join(root, 'store'))
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await mkdir(join(root, 'empty'))
  await unpackArtifact(store, artifact.digest, join(root, 'empty'), inTime())
  assert.equal(Object.keys(await contentOf(join(root, 'empty'))).length, 2)

  await layDown(join(root, 'taken'), { mine: 'mine' })
  const attempt = unpackArtifact(store, artifact.digest, join(root, 'taken'), inTime())
  await assert.rejects(attempt, code('UNPACK_DIRECTORY_TAKEN'))
  assert.deepEqual(await readdir(join(root, 'taken')), ['mine'])
})

test('what a crashed process left half unpacked is cleared an hour later', async (t) => {
  const root = await temporaryDirectory(t)
  const store = createLayoutStore(join(root, 'store'))
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await layDown(root, { 'out.unpacking-aaaa/content/half': '', 'out.unpacking-bbbb/content/half': '' })
  await run('touch', ['-d', '2 hours ago', join(root, 'out.unpacking-aaaa')])
  await unpackArtifact(store, artifact.digest, join(root, 'out'), inTime())
  assert.deepEqual((await readdir(root)).sort(), ['out', 'out.unpacking-bbbb', 'store'])
})

test('an abort in the middle leaves nothing', async (t) => {
  const root = await temporaryDirectory(t)
  const { source, digest } = sourceOf(await tarOf([{ name: 'a', content: 'x'.repeat(100_000) }]))
  const abort = new AbortController()
  const slow: ArtifactSource = {
    ...source,
    async blob(descriptor, signal) {
      const whole = await source.blob(descriptor, signal)
      return Readable.from(
        (async function* () {
          for await (const chunk of whole) {
            yield chunk.subarray(0, 2000)
            abort.abort()
            await new Promise((resolve) => setTimeout(resolve, 20))
            yield chunk.subarray(2000)
          }
        })(),
        { objectMode: false },
      )
    },
  }
  await assert.rejects(unpackArtifact(slow, digest, join(root, 'out'), abort.signal), code('CANCELLED'))
  assert.deepEqual(await readdir(root), [])
})

test('a link in place of the directory is not followed out', async (t) => {
  const root = await temporaryDirectory(t)
  const { source, digest } = sourceOf(await tarOf([{ name: 'a', content: 'x' }]))
  await layDown(join(root, 'elsewhere'), { mine: 'mine' })
  await symlink('elsewhere', join(root, 'out'))
  await assert.rejects(unpackArtifact(source, digest, join(root, 'out'), inTime()), code('UNPACK_DIRECTORY_TAKEN'))
  assert.deepEqual(await readdir(join(root, 'elsewhere')), ['mine'])
})
