/** The builder that has work done elsewhere, beside the one of this machine: the same requests, the same answers. */
import assert from 'node:assert/strict'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import { builderPlatform } from '../../src/building/index.ts'
import { homeAt } from '../../src/home/index.ts'
import { type CommitId, type DockerfileRecipe, erroredError, type TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, Builder, BuildResult } from '../../src/ports/index.ts'
import { createWorkplaceBuilder, type Workplace } from '../../src/workplaces/index.ts'
import { doWork } from '../../src/workplaces/worker.ts'
import {
  type BuildingWorld,
  buildOf,
  checkOf,
  createBuildingWorld,
  listening,
  prepareOf,
  realClock,
} from '../building/world.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'

describe('a builder elsewhere', () => {
  let repository: Repository
  let world: BuildingWorld
  let artifacts: ArtifactStore
  let commit: CommitId
  before(async () => {
    repository = await createRepository({
      files: {
        'carts/main.ts': 'carts',
        'carts/run.sh': { content: 'echo ran', executable: true },
        'carts/latest': { symlink: 'main.ts' },
        'carts/.env': 'PORT=80\nOTHER=x\n',
        Dockerfile: 'FROM scratch\n',
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

  /** Workers of this process, each with a home of its own. */
  function workplaceHere(platform = builderPlatform(), environment: NodeJS.ProcessEnv = process.env) {
    let runs = 0
    const forgotten: string[] = []
    const workplace: Workplace = {
      location: 'here',
      platform,
      async run({ ticket, variables }, { log, signal }) {
        runs += 1
        const run = `run-${runs}`
        const home = homeAt({ TRUNKLINE_HOME: join(world.home.root, run) })
        const surroundings = { home, environment: { ...environment, ...variables }, clock: realClock, log, signal }
        await doWork({ ...ticket, run }, surroundings)
        return { run, fault: erroredError('WORK_LOST', 'it is gone') }
      },
      examine: async () => [],
      async forget(order) {
        forgotten.push(order)
      },
      async close() {},
    }
    return { workplace, forgotten, runs: () => runs }
  }

  const elsewhere = (workplace: Workplace, environment: NodeJS.ProcessEnv = process.env): Builder =>
    createWorkplaceBuilder({
      ...{ workplace, source: world.source, artifacts, environment, local: world.builder, project: 'shop' },
      ...{ store: { kind: 'oci-layout', path: join(world.home.root, 'artifacts') }, aws: null, services: ['carts'] },
      workDirectory: world.home.work,
    })
  const built = (result: BuildResult) => {
    assert.ok(result.kind === 'built', JSON.stringify(result))
    return result
  }
  const failing = (work: Promise<unknown>) =>
    work.then(
      () => assert.fail('it did not fail'),
      (error: TrunklineError) => error,
    )

  test('lays down the same files, and makes the same bytes as this machine', async () => {
    const files = (await world.files(commit, 'carts')).map((file) =>
      file.path === 'carts/.env' ? { ...file, keys: ['PORT'] } : file,
    )
    const request = buildOf(
      'mkdir dist; cp -P carts/* dist; cp carts/.env dist/env; ls -A > dist/seen; ./carts/run.sh',
      commit,
      files,
      {
        prepare: prepareOf('cat carts/main.ts > prepared', await world.files(commit, 'carts/main.ts')),
      },
    )
    const { workplace } = workplaceHere()
    const builder = elsewhere(workplace)
    const heard = listening()
    const [here, there] = [
      built(await world.builder.build(request, listening())),
      built(await builder.build(request, heard)),
    ]
    assert.equal(there.artifact.digest, here.artifact.digest)
    assert.ok(heard.lines.includes('ran'))
    // As the engine does: its bytes are there already.
    await artifacts.put(there.artifact, heard.signal)
    await Promise.all([world.builder.discard(here.artifact), builder.discard(there.artifact)])
    assert.deepEqual(await readdir(world.home.work), [], 'inputs are packed and gone')

    const needs = { carts: there.artifact.digest }
    const check = checkOf('test "$(cat .trunkline/needs/carts/dist/main.ts)" = carts', commit, [], { needs })
    assert.deepEqual(await builder.check(check, listening()), { ok: true })
    await builder.close?.()
  })

  test('answers a red check with its lines, and runs it anew when it is asked again', async () => {
    const { workplace, runs, forgotten } = workplaceHere()
    const builder = elsewhere(workplace)
    const check = checkOf('echo one; echo two >&2; exit 3', commit, [])
    for (const _ of [1, 2]) {
      const verdict = await builder.check(check, listening())
      assert.ok(!verdict.ok)
      assert.deepEqual([verdict.reasons[0]?.code, verdict.logTail?.toSorted()], ['command-failed', ['one', 'two']])
    }
    assert.equal(runs(), 2)
    assert.equal(forgotten.length, 2)
    await builder.close?.()
  })

  test('keeps what is green for a controller that comes back, until it is closed', async () => {
    const { workplace, forgotten } = workplaceHere()
    const builder = elsewhere(workplace)
    assert.deepEqual(await builder.check(checkOf('true', commit, []), listening()), { ok: true })
    assert.deepEqual(forgotten, [])
    await builder.close?.()
    const [order] = forgotten
    assert.ok(order !== undefined)
    assert.equal(await artifacts.has(order as Parameters<ArtifactStore['has']>[0], AbortSignal.timeout(10_000)), false)
  })

  test('passes on what builds are passed, and masks it here as well', async () => {
    const environment = { PATH: process.env['PATH'], API_TOKEN: 'hunter2-and-more', UNDECLARED: 'not sent' }
    const { workplace } = workplaceHere(builderPlatform(), { PATH: process.env['PATH'] })
    const builder = elsewhere(workplace, environment)
    const heard = listening()
    const run = 'test "$API_TOKEN" = hunter2-and-more; test -z "$UNDECLARED"; echo "with $API_TOKEN"'
    const check = checkOf(run, commit, [], { env: { set: {}, pass: ['API_TOKEN', 'UNDECLARED_TOO'] } })
    assert.deepEqual(await builder.check(check, heard), { ok: true })
    assert.match(heard.lines.join('\n'), /with •+/)
    await builder.close?.()
  })

  const dockerfile: DockerfileRecipe = {
    ...{ kind: 'dockerfile', dockerfile: 'Dockerfile', context: '', target: null, args: {}, platforms: [] },
    ...{ secrets: {}, timeoutMs: 60_000 },
  }
  test('says that it is the place which lacks a tool, and where to add it', async () => {
    const { workplace } = workplaceHere(builderPlatform(), { PATH: '/nonexistent' })
    const builder = elsewhere(workplace)
    const files = await world.files(commit, 'Dockerfile')
    const image = await failing(builder.build(buildOf(null, commit, files, { recipe: dockerfile }), listening()))
    assert.deepEqual([image.kind, image.code], ['errored', 'IMAGE_BUILDER_MISSING'])
    assert.match(image.message, /\(here\)$/)
    assert.match(image.hint ?? '', /the image that builds run in must have buildah or podman/)
    const tool = await failing(builder.check(checkOf('true', commit, [], { tools: { go: '1.25' } }), listening()))
    assert.equal(tool.code, 'TOOL_MISSING')
    assert.match(tool.hint ?? '', /add it to the image/)
    await builder.close?.()
  })

  test('takes no work for another platform than it has', async () => {
    const builder = elsewhere(workplaceHere('linux/s390x').workplace)
    const wrong = await failing(builder.check(checkOf('true', commit, []), listening()))
    assert.deepEqual([wrong.kind, wrong.code], ['errored', 'WRONG_PLATFORM'])
    await builder.close?.()
  })

  test('a run that leaves no outcome is errored, as the place explains it', async () => {
    const lost: Workplace = {
      ...workplaceHere().workplace,
      run: async () => ({ run: 'lost', fault: erroredError('WORK_EVICTED', 'check carts/test was evicted') }),
    }
    const builder = elsewhere(lost)
    assert.equal((await failing(builder.check(checkOf('true', commit, []), listening()))).code, 'WORK_EVICTED')
    await builder.close?.()
  })
})
