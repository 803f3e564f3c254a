import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import fc from 'fast-check'
import { type PackRequest, packBundle, packerVersion, packZip } from '../../src/artifacts/packing/index.ts'
import { selectFiles } from '../../src/artifacts/packing/select-files.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import type { PackedArtifact } from '../../src/ports/index.ts'
import { type Content, layDown, temporaryDirectory } from './build-directory.ts'
import { fileTrees } from './file-trees.ts'

const run = promisify(execFile)
const everything = { include: ['**'], exclude: [] }

const code = (expected: string) => (error: TrunklineError) => {
  assert.equal(error.code, expected, error.message)
  assert.equal(error.kind, 'failed')
  assert.ok(error.hint, 'it says what to do')
  return true
}

/** For `skip`: in CI nothing may be missing, and the test fails instead. */
function missing(program: string): string | false {
  const found = (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)))
  return found || process.env['CI'] === 'true' ? false : `${program} is not installed`
}

const layerPath = ({ blobs }: PackedArtifact): string => {
  const layer = blobs[1]
  assert.ok(layer?.content.kind === 'file')
  return layer.content.path
}

async function selectionOf(directory: string, include: string[], exclude: string[] = []): Promise<string[]> {
  return (await selectFiles({ directory, include, exclude })).map(({ path }) => path)
}

const sample: Record<string, Content> = {
  'dist/main.js': 'console.log("carts")\n',
  'dist/bin/serve': { executable: '#!/bin/sh\nexec node main.js\n' },
  'dist/latest.js': { link: 'main.js' },
  'dist/ünïcode/ключ.txt': 'π',
  [`dist/${'deep/'.repeat(30)}${'long'.repeat(40)}.txt`]: 'far down',
  'package.json': '{"name":"carts"}\n',
}

test('the digest of a known tree never changes without a new packer version', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), sample)
  const bundle = await packBundle({ directory, ...everything, scratchDirectory: join(root, 'bundle') })
  const zip = await packZip({ directory, ...everything, scratchDirectory: join(root, 'zip') })
  assert.deepEqual(
    { packerVersion, bundle: bundle.digest, zip: zip.digest },
    {
      packerVersion: 1,
      bundle: 'sha256:10475447dc07927c2d56b1eaf534a6e295dd063744860f176e31bbe65c1b20ac',
      zip: 'sha256:109305142eef75b369c547dfefbf13fb871423334ffcfbc8a3367442c8d62b0b',
    },
  )
})

for (const [name, pack] of [
  ['bundle', packBundle],
  ['zip', packZip],
] as const) {
  test(`a ${name}'s digest does not depend on the order, times or other permissions of its files`, async () => {
    await fc.assert(
      fc.asyncProperty(fileTrees, fc.integer({ min: 0, max: 2 ** 31 }), async (files, seconds) => {
        const root = await mkdtemp(join(tmpdir(), 'trunkline-packing-'))
        try {
          const one = await layDown(join(root, 'one'), files)
          const other = await layDown(join(root, 'other'), Object.fromEntries(Object.entries(files).reverse()))
          for (const [path, content] of Object.entries(files)) {
            if (typeof content === 'object' && 'link' in content) continue
            await utimes(join(other, path), seconds, seconds)
            const isExecutable = typeof content === 'object' && 'executable' in content
            await chmod(join(other, path), isExecutable ? 0o700 : 0o666)
          }
          const digests = await Promise.all([
            pack({ directory: one, ...everything, scratchDirectory: join(root, 'scratch-one') }),
            pack({ directory: other, ...everything, scratchDirectory: join(root, 'scratch-other') }),
          ])
          assert.equal(digests[0].digest, digests[1].digest)
        } finally {
          await rm(root, { recursive: true, force: true })
        }
      }),
      { numRuns: 25 },
    )
  })

  test(`a ${name}'s digest does not depend on umask, locale or time zone`, async (t) => {
    const root = await temporaryDirectory(t)
    const script = join(import.meta.dirname, 'pack-sample.ts')
    const digests = new Set<string>()
    for (const [index, [umask, LC_ALL, TZ]] of [
      ['0022', 'C', 'UTC'],
      ['0077', 'C.UTF-8', 'Asia/Tokyo'],
      ['0000', 'tr_TR.UTF-8', 'America/New_York'],
    ].entries()) {
      const argv = ['-c', `umask ${umask}; exec "$0" "$@"`, process.execPath, script, name, join(root, String(index))]
      const { stdout } = await run('sh', argv, { env: { ...process.env, LC_ALL, TZ } })
      digests.add(stdout)
    }
    assert.equal(digests.size, 1)
  })
}

