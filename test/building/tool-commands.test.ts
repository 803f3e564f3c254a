/** Command lines of container tools as data: Docker's too, which need not be here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerTool } from '../../src/building/images/container-tool.ts'
import { findContainerTool, toolEnvironment } from '../../src/building/images/container-tool.ts'
import {
  buildCommand,
  exportCommand,
  type ImageBuild,
  importCommand,
  importedSource,
  layoutSource,
} from '../../src/building/images/tool-commands.ts'
import type { Digest, TrunklineError } from '../../src/model/index.ts'

const digest = `sha256:${'a'.repeat(64)}` as Digest
const tool = (kind: ContainerTool['kind']): ContainerTool => ({ kind, version: kind, isRemote: false })
const build: ImageBuild = {
  recipe: {
    ...{ kind: 'dockerfile', dockerfile: 'Dockerfile', context: 'carts', target: 'final', platforms: [], timeoutMs: 1 },
    args: { VERSION: '1 $(id)', EMPTY: '' },
    secrets: { TOKEN: { from: 'NPM_TOKEN' } },
  },
  dockerfile: '/work/tree/Dockerfile',
  context: '/work/tree/carts',
  platform: 'linux/arm64',
  contexts: [{ name: 'base', source: layoutSource('/work/base', digest) }],
  secrets: { TOKEN: 'TRUNKLINE_BUILD_SECRET_0' },
  output: '/work/out',
  idFile: '/work/id',
  storage: { root: '/layers/storage', runRoot: '/tmp/run' },
}

test('Docker builds with buildx into an OCI layout, without dates, attestations or a push', () => {
  const argv = buildCommand(tool('docker'), build, {})
  assert.deepEqual(argv.slice(0, 5), ['docker', 'buildx', 'build', '--builder', 'trunkline'])
  assert.deepEqual(argv.slice(5), [
    ...['--progress', 'plain', '--platform', 'linux/arm64', '--file', '/work/tree/Dockerfile'],
    ...['--provenance=false', '--sbom=false', '--build-arg', 'SOURCE_DATE_EPOCH=0'],
    ...['--output', 'type=oci,tar=false,rewrite-timestamp=true,dest=/work/out'],
    ...['--target', 'final', '--build-arg', 'VERSION=1 $(id)', '--build-arg', 'EMPTY='],
    ...['--build-context', `base=oci-layout:///work/base@${digest}`],
    ...['--secret', 'type=env,id=TOKEN,env=TRUNKLINE_BUILD_SECRET_0', '/work/tree/carts'],
  ])
  assert.equal(exportCommand(tool('docker'), build, ''), null)
  assert.ok(!buildCommand(tool('docker'), build, { BUILDX_BUILDER: 'own' }).includes('--builder'))
})

test('Podman and Buildah build in a storage of our own and write an OCI layout', () => {
  const storage = ['--root', '/layers/storage', '--runroot', '/tmp/run']
  for (const kind of ['podman', 'buildah'] as const) {
    const argv = buildCommand(tool(kind), build, {})
    assert.deepEqual(argv.slice(0, 6), [kind, ...storage, 'build'])
    assert.ok(argv.includes('--timestamp') && argv.includes('--identity-label=false'))
    assert.ok(argv.includes('VERSION=1 $(id)'), 'an argument of its own, as it was written')
    assert.equal(argv.at(-1), '/work/tree/carts')
    assert.deepEqual(importCommand(tool(kind), build.storage, '/work/base.tar').slice(0, 5), [kind, ...storage])
  }
  assert.deepEqual(exportCommand(tool('podman'), build, 'id')?.slice(5), [
    ...['save', '--quiet', '--format', 'oci-dir', '-o', '/work/out', 'id'],
  ])
  assert.deepEqual(exportCommand(tool('buildah'), build, 'id')?.slice(5), ['push', '--quiet', 'id', 'oci:/work/out'])
})

test('an image that was handed over is found in what the tool says of it', () => {
  const id = 'b'.repeat(64)
  assert.equal(importedSource(`Loaded image: sha256:${id}\n`), `container-image://${id}`)
  assert.equal(importedSource(`${id}\n`), `container-image://${id}`)
  assert.equal(importedSource('Error: no such file\n'), null)
})

test('a tool sees logins and storage of the person, and none of their other variables', () => {
  const seen = toolEnvironment({
    PATH: '/bin',
    HOME: '/root',
    DOCKER_CONFIG: '/d',
    NPM_TOKEN: 'x',
    https_proxy: 'http://p',
  })
  assert.deepEqual(seen, { PATH: '/bin', HOME: '/root', DOCKER_CONFIG: '/d', https_proxy: 'http://p' })
})

test('a machine without any tool is told what to install', async () => {
  const search = { environment: { PATH: '/nowhere' }, signal: AbortSignal.timeout(60_000) }
  await assert.rejects(findContainerTool(search), (error: TrunklineError) => {
    assert.equal(error.code, 'IMAGE_BUILDER_MISSING')
    assert.equal(error.message, 'nothing here builds images from a Dockerfile: no docker; no podman; no buildah')
    assert.match(error.hint ?? '', /install podman or buildah/)
    return true
  })
  const environment = { ...search.environment, TRUNKLINE_IMAGE_BUILDER: 'kaniko' }
  await assert.rejects(findContainerTool({ ...search, environment }), { code: 'IMAGE_BUILDER' })
})
