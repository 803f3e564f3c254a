import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { unpackArtifact } from '../../src/artifacts/unpack.ts'
import type { CommitId } from '../../src/model/index.ts'
import type { ArtifactStore, BuildResult } from '../../src/ports/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import { type BuildingWorld, buildOf, createBuildingWorld, listening } from './world.ts'

describe('a build', () => {
  let repository: Repository
  let world: BuildingWorld
  let artifacts: ArtifactStore
  let commit: CommitId
  const { signal } = new AbortController()
  before(async () => {
    repository = await createRepository({
      files: {
        'carts/main.ts': 'carts',
        'carts/.env': 'PORT=80\nSECRET=x\nMODE=fast\n',
        'carts/versions.json': '{"b": 2, "a": {"x": 1}, "c": 3}',
      },
    })
    world = await createBuildingWorld(repository)
    artifacts = createLayoutStore(join(world.home.root, 'artifacts'))
    commit = await repository.head()
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
    await repository.dispose()
  })

  const built = (result: BuildResult) => {
    assert.ok(result.kind === 'built', JSON.stringify(result))
    return result
  }

  test('is its artifact, the same bytes every time, and leaves only those until they are discarded', async () => {
    const files = await world.files(commit, 'carts/main.ts')
    const request = buildOf('mkdir dist; cp carts/main.ts dist/main.js; date +%N > ignored', commit, files)
    const first = built(await world.builder.build(request, listening()))
    const second = built(await world.builder.build(request, listening()))
    assert.equal(first.artifact.digest, second.artifact.digest)
    assert.ok(first.startedAt <= first.endedAt)

    assert.equal((await readdir(world.home.work)).length, 2)
    const kept = (await readdir(world.home.work, { recursive: true })).join('\n')
    assert.doesNotMatch(kept, /main\.ts|ignored/)

    await artifacts.put(first.artifact, signal)
    const unpacked = join(world.home.root, 'unpacked')
    await unpackArtifact(artifacts, first.artifact.digest, unpacked, signal)
    assert.equal(await readFile(join(unpacked, 'dist/main.js'), 'utf8'), 'carts')

    await world.builder.discard(first.artifact)
    await world.builder.discard(first.artifact)
    await world.builder.discard(second.artifact)
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('without a command packs its inputs; a zip too', async () => {
    const files = await world.files(commit, 'carts/main.ts')
    const recipe = { kind: 'zip' as const, from: '', include: ['carts/**'], exclude: [] }
    const { artifact } = built(await world.builder.build(buildOf(null, commit, files, { recipe }), listening()))
    assert.ok(artifact.sizeBytes > 0)
    await world.builder.discard(artifact)
  })

  test('finds what it needs of other services unpacked', async () => {
    const base = built(await world.builder.build(buildOf('mkdir dist; echo base > dist/base', commit, []), listening()))
    await artifacts.put(base.artifact, signal)
    const context = listening()
    const needs = { base: base.artifact.digest }
    const request = buildOf('cat .trunkline/needs/base/dist/base; mkdir dist; touch dist/x', commit, [], { needs })
    const builder = world.another({ artifacts })
    const { artifact } = built(await builder.build(request, context))
    assert.deepEqual(context.lines, ['base'])
    await world.builder.discard(base.artifact)
    await builder.discard(artifact)
  })

  test('sees of a keyed input just its keys', async () => {
    const keys: Record<string, string[]> = { 'carts/.env': ['PORT', 'MODE'], 'carts/versions.json': ['a'] }
    const all = await world.files(commit, 'carts/.env', 'carts/versions.json')
    const files = all.map((file) => ({ ...file, keys: keys[file.path] ?? [] }))
    const context = listening()
    const request = buildOf('cat carts/.env carts/versions.json; mkdir dist; touch dist/x', commit, files)
    const { artifact } = built(await world.builder.build(request, context))
    const output = context.lines.join('\n')
    assert.match(output, /PORT/)
    assert.match(output, /MODE/)
    assert.match(output, /"x": ?1/)
    assert.doesNotMatch(output, /SECRET|"b"|"c"/)
    await world.builder.discard(artifact)
  })

  test('that is red has no artifact and leaves nothing', async () => {
    const result = await world.builder.build(buildOf('exit 2', commit, []), listening())
    assert.ok(result.kind === 'failed')
    assert.equal(result.verdict.reasons[0]?.message, 'build carts ended with exit code 2')
    assert.deepEqual(await readdir(world.home.work), [])
  })

  test('that leaves nothing to pack is red, not broken', async () => {
    const result = await world.builder.build(buildOf('echo nothing to see', commit, []), listening())
    assert.ok(result.kind === 'failed')
    assert.equal(result.verdict.reasons[0]?.code, 'packing-failed')
    assert.deepEqual(result.verdict.logTail, ['nothing to see'])
  })

  test('says who builds, and for what', () => {
    const job = {
      ...{ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'acme/shop' },
      GITHUB_RUN_ID: '42',
    }
    const identities = [
      [job, 'https://github.com/acme/shop/actions/runs/42'],
      [{ ...job, GITHUB_RUN_ATTEMPT: '2' }, 'https://github.com/acme/shop/actions/runs/42/attempts/2'],
      [{ CI_JOB_URL: 'https://gitlab.example/acme/shop/-/jobs/7' }, 'https://gitlab.example/acme/shop/-/jobs/7'],
      [{ CIRCLE_BUILD_URL: 'https://circleci.com/gh/acme/shop/7' }, 'https://circleci.com/gh/acme/shop/7'],
      [
        { CODEBUILD_BUILD_ID: 'shop:1-2', AWS_REGION: 'eu-central-1' },
        'https://eu-central-1.console.aws.amazon.com/codesuite/codebuild/projects/shop/build/shop%3A1-2',
      ],
    ] as const
    for (const [environment, identity] of identities) assert.equal(world.another({ environment }).identity, identity)
    assert.match(world.another({ environment: {} }).identity, /^.+@.+$/)
    assert.equal(world.builder.platform, `${process.platform}/${process.arch}`)
  })
})
