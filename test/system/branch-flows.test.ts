/** The ways that teams of the briefs move their branches: each feeds its environments, and the same bytes go on. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { openProject, type ProjectUnderTest } from './project-under-test.ts'
import { type Configuration, smallShop, webAnswering } from './small-shop.ts'

const here = { fleet: { hosts: ['local'] } }

/** Digest of `web` by environment; null where nothing runs. */
async function bytes(project: ProjectUnderTest): Promise<Record<string, string | null>> {
  const { environments } = await project.json<StatusDocument>(0, ['status'])
  return Object.fromEntries(
    environments.map(({ name, services }) => [name, services.find((known) => known.name === 'web')?.artifact ?? null]),
  )
}

async function version(project: ProjectUnderTest, environment: string): Promise<string | null | undefined> {
  return (await project.json<StatusDocument>(0, ['status', environment])).environments[0]?.version
}

/** Build records: how often anything was built at all. */
async function builds({ remote }: ProjectUnderTest): Promise<number> {
  const listing = await remote.git('ls-tree', '-r', '--name-only', 'refs/trunkline/builds', 'builds/')
  return listing.split('\n').length
}

const deliver = (project: ProjectUnderTest, ref: string) => project.json(0, ['deliver', '--ref', ref])

describe('release branches with a version in their name (brief 001)', () => {
  const configuration: Configuration = {
    trunk: 'main',
    environments: {
      stage: { on: { branch: 'releases/{version}-stag' }, target: here },
      prod: { on: { branch: 'releases/{version}-prod' }, after: 'stage', target: here },
    },
  }

  test('the rebased prod branch gets the bytes that stage verified, under its version', async () => {
    await using project = await openProject({ files: smallShop(configuration) })
    const { clone } = project
    await clone.checkout('releases/1.1.0-stag', { create: true })
    await clone.push('origin', 'HEAD')
    assert.equal((await deliver(project, 'releases/1.1.0-stag')).outcome, 'succeeded')
    assert.equal(await version(project, 'stage'), '1.1.0')

    // prod's branch has a history of its own: rebased onto it, every commit has another id.
    await clone.git('checkout', '--quiet', '-b', 'releases/1.1.0-prod', 'main')
    await clone.commit('release notes', { 'NOTES.md': '1.1.0' })
    await clone.push('origin', 'HEAD')
    assert.equal((await deliver(project, 'releases/1.1.0-prod')).outcome, 'succeeded')
    assert.equal(await version(project, 'prod'), '1.1.0')

    await clone.checkout('main')
    await project.push('two', { 'web/main.js': webAnswering('two') })
    await clone.git('checkout', '--quiet', '-b', 'releases/1.1.1-stag', 'releases/1.1.0-stag')
    await clone.git('rebase', '--quiet', 'main')
    await clone.push('origin', 'HEAD')
    assert.equal((await deliver(project, 'releases/1.1.1-stag')).outcome, 'succeeded')
    const count = await builds(project)
    await clone.git('checkout', '--quiet', '-b', 'releases/1.1.1-prod', 'releases/1.1.0-prod')
    await clone.git('rebase', '--quiet', 'releases/1.1.1-stag')
    await clone.push('origin', 'HEAD')
    assert.notEqual(await clone.head('releases/1.1.1-prod'), await clone.head('releases/1.1.1-stag'))
    assert.equal((await deliver(project, 'releases/1.1.1-prod')).outcome, 'succeeded')
    assert.equal(await builds(project), count, 'nothing was built for prod')
    const { stage, prod } = await bytes(project)
    assert.equal(prod, stage)
    assert.equal(await version(project, 'prod'), '1.1.1')
  })

  test('a prod branch whose content stage never saw waits', async () => {
    await using project = await openProject({ files: smallShop(configuration) })
    await project.clone.checkout('releases/2.0.0-prod', { create: true })
    await project.push('only here', { 'web/main.js': webAnswering('surprise') })
    const result = await deliver(project, 'releases/2.0.0-prod')
    assert.equal(result.outcome, 'waiting')
    assert.equal((await bytes(project))['prod'], null)
  })
})

describe('a branch for each environment (brief 000)', () => {
  test('merging from branch to branch carries the same bytes along', async () => {
    const configuration: Configuration = {
      environments: {
        stage: null,
        prod: null,
        development: { on: { branch: 'dev' }, target: here },
        staging: { on: { branch: 'stg' }, after: 'development', target: here },
        production: { on: { branch: 'prd' }, after: 'staging', target: here },
      },
    }
    await using project = await openProject({ files: smallShop(configuration) })
    const { clone } = project
    for (const branch of ['dev', 'stg', 'prd']) await clone.branch(branch)
    await clone.push('origin', 'stg', 'prd')
    await clone.checkout('dev')
    await project.push('two', { 'web/main.js': webAnswering('two') })
    assert.equal((await deliver(project, 'dev')).outcome, 'succeeded')
    const count = await builds(project)
    for (const [from, to] of [
      ['dev', 'stg'],
      ['stg', 'prd'],
    ] as const) {
      await clone.checkout(to)
      await clone.merge(from)
      await clone.push('origin', to)
      assert.equal((await deliver(project, to)).outcome, 'succeeded', to)
    }
    assert.equal(await builds(project), count)
    const { development, staging, production } = await bytes(project)
    assert.deepEqual([staging, production], [development, development])
  })
})

