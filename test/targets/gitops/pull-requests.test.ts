/** Images by pull request, merged by people. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import { systemClock } from '../../../src/clock/index.ts'
import type { Digest } from '../../../src/model/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import { openPullRequests } from '../../../src/targets/gitops/pull-request-flow.ts'
import { openPullRequestHost, repositoryName } from '../../../src/targets/gitops/repository/pull-requests.ts'
import { startGitHttpServer } from '../../parts/git-http-server.ts'
import { type PullRequestHost, startPullRequestHost } from '../../parts/pull-request-host.ts'
import { type GitOpsContext, type GitOpsUnderTest, openGitOps, requestOf } from './gitops-under-test.ts'
import { digestOf, reasonOf } from './manifest-repository.ts'

const path = 'apps/carts/stage/kustomization.yaml'
const before = '# carts\nimages:\n- name: carts\n  newTag: v1\n'
const files = { [path]: before, 'apps/web/stage/kustomization.yaml': 'images:\n- name: web\n' }
const token = 'ghp_correct-horse'

type Hosted = AsyncDisposable & {
  gitops: GitOpsUnderTest
  host: PullRequestHost
  open(variables?: NodeJS.ProcessEnv): ReturnType<GitOpsUnderTest['open']>
}

async function hosted(api: 'github' | 'gitlab'): Promise<Hosted> {
  const gitops = await openGitOps(files)
  const root = await mkdtemp(join(tmpdir(), 'trunkline-hosted-'))
  await mkdir(join(root, 'shop'))
  await symlink(gitops.manifests.remote.directory, join(root, 'shop', 'manifests.git'))
  const server = await startGitHttpServer({ root })
  const host = await startPullRequestHost({ api, repository: gitops.manifests.remote, name: 'shop/manifests', token })
  return {
    gitops,
    host,
    open: (variables = { MANIFEST_TOKEN: token }) =>
      gitops.open(
        {
          repository: `${server.url}/shop/manifests.git`,
          pullRequest: { api, url: host.url, token: { from: 'MANIFEST_TOKEN' } },
        },
        variables,
      ),
    async [Symbol.asyncDispose]() {
      await host[Symbol.asyncDispose]()
      await server.close()
      await rm(root, { recursive: true, force: true })
      await gitops[Symbol.asyncDispose]()
    },
  }
}

/** Until the step says that it waits for people. */
async function waiting({ lines }: GitOpsContext): Promise<string> {
  for (;;) {
    const line = lines.find((known) => known.startsWith('waits until'))
    if (line !== undefined) return line
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

for (const [api, how] of [
  ['github', 'squash'],
  ['gitlab', 'merge'],
] as const) {
  test(`on ${api} one pull request brings all services of a deployment, and they wait until it is merged`, async () => {
    await using shop = await hosted(api)
    const { gitops, host } = shop
    const target = shop.open()
    const together = { carts: digestOf('a'), web: digestOf('b') }
    const contexts = { carts: gitops.context('d-stage-1', together), web: gitops.context('d-stage-1', together) }
    const verdicts = (['carts', 'web'] as const).map((service) =>
      target.ensure(requestOf(service, together[service]), contexts[service]),
    )
    const said = await Promise.all([waiting(contexts.carts), waiting(contexts.web)])
    assert.match(said[0], new RegExp(`https://${api}\\.test/shop/manifests/.*/1 is merged$`))
    assert.equal(`${await gitops.manifests.file(path)}\n`, before, 'nothing yet')
    const [request] = host.requests
    assert.equal(host.requests.length, 1)
    assert.deepEqual(
      [request?.branch, request?.into, request?.title],
      ['trunkline/stage/d-stage-1', 'main', 'Deploy shop v1.2.0 to stage: carts, web'],
    )
    assert.match(request?.body ?? '', new RegExp(`carts: nothing → ${digestOf('a')}`))
    await host.merge(1, how)
    assert.deepEqual(await Promise.all(verdicts), [{ ok: true }, { ok: true }])
    // Told again, it is there.
    assert.deepEqual(await shop.open().ensure(requestOf('carts', digestOf('a')), gitops.context('d-stage-1')), {
      ok: true,
    })
    assert.equal(host.requests.length, 1)
  })
}

test('doctor hears whether the host takes the token, and opens nothing', async () => {
  await using shop = await hosted('github')
  const { signal } = new AbortController()
  const [well] = (await shop.open().examine?.([], signal)) ?? []
  assert.deepEqual(well, { isWell: true, message: 'the token for pull requests is taken by github' })
  await assert.rejects(async () => await shop.open({}).examine?.([], signal), { code: 'VARIABLE_MISSING' })
  await assert.rejects(async () => await shop.open({ MANIFEST_TOKEN: 'expired' }).examine?.([], signal), {
    kind: 'refused',
    code: 'HOST_REFUSED',
  })
  assert.deepEqual(shop.host.requests, [])
})

describe('a pull request', () => {
  test('that was opened before is found again by another controller', async () => {
    await using shop = await hosted('github')
    const first = shop.gitops.context('d-stage-1')
    const gone = assert.rejects(shop.open().ensure(requestOf('carts', digestOf('a')), first))
    await waiting(first)
    first.cancel()
    await gone
    const next = shop.gitops.context('d-stage-1')
    const verdict = shop.open().ensure(requestOf('carts', digestOf('a')), next)
    await waiting(next)
    assert.equal(shop.host.requests.length, 1)
    await shop.host.merge(1, 'merge')
    assert.deepEqual(await verdict, { ok: true })
  })

  test('goes back too, by another one that nobody waits for', async () => {
    await using shop = await hosted('github')
    const { gitops, host } = shop
    const context = gitops.context('d-stage-1')
    const brought = shop.open().ensure(requestOf('carts', digestOf('a')), context)
    await waiting(context)
    await host.merge(1, 'squash')
    assert.deepEqual(await brought, { ok: true })
    const where = { repository: gitops.manifests.open(), branch: 'main', project: 'shop', environment: 'stage' }
    const flow = openPullRequests({
      ...{ where, clock: systemClock, timeoutMs: 0, inTurn: (work) => work() },
      host: openPullRequestHost({
        config: { api: 'github', url: host.url, token: { value: token } },
        repository: 'https://github.test/shop/manifests.git',
        variables: {},
      }),
    })
    const placesOfCarts = () => [{ files: path, place: { kind: 'kustomize', name: 'carts' } as const }]
    const known = {
      placesOf: placesOfCarts,
      imageOf: (_: string, digest: Digest) => ({ digest, repository: null, origin: null }),
    }
    const why = { ...reasonOf('d-stage-1'), because: 'carts was not well.' }
    const url = await flow.proposeBack('carts', known, why, context)
    assert.equal(url, 'https://github.test/shop/manifests/pull/2')
    assert.deepEqual(
      [host.requests[1]?.branch, host.requests[1]?.title],
      ['trunkline/stage/d-stage-1-back-carts', 'Put carts back in stage'],
    )
    await host.merge(2, 'merge')
    assert.equal(`${await gitops.manifests.file(path)}\n`, before)
    assert.equal(await flow.proposeBack('carts', known, why, context), null, 'there is nothing left to go back from')
  })

  test('that somebody closed is their no: refused', async () => {
    await using shop = await hosted('gitlab')
    const context = shop.gitops.context('d-stage-1')
    const ended = assert.rejects(shop.open().ensure(requestOf('carts', digestOf('a')), context), {
      kind: 'refused',
      code: 'PULL_REQUEST_CLOSED',
    })
    await waiting(context)
    shop.host.close(1)
    await ended
  })

  test('cannot be opened without a token, or with a wrong one, which is never shown', async () => {
    await using shop = await hosted('github')
    const ensure = (variables: NodeJS.ProcessEnv) =>
      shop.open(variables).ensure(requestOf('carts', digestOf('a')), shop.gitops.context('d-stage-1'))
    await assert.rejects(ensure({}), { kind: 'usage', code: 'VARIABLE_MISSING' })
    await assert.rejects(ensure({ MANIFEST_TOKEN: 'wrong-token' }), (error) => {
      assert.ok(error instanceof TrunklineError)
      assert.deepEqual([error.kind, error.code], ['refused', 'HOST_REFUSED'])
      assert.match(error.message, /answered 401: Bad credentials/)
      assert.doesNotMatch(`${error.message} ${error.hint}`, /wrong-token/)
      return true
    })
    shop.host.failNext(1, 502)
    await assert.rejects(ensure({ MANIFEST_TOKEN: token }), { kind: 'errored', code: 'HOST_UNREACHABLE' })
  })
})

test('the name of a repository at its host is read from any way to clone it', () => {
  for (const url of [
    'https://github.com/shop/manifests.git',
    'https://bot@github.com/shop/manifests',
    'git@github.com:shop/manifests.git',
    'ssh://git@github.com:2222/shop/manifests.git/',
  ])
    assert.equal(repositoryName(url), 'shop/manifests', url)
  assert.equal(repositoryName('https://gitlab.example/group/sub/manifests.git'), 'group/sub/manifests')
  for (const url of ['/srv/manifests.git', 'file:///srv/shop/manifests.git', 'https://github.com/manifests'])
    assert.throws(() => repositoryName(url), { code: 'NO_PULL_REQUESTS' }, url)
})
