/** The engine over a manifest repository: what a push, a promotion, a failure and a person's hand come to there. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { Target } from '../../../src/ports/index.ts'
import { type Bench, createBench, outcomes, shopConfig } from '../../fixtures/world.ts'
import { type GitOpsUnderTest, openGitOps } from './gitops-under-test.ts'

const main = 'refs/heads/main'
const kustomization = (name: string) => `# ${name}\nimages:\n- name: ${name}\n  newTag: v1\n`
const files = {
  'apps/carts/stage/kustomization.yaml': kustomization('carts'),
  'apps/products/stage/kustomization.yaml': kustomization('products'),
}

async function shopOn(gitops: GitOpsUnderTest): Promise<Bench> {
  // One a process, as the command line has it.
  let own: Target | null = null
  return await createBench({
    config: shopConfig((config) => {
      delete config.environments['prod']
    }),
    controller: {
      target: async () => {
        own ??= gitops.open()
        return own
      },
    },
  })
}

const digests = async (gitops: GitOpsUnderTest) => {
  const read = async (name: string) =>
    /sha256:[0-9a-f]{64}/.exec(await gitops.manifests.file(`apps/${name}/stage/kustomization.yaml`))?.[0] ?? null
  return { carts: await read('carts'), products: await read('products') }
}

describe('delivering through a manifest repository', () => {
  test('a push is one commit there, the same push once more is nothing, and what changed comes alone', async () => {
    await using gitops = await openGitOps(files)
    await using bench = await shopOn(gitops)
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'succeeded' })
    const { running } = await bench.state('stage')
    assert.deepEqual(await digests(gitops), {
      carts: running?.services['carts']?.artifact,
      products: running?.services['products']?.artifact,
    })
    const [subject, first] = await gitops.manifests.log('%s')
    assert.match(subject ?? '', /^Deploy shop [0-9a-f]{7} to stage: carts, products$/)
    assert.equal(first, 'first')
    const trailer = (name: string) =>
      gitops.manifests.remote.git('log', '-1', `--format=%(trailers:key=${name},valueonly)`, 'main')
    assert.equal((await trailer('Trunkline-Deployment')).trim(), running?.deployment)
    assert.equal((await trailer('Trunkline-Commit')).trim(), running?.commit)
    assert.equal((await trailer('Trunkline-Release')).trim(), running?.release)

    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'nothing' })
    await bench.push('main', { 'carts/main.txt': 'carts two' })
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'succeeded' })
    const subjects = await gitops.manifests.log('%s')
    assert.equal(subjects.length, 3)
    assert.match(subjects[0] ?? '', /to stage: carts$/)
  })

  test('a change that manifests know nothing of costs no commit, and is done with after once', async () => {
    await using gitops = await openGitOps(files)
    await using bench = await shopOn(gitops)
    await bench.deliver(main)
    await bench.configure(
      shopConfig((config) => {
        delete config.environments['prod']
        Object.assign(config.services['carts'] ?? {}, { env: { COLOUR: 'blue' } })
      }),
    )
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'succeeded' })
    assert.equal((await gitops.manifests.log('%s')).length, 2)
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'nothing' })
  })

  test('what somebody changed by hand is put back by the next delivery', async () => {
    await using gitops = await openGitOps(files)
    await using bench = await shopOn(gitops)
    await bench.deliver(main)
    const before = await digests(gitops)
    await gitops.manifests.push('by hand', { 'apps/carts/stage/kustomization.yaml': kustomization('carts') })
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'succeeded' })
    assert.deepEqual(await digests(gitops), before)
  })

  test('a release that is not verified goes back by a new commit', async () => {
    await using gitops = await openGitOps(files)
    await using bench = await shopOn(gitops)
    await bench.deliver(main)
    const before = await digests(gitops)
    await bench.push('main', { 'carts/main.txt': 'BROKEN', 'products/main.txt': 'products two' })
    assert.deepEqual(outcomes(await bench.deliver(main)), { stage: 'failed' })
    assert.deepEqual(await digests(gitops), before)
    assert.equal((await bench.kinds('stage')).at(-2), 'rolled-back')
    assert.equal((await gitops.manifests.log('%s')).length, 4)
  })

  test('a place that is not understood is refused with its file and line, touches nothing, and bans no release', async () => {
    await using gitops = await openGitOps({ ...files, 'apps/products/stage/kustomization.yaml': 'images: {{ x }}\n' })
    await using bench = await shopOn(gitops)
    const result = await bench.deliver(main)
    assert.deepEqual(outcomes(result), { stage: 'refused' })
    assert.deepEqual((await bench.kinds('stage')).slice(-2), ['started', 'refused'])
    const { event } = (await bench.history('stage'))[0] ?? {}
    assert.match(JSON.stringify(event?.reasons), /apps\/products\/stage\/kustomization\.yaml:1:9: this is a template/)
    assert.match(JSON.stringify(result), /apps\/products\/stage\/kustomization\.yaml:1:9: this is a template/)
    assert.equal((await gitops.manifests.log('%s')).length, 1)
    assert.deepEqual(await bench.yanks(), [])
    await gitops.manifests.push('mend', { 'apps/products/stage/kustomization.yaml': kustomization('products') })
    assert.deepEqual(outcomes(await bench.retry('stage')), { stage: 'succeeded' })
    assert.equal((await gitops.manifests.log('%s')).length, 3)
  })

  test('a controller that dies after its push is gone on with by another, and nothing is pushed twice', async () => {
    await using gitops = await openGitOps(files)
    await using bench = await shopOn(gitops)
    const dying = await bench.controller({ target: async () => gitops.open(), isHolderDead: () => true })
    dying.onBoundary = (name) => {
      if (name.startsWith('after stage/rollout') || name.startsWith('after rollout')) throw new Error('killed')
    }
    await assert.rejects(dying.deliver(main), /killed/)
    const commits = await gitops.manifests.log('%H')
    assert.equal(commits.length, 2)
    const next = await bench.controller({ target: async () => gitops.open(), isHolderDead: () => true })
    assert.deepEqual(outcomes(await next.deliver(main)), { stage: 'succeeded' })
    assert.deepEqual(await gitops.manifests.log('%H'), commits)
  })
})
