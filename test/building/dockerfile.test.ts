/** Images from a Dockerfile, by the real Podman and Buildah. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { isIndex } from '../../src/artifacts/manifest.ts'
import { createLayoutStore } from '../../src/artifacts/oci-layout/index.ts'
import type { CommitId, DockerfileRecipe, TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, Builder, BuildResult, Manifest } from '../../src/ports/index.ts'
import { createRepository, type Repository } from '../fixtures/repository.ts'
import {
  type ContainerStorage,
  containerToolMissing,
  containerTools,
  createContainerStorage,
  staticShell,
  staticShellMissing,
} from '../parts/container-tools.ts'
import { type BuildingWorld, buildOf, createBuildingWorld, listening } from './world.ts'

const { signal } = new AbortController()
const secret = 'hunter2-is-a-long-secret'

const recipeOf = (dockerfile: string, more: Partial<DockerfileRecipe> = {}): DockerfileRecipe => ({
  ...{ kind: 'dockerfile', dockerfile, context: '', target: null, args: {}, platforms: [], secrets: {} },
  timeoutMs: 120_000,
  ...more,
})

const shell = ['FROM scratch AS shell', 'COPY tools/busybox /bin/sh', 'COPY tools/busybox /bin/cat']
const dockerfiles: Record<string, readonly string[]> = {
  plain: [
    ...['FROM scratch AS first', 'ARG GREETING=none', 'LABEL greeting=$GREETING', 'COPY carts/main.txt /app/main.txt'],
    ...['FROM first AS second', 'COPY carts /all'],
  ],
  run: [...shell, 'RUN echo ran > /ran'],
  secret: [
    ...shell,
    'RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN > /dev/null && echo "told $(cat /run/secrets/TOKEN)"',
  ],
  leak: [...shell, 'RUN --mount=type=secret,id=TOKEN cat /run/secrets/TOKEN > /kept'],
  broken: [...shell, 'RUN echo this went wrong; exit 7'],
  slow: [...shell, 'RUN echo begun; while true; do :; done'],
  upon: ['FROM base', 'COPY --from=files dist/main.js /from-bundle.js', 'COPY carts/main.txt /upon.txt'],
}

for (const tool of containerTools) {
  describe(`an image that ${tool} builds`, { skip: containerToolMissing(tool) || staticShellMissing() }, () => {
    let repository: Repository
    let world: BuildingWorld
    let storage: ContainerStorage
    let artifacts: ArtifactStore
    let builder: Builder
    let commit: CommitId

    before(async () => {
      storage = createContainerStorage()
      const path = staticShell() ?? assert.fail('busybox')
      const files = Object.entries(dockerfiles).map(([name, lines]) => [`docker/${name}`, `${lines.join('\n')}\n`])
      repository = await createRepository({
        files: {
          ...Object.fromEntries(files),
          'carts/main.txt': 'carts',
          'carts/other.txt': 'undeclared',
        },
      })
      await repository.commit('a shell', { 'tools/busybox': { content: readFileSync(path), executable: true } })
      world = await createBuildingWorld(repository, {
        environment: { ...process.env, ...storage.environment, TRUNKLINE_IMAGE_BUILDER: tool, SECRET_OF_BUILD: secret },
      })
      artifacts = createLayoutStore(join(world.home.root, 'artifacts'))
      builder = world.another({ artifacts })
      commit = await repository.head()
    })
    after(async () => {
      await world?.[Symbol.asyncDispose]()
      await repository?.dispose()
      storage?.stop()
    })

    async function build(
      name: string,
      more: Partial<DockerfileRecipe> = {},
      request: object = {},
      context = listening(),
    ) {
      const files = await world.files(commit, `docker/${name}`, 'carts/main.txt', 'tools')
      const recipe = recipeOf(`docker/${name}`, more)
      return builder.build(buildOf(null, commit, files, { recipe, ...request }), context)
    }

    async function stored(result: BuildResult) {
      assert.ok(result.kind === 'built', JSON.stringify(result))
      await artifacts.put(result.artifact, signal)
      await builder.discard(result.artifact)
      return result.artifact.digest
    }

    async function contentOf(manifest: Manifest) {
      const config = JSON.parse((await buffer(await artifacts.blob(manifest.config, signal))).toString('utf8'))
      const layers = await Promise.all(
        manifest.layers.map(async (layer) => gunzipSync(await buffer(await artifacts.blob(layer, signal)))),
      )
      return { config, text: layers.map((layer) => layer.toString('latin1')).join('\n') }
    }

    test('holds what it copies of the declared inputs and nothing else, and is the same every time', async () => {
      const first = await stored(await build('plain', { args: { GREETING: 'hello' } }))
      const again = await stored(await build('plain', { args: { GREETING: 'hello' } }))
      assert.equal(first, again)
      const { config, text } = await contentOf(await artifacts.manifest(first, signal))
      assert.equal(config.config.Labels.greeting, 'hello')
      assert.equal(config.created, '1970-01-01T00:00:00Z')
      assert.match(text, /all\/main\.txt/)
      assert.doesNotMatch(text, /other\.txt|undeclared/)
      assert.equal(await artifacts.has(first, signal), true)
    })

    test('for several platforms is one index with a manifest for each', async () => {
      const digest = await stored(await build('plain', { platforms: ['linux/amd64', 'linux/arm64'] }))
      const index = await artifacts.document(digest, signal)
      assert.ok(isIndex(index))
      assert.deepEqual(
        index.manifests.map(({ platform }) => platform),
        [
          { os: 'linux', architecture: 'amd64' },
          { os: 'linux', architecture: 'arm64' },
        ],
      )
      for (const { digest: each, platform } of index.manifests) {
        const { config } = await contentOf(await artifacts.manifest(each, signal))
        assert.equal(config.architecture, platform?.architecture)
      }
    })

    test('runs commands, and sees a secret that reaches neither log nor image', async () => {
      const context = listening()
      const secrets = { TOKEN: { from: 'SECRET_OF_BUILD' } }
      const digest = await stored(await build('secret', { secrets }, {}, context))
      const log = context.lines.join('\n')
      assert.match(log, /told \S/, 'the secret was mounted')
      assert.doesNotMatch(log, new RegExp(secret))
      const { config, text } = await contentOf(await artifacts.manifest(digest, signal))
      assert.doesNotMatch(JSON.stringify(config) + text, new RegExp(secret))
    })

    test('is built on the image of another service, and takes files of a bundle, both by name', async () => {
      const base = await stored(await build('plain', { platforms: ['linux/amd64', 'linux/arm64'] }))
      const bundle = await builder.build(buildOf('mkdir dist; echo bundled > dist/main.js', commit, []), listening())
      const needs = { base, files: await stored(bundle) }
      const digest = await stored(await build('upon', {}, { needs }))
      const { text, config } = await contentOf(await artifacts.manifest(digest, signal))
      assert.match(text, /all\/main\.txt/, 'the layers of the base')
      assert.match(text, /from-bundle\.js/)
      assert.match(text, /upon\.txt/)
      assert.doesNotMatch(JSON.stringify(config), /needs-/)
    })

    test('when cancelled leaves no process, no directory and no hold on its layers', async () => {
      const cancel = new AbortController()
      const context = listening({ signal: cancel.signal })
      const result = build('slow', {}, {}, context)
      const deadline = Date.now() + 100_000
      while (!context.lines.some((line) => line.endsWith('begun'))) {
        assert.ok(Date.now() < deadline, context.lines.join('\n'))
        await sleep(50)
      }
      cancel.abort()
      await assert.rejects(result, { name: 'TrunklineError', kind: 'cancelled' })
      assert.deepEqual(readdirSync(world.home.work), [])
      const running = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
      assert.ok(!running.includes(world.home.root), 'a process of the build is still there')
      for (const place of readdirSync(world.home.layers)) {
        assert.deepEqual(readdirSync(join(world.home.layers, place, 'users')), [])
      }
    })

    // What does not hang on the tool.
    if (tool !== containerTools[0]) return

    test('ends at the stage that is asked for', async () => {
      const { text } = await contentOf(
        await artifacts.manifest(await stored(await build('plain', { target: 'first' })), signal),
      )
      assert.match(text, /app\/main\.txt/)
      assert.doesNotMatch(text, /all\/main\.txt/)
    })

    test('that keeps a secret in a file is refused', async () => {
      const result = await build('leak', { secrets: { TOKEN: { from: 'SECRET_OF_BUILD' } } })
      assert.ok(result.kind === 'failed')
      assert.equal(result.verdict.reasons[0]?.code, 'secret-in-image')
      assert.doesNotMatch(JSON.stringify(result), new RegExp(secret))
    })

    test('wants its secrets set', async () => {
      await assert.rejects(
        build('secret', { secrets: { TOKEN: { from: 'NOT_SET_ANYWHERE' } } }),
        (error: TrunklineError) => {
          assert.equal(error.code, 'BUILD_SECRET_MISSING')
          assert.match(error.message, /TOKEN is read from NOT_SET_ANYWHERE/)
          return true
        },
      )
    })

    test('fails where its Dockerfile does, with the last lines of its output', async () => {
      const result = await build('broken')
      assert.ok(result.kind === 'failed')
      assert.equal(result.verdict.reasons[0]?.code, 'command-failed')
      assert.match(result.verdict.logTail?.join('\n') ?? '', /this went wrong/)
      assert.deepEqual(readdirSync(world.home.work), [])
    })

    test('an image cannot be unpacked for a command', async () => {
      const needs = { base: await stored(await build('plain')) }
      await assert.rejects(
        builder.build(buildOf('true', commit, [], { needs }), listening()),
        (error: TrunklineError) => {
          assert.equal(error.code, 'NEEDS_IMAGE')
          return true
        },
      )
    })

    test('that takes too long fails', async () => {
      const result = await build('slow', { timeoutMs: 3000 })
      assert.ok(result.kind === 'failed')
      assert.equal(result.verdict.reasons[0]?.code, 'timed-out')
    })

    test('builds again from the layers kept on this machine', async () => {
      await stored(await build('run'))
      const context = listening()
      await stored(await build('run', {}, {}, context))
      assert.match(context.lines.join('\n'), /Using cache/)
      assert.ok(existsSync(world.home.layers))
    })
  })
}