test('other programs read the bundle: tar agrees with the files', { skip: missing('tar') }, async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), sample)
  const layer = layerPath(await packBundle({ directory, ...everything, scratchDirectory: join(root, 'scratch') }))
  await mkdir(join(root, 'out'))
  await run('tar', ['-xf', layer, '-C', join(root, 'out')])
  await run('diff', ['-r', '--no-dereference', directory, join(root, 'out')])
  const { stdout } = await run('tar', ['-tvf', layer, '--numeric-owner'], { env: { ...process.env, TZ: 'UTC' } })
  for (const line of stdout.trim().split('\n'))
    assert.match(line, /^[-l]rw[-x]r[-w][-x]r[-w][-x] 0\/0 .* 1970-01-01 00:00/)
})

test('other programs read the zip: unzip agrees with the files', { skip: missing('unzip') }, async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), sample)
  const layer = layerPath(await packZip({ directory, ...everything, scratchDirectory: join(root, 'scratch') }))
  await run('unzip', ['-q', layer, '-d', join(root, 'out')], { env: { ...process.env, LC_ALL: 'C.UTF-8' } })
  await run('diff', ['-r', '--no-dereference', directory, join(root, 'out')])
})

test('the manifest is canonical, dateless, and names the layer', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { a: '1' })
  const artifact = await packBundle({ directory, ...everything, scratchDirectory: join(root, 'scratch') })
  const layer = artifact.blobs[1]
  assert.equal(
    Buffer.from(artifact.manifest).toString(),
    '{"artifactType":"application/vnd.trunkline.bundle.v1","config":{"digest":' +
      '"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","mediaType":' +
      `"application/vnd.oci.empty.v1+json","size":2},"layers":[{"digest":"${layer?.digest}","mediaType":` +
      '"application/vnd.oci.image.layer.v1.tar","size":2048}],"mediaType":' +
      '"application/vnd.oci.image.manifest.v1+json","schemaVersion":2}',
  )
  assert.equal(artifact.sizeBytes, 2050)
})

test('files are chosen by globs, a plain name stands for its folder, and exclude wins', async (t) => {
  const directory = await layDown(join(await temporaryDirectory(t), 'build'), {
    'dist/a.js': '',
    'dist/.well-known/x': '',
    'dist/sub/b.js': '',
    'dist/sub/b.js.map': '',
    'node_modules/left/index.js': '',
    'node_modules/left/node_modules/pad/index.js': '',
    'line\nbreak/x.js': '',
    'package.json': '',
    '[id].js': '',
  })
  assert.deepEqual(await selectionOf(directory, ['dist/*']), ['dist/a.js'])
  assert.deepEqual(await selectionOf(directory, ['./dist/', 'package.json']), [
    'dist/.well-known/x',
    'dist/a.js',
    'dist/sub/b.js',
    'dist/sub/b.js.map',
    'package.json',
  ])
  assert.deepEqual(await selectionOf(directory, ['dist'], ['**/*.map', '.*', 'dist/.well-known']), [
    'dist/a.js',
    'dist/sub/b.js',
  ])
  assert.deepEqual(await selectionOf(directory, ['**/*.js'], ['**/node_modules', 'dist/**']), [
    '[id].js',
    'line\nbreak/x.js',
  ])
  assert.deepEqual(await selectionOf(directory, ['**/left/*.js']), ['node_modules/left/index.js'])
  assert.deepEqual(await selectionOf(directory, ['.'], ['dist', 'node_modules', 'line*/**']), [
    '[id].js',
    'package.json',
  ])
})

