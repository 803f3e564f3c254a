/** Bundles by the real esbuild, which `prepare` brings. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { unpackArtifact } from '../../src/artifacts/unpack.ts'
import type { ArtifactRecipe, CommitId, EsbuildRecipe, Reason } from '../../src/model/index.ts'
import type { BuildResult } from '../../src/ports/index.ts'
import { composeOrder } from '../../src/workplaces/order.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { esbuildInstalled, esbuildMissing } from '../parts/esbuild.ts'
import { type BuildingWorld, buildOf, createBuildingWorld, listening, prepareOf } from './world.ts'

const recipe: EsbuildRecipe = {
  entries: { handler: 'carts/src/handler.ts' },
  to: 'carts/dist',
  ...{ format: 'cjs', target: 'node22', external: ['@aws-sdk/*'], sourcemap: 'linked', minify: false },
  ...{ define: {}, loader: {} },
}
const handler = `import { S3Client } from '@aws-sdk/client-s3'
import { total } from '../../lib/total.ts'
export const main = async (lines: number[]): Promise<number> => total(lines) + (new S3Client() ? 1 : 0)
export type Unused = string
`
const files = {
  'carts/src/handler.ts': handler,
  'carts/src/report.ts': "import { total } from '../../lib/total.ts'\nexport const main = () => total([1])\n",
  'carts/src/lost.ts': "import { missing } from 'left-pad'\nexport const main = missing\n",
  'lib/total.ts':
    'export const total = (lines: number[]): number => lines.reduce((sum, line) => sum + line, 0)\nexport const never = 1\n',
  'based/main.ts': 'export const main = 1\n',
  'based/tsconfig.json': '{ "extends": "../tsconfig.base.json" }',
  'tsconfig.base.json': '{ "compilerOptions": { "target": "es2023" } }',
}

describe('a build by esbuild', { skip: esbuildMissing() }, () => {
  let repository: Repository
  let world: BuildingWorld
  let elsewhere: BuildingWorld
  let commit: CommitId
  before(async () => {
    repository = await createRepository({ files })
    world = await createBuildingWorld(repository)
    elsewhere = await createBuildingWorld(repository)
    commit = await repository.head()
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await elsewhere[Symbol.asyncDispose]()
    await repository.dispose()
  })

  async function build(
    change: Partial<EsbuildRecipe> = {},
    { seen = ['carts', 'lib'], at = world, run = null as string | null, prepared = true } = {},
  ) {
    const esbuild = { ...recipe, ...change }
    const zip: ArtifactRecipe = { kind: 'zip', from: esbuild.to, include: ['**'], exclude: [] }
    const prepare = prepared ? prepareOf(esbuildInstalled(), []) : null
    const request = buildOf(run, commit, await at.files(commit, ...seen), { esbuild, recipe: zip, prepare })
    return await at.builder.build(request, listening())
  }
  async function made(result: BuildResult): Promise<{ folder: string; digest: string; names: string[] }> {
    assert.ok(result.kind === 'built', JSON.stringify(result))
    const artifacts = createLayoutStore(join(world.home.root, 'artifacts'))
    const { signal } = new AbortController()
    await artifacts.put(result.artifact, signal)
    const { digest } = result.artifact
    const folder = join(world.home.root, 'unpacked', digest.slice(7))
    await unpackArtifact(artifacts, digest, folder, signal)
    return { folder, digest, names: (await readdir(folder, { recursive: true })).sort() }
  }
  const reasonsOf = (result: BuildResult): Reason[] =>
    result.kind === 'failed' ? result.verdict.reasons : assert.fail('it was built')
  const said = (result: BuildResult) => reasonsOf(result).map(({ code, message }) => `${code}: ${message}`)

  test('is the same bytes wherever it is built, with nothing of the place in them', async () => {
    const here = await made(await build())
    const there = await made(await build({}, { at: elsewhere }))
    assert.equal(here.digest, there.digest)
    assert.deepEqual(here.names, ['handler.cjs', 'handler.cjs.map'])
    const code = await readFile(join(here.folder, 'handler.cjs'), 'utf8')
    assert.match(code, /require\("@aws-sdk\/client-s3"\)/)
    assert.match(code, /sourceMappingURL=handler\.cjs\.map/)
    assert.doesNotMatch(code, /never/, 'what nobody asks for is left out')
    const map = JSON.parse(await readFile(join(here.folder, 'handler.cjs.map'), 'utf8'))
    assert.deepEqual(map.sources, ['../src/handler.ts', '../../lib/total.ts'])
    for (const name of here.names)
      assert.doesNotMatch(await readFile(join(here.folder, name), 'utf8'), new RegExp(world.home.root))
  })

  test('may have several entries, be modules, and run after a command that makes some of what is bundled', async () => {
    const entries = { 'api/report': 'carts/src/report.ts', extra: 'carts/src/made.ts' }
    const result = await build(
      { entries, format: 'esm', sourcemap: 'none', minify: true, define: { VERSION: '"1.2"' } },
      { run: 'echo "export const made = VERSION" > carts/src/made.ts' },
    )
    const { folder, names } = await made(result)
    assert.deepEqual(names, ['api', 'api/report.mjs', 'extra.mjs'])
    const extra = `import(${JSON.stringify(join(folder, 'extra.mjs'))}).then(({ made }) => console.log(made))`
    assert.equal(execFileSync(process.execPath, ['-e', extra], { encoding: 'utf8' }), '1.2\n')
  })

  test('fails by name where an imported file is no input, or a package is not installed', async () => {
    const unseen = await build({}, { seen: ['carts'] })
    assert.deepEqual(said(unseen).slice(0, 1), [
      'import-unresolved: carts/src/handler.ts imports ../../lib/total.ts, and the build of carts does not see that',
    ])
    assert.match(String(reasonsOf(unseen)[0]?.['hint']), /name the file under `inputs` of carts/)
    const lost = await build({ entries: { lost: 'carts/src/lost.ts' } })
    assert.match(said(lost)[0] ?? '', /^import-unresolved: carts\/src\/lost\.ts imports left-pad,/)
    assert.match(String(reasonsOf(lost)[0]?.['hint']), /does `prepare` install it\?/)
  })

  test('fails where a tsconfig.json extends what is no input: esbuild itself would only warn', async () => {
    const entries = { main: 'based/main.ts' }
    assert.match(
      said(await build({ entries }, { seen: ['based'] }))[0] ?? '',
      /^tsconfig-unresolved: .*tsconfig\.base\.json/,
    )
    await made(await build({ entries }, { seen: ['based', 'tsconfig.base.json'] }))
  })

  test('fails where something was bundled from outside the build directory', async () => {
    const outside = join(world.home.root, 'node_modules', 'left-pad')
    await mkdir(outside, { recursive: true })
    await writeFile(join(outside, 'index.js'), 'exports.missing = () => 1\n')
    await writeFile(
      join(world.home.root, 'tsconfig.json'),
      '{ "compilerOptions": { "paths": { "left-pad": ["./nowhere"] } } }',
    )
    const result = await build({ entries: { lost: 'carts/src/lost.ts' } })
    assert.deepEqual(said(result), [
      'bundled-from-outside: what was bundled for carts is not all from its inputs: ../../../node_modules/left-pad/index.js',
    ])
  })

  test('takes no esbuild but its own', async () => {
    const result = await build({}, { prepared: false })
    assert.deepEqual(said(result), [
      'esbuild-missing: the build of carts has no esbuild: there is none in node_modules/.bin',
    ])
    assert.match(String(reasonsOf(result)[0]?.['hint']), /let `prepare` install them/)
  })

  test('is ordered from a worker as it is asked for', async () => {
    const request = buildOf(null, commit, await world.files(commit, 'carts'), { esbuild: recipe })
    const order = composeOrder({ kind: 'build', request }, { platform: 'linux/x64', inputs: [] })
    assert.ok(order.kind === 'build')
    assert.deepEqual(order.request.esbuild, recipe)
  })
})
