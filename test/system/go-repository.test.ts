/**
 * One more user than the shop: a repository in another language. Two Go services, a smart-HTTP remote, a real registry,
 * and a configuration that says nothing about what depends on what.
 */
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { test } from 'node:test'
import type { Plan } from '../../src/model/index.ts'
import type { StatusDocument, WhyDocument } from '../../src/reporting/index.ts'
import { type GitHttpServer, startGitHttpServer } from '../parts/git-http-server.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { goCache, goMissing, goShop, goShopConfiguration, mainOf } from './go-shop.ts'
import { openProject, type ProjectUnderTest } from './project-under-test.ts'

const skip = (await goMissing()) || registryMissing()

test('a Go repository is delivered with a configuration of under 25 lines', { skip }, async (t) => {
  const registry = await startRegistry()
  t.after(() => registry.stop())
  const configuration = goShopConfiguration(`oci+http://${registry.host}/go-shop`)
  assert.ok(configuration.trimEnd().split('\n').length < 25)
  let server: GitHttpServer | undefined
  await using project = await openProject({
    files: { ...goShop, 'trunkline.yaml': configuration },
    environment: { GOCACHE: await goCache() },
    async remoteUrl(remote) {
      server = await startGitHttpServer({ root: dirname(remote.directory) })
      return `${server.url}/remote.git`
    },
  })
  t.after(() => server?.close())

  await t.test('the first delivery builds both services and serves them', async () => {
    assert.deepEqual(await builds(project), ['clock', 'greeter'])
    const result = await project.json(0, ['deliver'])
    assert.equal(result.outcome, 'succeeded')
    assert.equal(await answer(project, 'stage', 'greeter'), 'hello, you')
    assert.equal(await answer(project, 'stage', 'clock'), 'noon')
    assert.equal(await countBuilds(project), 2)
  })

  await t.test('documentation rebuilds nothing', async () => {
    await project.push('explain', { 'README.md': '# Two small services, explained\n' })
    assert.deepEqual(await builds(project), [])
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.equal(await countBuilds(project), 2)
  })

  await t.test('a change in one service rebuilds that one', async () => {
    await project.push('greet all', { 'cmd/greeter/main.go': mainOf('greeting', 'greeting.For("all")') })
    assert.deepEqual(await builds(project), ['greeter'])
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    assert.equal(await answer(project, 'stage', 'greeter'), 'hello, all')
  })

  await t.test(
    'a change in a package that one service imports rebuilds that one, and `why` names file and rule',
    async () => {
      await project.push('another hour', {
        'internal/hours/hours.go': 'package hours\n\n// Words says noon.\nfunc Words(int) string { return "noon" }\n',
      })
      assert.deepEqual(await builds(project), ['clock'])
      const why = await project.json<WhyDocument>(0, ['why', 'clock'])
      assert.equal(why.action, 'build')
      const [telling] = why.reasons
      assert.equal(telling?.file, 'internal/hours/hours.go')
      assert.equal(telling?.input, 'internal/hours/*')
      assert.equal(telling?.rule, 'go-package')
      const spared = await project.json<WhyDocument>(0, ['why', 'greeter'])
      assert.equal(spared.action, 'reuse')
      assert.ok(spared.reasons.some((reason) => reason.message.includes('internal/hours/hours.go')))
    },
  )

  await t.test('a change of go.mod rebuilds both; a test of one is run and rebuilds nothing', async () => {
    await project.push('newer go', { 'go.mod': 'module example.com/shop\n\ngo 1.22\n' })
    assert.deepEqual(await builds(project), ['clock', 'greeter'])
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
    await project.push('test more', {
      'cmd/clock/more_test.go': 'package main\n\nimport "testing"\n\nfunc TestMore(t *testing.T) {}\n',
    })
    assert.deepEqual(await builds(project), [])
    const { steps } = await project.json<Plan>(0, ['plan'])
    assert.deepEqual(
      steps.flatMap(({ kind, id }) => (kind === 'check' ? [id] : [])),
      ['check:clock/test', 'check:clock/vet'],
    )
    assert.equal((await project.json(0, ['deliver'])).outcome, 'succeeded')
  })

  await t.test('a tag carries the same bytes to prod and builds nothing', async () => {
    const before = await countBuilds(project)
    await project.clone.tag('v1.0.0')
    await project.clone.push('origin', 'v1.0.0')
    const result = await project.json(0, ['deliver', '--ref', 'v1.0.0'])
    assert.deepEqual(
      result.environments.map(({ name, outcome }) => [name, outcome]),
      [['prod', 'succeeded']],
    )
    assert.equal(await countBuilds(project), before)
    const { environments } = await project.json<StatusDocument>(0, ['status'])
    const [stage, prod] = environments.map(({ services }) => services.map(({ name, artifact }) => [name, artifact]))
    assert.deepEqual(prod, stage)
    assert.equal(environments[1]?.version, 'v1.0.0')
    assert.equal(await answer(project, 'prod', 'greeter'), 'hello, all')
  })

  await t.test('the registry has the artifacts under names that people know', async () => {
    const answered = await fetch(`http://${registry.host}/v2/go-shop/tags/list`)
    const { tags } = (await answered.json()) as { tags: string[] } // OCI distribution: the tag list
    for (const service of ['greeter', 'clock']) assert.ok(tags.includes(`${service}-v1.0.0`), tags.join(' '))
  })

  await t.test('a red `go test` stops the release, builds nothing and shows the output', async () => {
    await project.push('break it', {
      'internal/greeting/greeting.go':
        'package greeting\n\n// For is broken.\nfunc For(string) string { return "?" }\n',
    })
    const ended = await project.trunkline(['deliver'])
    assert.equal(ended.exitCode, 1)
    assert.match(ended.stderr, /greeting_test\.go:7: \?/)
    assert.doesNotMatch(ended.stderr, /greeter build/)
    assert.equal(await answer(project, 'stage', 'greeter'), 'hello, all')
  })
})

/** Services that a delivery of HEAD would build. */
async function builds(project: ProjectUnderTest): Promise<string[]> {
  const { services } = await project.json<Plan>(0, ['plan'])
  return services.flatMap(({ name, action }) => (action === 'build' ? [name] : [])).sort()
}

async function countBuilds({ remote }: ProjectUnderTest): Promise<number> {
  const listing = await remote.git('ls-tree', '-r', '--name-only', 'refs/trunkline/builds', 'builds/')
  return listing.split('\n').length
}

async function answer(project: ProjectUnderTest, environment: string, service: string): Promise<string> {
  const response = await fetch(await project.address(environment, service))
  return await response.text()
}
