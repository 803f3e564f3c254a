/** An image from a base of 50 MB and 5 MB of files, in a registry on loopback: assembled here, beside tools that do the same. */
import { randomBytes } from 'node:crypto'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readBaseImage } from '../src/artifacts/image/base-image.ts'
import { createRegistryStore } from '../src/artifacts/oci-registry/index.ts'
import { packImage } from '../src/artifacts/packing/index.ts'
import type { Digest, ImageRecipe } from '../src/model/index.ts'
import { registryMissing, startRegistry } from '../test/parts/registry.ts'
import { measureInTurns, type Report, type Row, runCommand } from './measuring/measure.ts'
import { goProgram, systemProgram } from './measuring/programs.ts'
import { present, printReport } from './measuring/report.ts'
import { scratchFolder } from './measuring/scratch.ts'

const megabyte = 1024 * 1024
const fileCount = 200
const platform = { os: 'linux', architecture: 'amd64' }
const skipped: Report['skipped'] = []
const missing = registryMissing()
if (missing !== false) {
  printReport({ bench: 'image', about: '', rows: [], skipped: [{ name: 'everything', why: missing }], notes: [] })
  process.exit(0)
}
using scratch = scratchFolder()
const near = await startRegistry()
const far = await startRegistry()
for (const registry of [near, far]) scratch.endings.push(() => registry.stop())
const signal = new AbortController().signal
const files = join(scratch.path, 'files')
const recipe: ImageRecipe = {
  ...{ kind: 'image', from: '', include: ['**'], exclude: [], base: null, to: '/app' },
  ...{ entrypoint: ['/app/main'], command: [], workdir: '/app', user: null, env: {}, labels: {} },
}
let turn = 0

try {
  const base = await putBase()
  await mkdir(files)
  for (let index = 0; index < fileCount; index += 1) {
    await writeFile(join(files, `file-${index}`), randomBytes((5 * megabyte) / fileCount))
  }
  const rows: Row[] = [
    row('trunkline, again into one repository', () => assemble(near.host, base, `${near.host}/shop`)),
    row('trunkline, into a new repository', () => assemble(near.host, base, `${near.host}/shop-${turn}`)),
    row('trunkline, base in another registry', () => assemble(far.host, base, `${near.host}/other-${turn}`)),
    ...present([goProgram('crane', 'github.com/google/go-containerregistry/cmd/crane@latest')], skipped).map(
      ({ argv }) =>
        row('tar and crane append', async () => {
          const tar = join(scratch.path, 'layer.tar')
          await run(['tar', '-C', files, '-cf', tar, '.'])
          const to = `${near.host}/crane:t${turn}`
          await run([...argv, 'append', '--insecure', '--base', `${near.host}/bases@${base}`, '-f', tar, '-t', to])
        }),
    ),
    ...present([systemProgram('buildah', 'apt-get install buildah')], skipped).map(({ argv }) =>
      row('buildah from, copy, commit, push', async () => {
        const storage = [
          ...['--root', join(scratch.path, 'root'), '--runroot', join(scratch.path, 'run')],
          ...['--storage-driver', 'vfs'],
        ]
        const buildah = async (...words: string[]) => (await run([...argv, ...storage, ...words])).trim()
        const container = await buildah('from', '--tls-verify=false', `${near.host}/bases@${base}`)
        await buildah('copy', container, files, '/app')
        const image = await buildah('commit', '--quiet', '--rm', container)
        await buildah('push', '--tls-verify=false', '--quiet', image, `docker://${near.host}/buildah:t${turn}`)
        await buildah('rmi', image)
      }),
    ),
  ]
  printReport({
    bench: 'image',
    about: `a base of 50 MB, ${fileCount} files of 5 MB of which one changes each time`,
    rows: await measureInTurns(rows, 5),
    skipped,
    notes: [],
  })
} finally {
  await near.stop()
  await far.stop()
}

function row(name: string, work: () => Promise<unknown>): Row {
  return {
    name,
    async run() {
      turn += 1
      await writeFile(join(files, 'file-0'), `turn ${turn}`)
      const startedAt = performance.now()
      await work()
      return performance.now() - startedAt
    },
  }
}

async function assemble(baseHost: string, digest: Digest, repository: string): Promise<void> {
  const reference = { repository: `${baseHost}/bases`, digest }
  const base = await readBaseImage({ reference, platform, environment: scratch.environment, signal })
  const scratchDirectory = join(scratch.path, `turn-${turn}`)
  const image = await packImage({
    ...{ directory: files, include: ['**'], exclude: [], scratchDirectory, recipe, signal },
    grounds: [{ platform, base }],
  })
  await storeIn(repository).put(image, signal)
}

function storeIn(repository: string) {
  return createRegistryStore({ repository, insecure: true, environment: scratch.environment })
}

function run(argv: string[]): Promise<string> {
  return runCommand(argv, { cwd: scratch.path, environment: scratch.environment })
}

async function putBase(): Promise<Digest> {
  const directory = join(scratch.path, 'base')
  await mkdir(directory)
  for (let layer = 0; layer < 50; layer += 1) await writeFile(join(directory, `part-${layer}`), randomBytes(megabyte))
  const image = await packImage({
    ...{ directory, include: ['**'], exclude: [], scratchDirectory: join(scratch.path, 'base-layer') },
    ...{ recipe: { ...recipe, to: '/' }, signal, grounds: [{ platform, base: null }] },
  })
  for (const host of [near.host, far.host]) await storeIn(`${host}/bases`).put(image, signal)
  return image.digest
}