test('entries stand in the order of their bytes, not of their UTF-16 units', async (t) => {
  const names = ['a', 'B', 'a/b', 'ａ', '😀', '\u{fffd}x'].filter((name) => name !== 'a')
  const directory = await layDown(
    join(await temporaryDirectory(t), 'build'),
    Object.fromEntries(names.map((n) => [n, ''])),
  )
  assert.deepEqual(await selectionOf(directory, ['**']), ['B', 'a/b', 'ａ', '\u{fffd}x', '😀'])
})

test('where nothing matches it fails, and says what the build did write', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'out/main.js': '' })
  const request: PackRequest = { directory, include: ['dist/**'], exclude: [], scratchDirectory: join(root, 'scratch') }
  await assert.rejects(packBundle(request), (error: TrunklineError) => {
    code('ARTIFACT_EMPTY')(error)
    assert.match(error.message, /dist\/\*\*/)
    assert.match(error.hint ?? '', /holds out/)
    return true
  })
})

test('a link that leads out of the bundle is refused, one inside is kept', async (t) => {
  const root = await temporaryDirectory(t)
  const links = ['/etc/passwd', '../../secret', '..', '../dist/../../x', 'sub/../../..', '.']
  for (const [index, link] of links.entries()) {
    const directory = await layDown(join(root, String(index)), { 'dist/x': { link }, 'dist/y': 'y' })
    const packing = packBundle({ directory, ...everything, scratchDirectory: join(root, 'scratch') })
    if (link === '..' || link === '.') assert.equal((await packing).blobs.length, 2)
    else await assert.rejects(packing, code('ARTIFACT_LINK_OUTSIDE'), link)
  }
})

test('a socket is refused where it matches, and left alone where it does not', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'dist/main.js': '' })
  const server = createServer().listen(join(directory, 'control.sock'))
  await new Promise((resolve) => server.once('listening', resolve))
  t.after(() => server.close())
  const scratchDirectory = join(root, 'scratch')
  await assert.rejects(packBundle({ directory, ...everything, scratchDirectory }), code('ARTIFACT_SPECIAL_FILE'))
  await packBundle({ directory, include: ['dist'], exclude: [], scratchDirectory })
})

test('a name that is not UTF-8 is refused where it matches', {
  skip: process.platform !== 'linux' && 'needs Linux',
}, async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'dist/main.js': '' })
  await writeFile(Buffer.concat([Buffer.from(`${directory}/caf`), Buffer.from([0xe9])]), 'latin1')
  const scratchDirectory = join(root, 'scratch')
  await assert.rejects(packBundle({ directory, ...everything, scratchDirectory }), code('ARTIFACT_NAME_NOT_UTF8'))
  await packBundle({ directory, include: ['dist'], exclude: [], scratchDirectory })
})

test('a file that is being written while it is packed is an error, not a torn artifact', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'a.log': 'one' })
  const [selected] = await selectFiles({ directory, ...everything })
  assert.ok(selected?.kind === 'file')
  await writeFile(join(directory, 'a.log'), 'one and more')
  const { readSelected } = await import('../../src/artifacts/packing/read-file.ts')
  await assert.rejects(readSelected(directory, selected).next(), ({ code, kind }: TrunklineError) => {
    assert.deepEqual({ code, kind }, { code: 'PACKING_CHANGED', kind: 'errored' })
    return true
  })
})

test('a large file passes through in little memory', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { small: 'x' })
  await run('truncate', ['-s', '300M', join(directory, 'large')])
  const before = process.memoryUsage.rss()
  const artifact = await packBundle({ directory, ...everything, scratchDirectory: join(root, 'scratch') })
  assert.ok(artifact.sizeBytes > 300 * 1024 * 1024)
  assert.ok(process.memoryUsage.rss() - before < 100 * 1024 * 1024)
})

test('nothing is left in the scratch directory when packing is aborted', async (t) => {
  const root = await temporaryDirectory(t)
  const directory = await layDown(join(root, 'build'), { 'main.js': 'x' })
  const scratchDirectory = join(root, 'scratch')
  const signal = AbortSignal.abort()
  await assert.rejects(packBundle({ directory, ...everything, scratchDirectory, signal }), { code: 'CANCELLED' })
  await assert.rejects(readFile(join(scratchDirectory, 'layer.tar')), { code: 'ENOENT' })
})