describe('release branches with cherry-picks (brief 002, step 3b)', () => {
  const configuration: Configuration = {
    environments: {
      demo: { on: { branch: 'release/*' }, target: here },
      prod: { on: { tag: 'v*' }, after: 'demo', target: here },
    },
  }

  test('equal inputs reuse the bytes; others are built once, on that branch', async () => {
    await using project = await openProject({ files: smallShop(configuration) })
    const { clone } = project
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    await clone.branch('release/1.0')
    const fix = await project.push('a fix', { 'web/main.js': webAnswering('fixed') })
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    const count = await builds(project)

    await clone.checkout('release/1.0')
    await clone.git('cherry-pick', '-x', fix)
    assert.notEqual(await clone.head(), fix)
    await clone.push('origin', 'HEAD')
    assert.equal((await deliver(project, 'release/1.0')).outcome, 'succeeded')
    assert.equal(await builds(project), count, 'the same inputs: the same bytes')
    const { stage, demo } = await bytes(project)
    assert.equal(demo, stage)

    // What main never had is built here, once, and the tag carries exactly that.
    await project.push('only for 1.0', { 'worker/main.js': 'setInterval(() => {}, 1)\n' })
    assert.equal((await deliver(project, 'release/1.0')).outcome, 'succeeded')
    assert.equal(await builds(project), count + 1)
    await clone.tag('v1.0.0')
    await clone.push('origin', 'v1.0.0')
    assert.equal((await deliver(project, 'v1.0.0')).outcome, 'succeeded')
    assert.equal(await builds(project), count + 1)
    assert.equal(await version(project, 'prod'), 'v1.0.0')
  })
})

describe('refs that move in other ways', () => {
  test('a force-pushed branch delivers its new tip; the event of the old one is superseded', async () => {
    await using project = await openProject({ files: smallShop() })
    const { clone } = project
    const lost = await project.push('will be lost', { 'web/main.js': webAnswering('lost') })
    await clone.git('reset', '--quiet', '--hard', 'HEAD~1')
    const kept = await clone.commit('instead', { 'web/main.js': webAnswering('kept') })
    await clone.push('origin', '+main')
    const late = await project.json(0, ['deliver', '--ref', 'main', '--commit', lost])
    assert.equal(late.outcome, 'superseded')
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    assert.equal((await project.json<StatusDocument>(0, ['status', 'stage'])).environments[0]?.commit, kept)
  })

  test('the event of a deleted or moved tag is superseded; its new place is delivered', async () => {
    await using project = await openProject({ files: smallShop() })
    const { clone } = project
    const first = await clone.head()
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    await clone.tag('v1', { message: 'annotated' })
    await clone.push('origin', 'v1')
    const second = await project.push('two', { 'web/main.js': webAnswering('two') })
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    await clone.git('tag', '--force', 'v1', second)
    await clone.push('origin', '+v1')
    const moved = await project.json(0, ['deliver', '--ref', 'refs/tags/v1', '--commit', first])
    assert.equal(moved.outcome, 'superseded')
    assert.equal((await deliver(project, 'v1')).outcome, 'succeeded')
    assert.equal((await project.json<StatusDocument>(0, ['status', 'prod'])).environments[0]?.commit, second)

    await clone.git('push', '--quiet', 'origin', ':refs/tags/v1')
    const deleted = await project.json(0, ['deliver', '--ref', 'refs/tags/v1', '--commit', second])
    assert.equal(deleted.outcome, 'superseded')
    assert.equal(deleted.reasons[0]?.code, 'ref-gone')
  })

  test('a merge commit is compared with the side it was merged into, and builds what the merge brings', async () => {
    await using project = await openProject({ files: smallShop() })
    const { clone } = project
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    await clone.checkout('topic', { create: true })
    await clone.commit('topic', { 'worker/main.js': 'setInterval(() => {}, 2)\n' })
    await clone.checkout('main')
    await clone.commit('main goes on', { 'README.md': 'Still small.\n' })
    await clone.merge('topic')
    await clone.push('origin', 'main')
    const plan = await project.json<{
      services: Array<{ name: string; action: string; reasons: Array<{ file?: string }> }>
    }>(0, ['plan'])
    const byName = Object.fromEntries(plan.services.map((service) => [service.name, service]))
    assert.equal(byName['web']?.action, 'reuse')
    assert.equal(byName['worker']?.action, 'build')
    assert.equal(byName['worker']?.reasons[0]?.file, 'worker/main.js')
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
  })

  test('a tag on a commit that never was on trunk goes nowhere', async () => {
    await using project = await openProject({ files: smallShop() })
    assert.equal((await deliver(project, 'main')).outcome, 'succeeded')
    await project.clone.checkout('side', { create: true })
    await project.push('aside', { 'README.md': 'aside\n' })
    await project.clone.tag('v9')
    await project.clone.push('origin', 'v9')
    const result = await project.json(3, ['deliver', '--ref', 'v9'])
    assert.equal(result.environments[0]?.reasons[0]?.code, 'not-reachable')
  })
})
