/** A real Argo CD brings what the target commits, in a real cluster. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Digest, GitOpsConfig } from '../../../src/model/index.ts'
import { type ArgoCd, startArgoCd } from '../../parts/kubernetes/argocd.ts'
import { type Cluster, kubernetesMissing, startCluster } from '../../parts/kubernetes/cluster.ts'
import { redisMissing } from '../../parts/redis.ts'
import { openGitOps, requestOf } from './gitops-under-test.ts'
import { digestOf } from './manifest-repository.ts'

const missing = kubernetesMissing(['kubelab', 'argocd']) || redisMissing()
const signal = new AbortController().signal

/** Its pods crash where the image is called so. */
const deployment = (name: string, image: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }   # one of the shop
spec:
  replicas: 2
  progressDeadlineSeconds: 5
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - name: main
          image: ${image}
`

const job = (name: string, image: string) => `apiVersion: batch/v1
kind: Job
metadata: { name: ${name} }
spec:
  template:
    spec:
      restartPolicy: Never
      containers: [{ name: main, image: "${image}" }]
`

describe('GitOps with a real Argo CD', { skip: missing, timeout: 600_000 }, () => {
  let cluster: Cluster
  let argo: ArgoCd
  const follow = (timeoutMs = 120_000): GitOpsConfig['follow'] => ({
    kind: 'argocd',
    cluster: { kubeconfig: cluster.kubeconfig, context: null },
    namespace: 'argocd',
    name: '{service}-{environment}',
    timeoutMs,
  })
  before(async () => {
    cluster = await startCluster()
    argo = await startArgoCd(cluster)
  })
  after(async () => {
    await argo?.stop()
    await cluster?.stop()
  })

  const runs = async (namespace: string, name: string): Promise<string> => {
    const path = '{.spec.template.spec.containers[0].image}'
    return await cluster.kubectl('-n', namespace, 'get', 'deployment', name, '-o', `jsonpath=${path}`)
  }

  test('deployed is what Argo CD says is synced and healthy at the commit; a broken one is put back', async () => {
    await using gitops = await openGitOps(
      {
        'carts/all.yaml': deployment('carts', 'registry.test/carts:v1'),
        'web/all.yaml': deployment('web', 'registry.test/web:v1'),
        'web/kustomization.yaml': 'kind: Kustomization\nresources: [all.yaml]   # just this\n',
      },
      {
        edits: [{ kind: 'yaml', file: '{service}/all.yaml', path: 'spec.template.spec.containers[name=main].image' }],
        services: { web: [{ kind: 'kustomize', file: 'web/kustomization.yaml', image: 'registry.test/web' }] },
        follow: follow(),
      },
    )
    const namespace = 'gitops-shop'
    for (const name of ['carts', 'web'])
      await argo.application({ name: `${name}-stage`, repository: gitops.manifests.url, path: name, namespace })
    const target = gitops.open()

    const together: Record<string, Digest> = { carts: digestOf('a'), web: digestOf('b') }
    const verdicts = await Promise.all(
      Object.entries(together).map(([service, digest]) =>
        target.ensure(requestOf(service, digest), gitops.context('d-stage-1', together)),
      ),
    )
    assert.deepEqual(verdicts, [{ ok: true }, { ok: true }])
    assert.equal((await gitops.manifests.log('%s')).length, 2)
    assert.equal(await runs(namespace, 'carts'), `registry.test/carts@${digestOf('a')}`)
    // A new entry says where it is pulled from: the registry that artifacts are pushed to.
    assert.equal(await runs(namespace, 'web'), `registry.test/shop/web@${digestOf('b')}`)
    const seen = await target.observe(['carts', 'web'], signal)
    assert.ok(seen.reachable)
    assert.deepEqual(seen.services['carts']?.instances, { ready: 1, desired: 1 })
    assert.match(seen.services['carts']?.detail ?? '', /^Synced, Healthy at [0-9a-f]{12}$/)
    assert.deepEqual(await target.verify(requestOf('carts', digestOf('a')), gitops.context('d-stage-1')), { ok: true })

    // A release whose pods never get up: the text before it comes back, to the byte.
    const good = await gitops.manifests.file('carts/all.yaml')
    const broken = gitops.open({ pullFrom: 'registry.test/carts-broken' })
    const verdict = await broken.ensure(requestOf('carts', digestOf('c')), gitops.context('d-stage-2'))
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.message ?? '', /^Argo CD says carts-stage is degraded/)
    assert.match(verdict.logTail?.join('\n') ?? '', /Deployment gitops-shop\/carts: .*(progress|available)/i)
    assert.equal(await gitops.manifests.file('carts/all.yaml'), good)
    assert.equal(await runs(namespace, 'carts'), `registry.test/carts@${digestOf('a')}`)
    assert.deepEqual((await gitops.manifests.log('%s')).slice(0, 2), [
      'Put carts back in stage',
      'Deploy shop v1.2.0 to stage: carts',
    ])
    assert.deepEqual(await target.verify(requestOf('carts', digestOf('a')), gitops.context('d-stage-1')), { ok: true })
  })

  test('what Argo CD cannot apply fails with what it says, and is put back', async () => {
    // The template of a Job cannot be changed.
    await using gitops = await openGitOps(
      { 'odd/all.yaml': job('odd', 'registry.test/odd:v1') },
      { edits: [{ kind: 'manifests', files: '{service}/*.yaml', image: 'odd' }], follow: follow() },
    )
    const repository = gitops.manifests.url
    await argo.application({ name: 'odd-stage', repository, path: 'odd', namespace: 'gitops-odd' })
    await argo.until('odd-stage', { sync: 'Synced', health: 'Healthy' })
    const verdict = await gitops.open().ensure(requestOf('odd', digestOf('a')), gitops.context('d-stage-1'))
    assert.ok(!verdict.ok)
    assert.match(verdict.reasons[0]?.message ?? '', /^Argo CD could not sync odd-stage: .*immutable/)
    assert.match(verdict.logTail?.join('\n') ?? '', /^Job gitops-odd\/odd: .*immutable/)
    assert.equal(`${await gitops.manifests.file('odd/all.yaml')}\n`, job('odd', 'registry.test/odd:v1'))
  })

  test('a commit that nobody brings is no verdict on the release: errored, with where it stands', async () => {
    await using gitops = await openGitOps(
      { 'idle/all.yaml': deployment('idle', 'registry.test/idle:v1') },
      { edits: [{ kind: 'manifests', files: '{service}/*.yaml', image: 'idle' }] },
    )
    const { url } = gitops.manifests
    await argo.application({
      name: 'idle-stage',
      repository: url,
      revision: await gitops.manifests.person.head(),
      path: 'idle',
      namespace: 'gitops-idle',
    })
    await assert.rejects(
      gitops.open({ follow: follow(3000) }).ensure(requestOf('idle', digestOf('a')), gitops.context('d-stage-1')),
      { kind: 'errored', code: 'NOT_FOLLOWED' },
    )
    await assert.rejects(
      gitops
        .open({ follow: { ...follow(2000), name: 'no-such' } as GitOpsConfig['follow'] })
        .ensure(requestOf('idle', digestOf('b')), gitops.context('d-stage-2')),
      /there is no Application no-such in namespace argocd/,
    )
  })
})
