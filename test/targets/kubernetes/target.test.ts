/** The target as the engine uses it, against a real control plane. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../../src/clock/index.ts'
import { parseProjectOrThrow } from '../../../src/config/index.ts'
import type { Digest, KubernetesConfig, Release, ReleaseId } from '../../../src/model/index.ts'
import { desiredOf } from '../../../src/planning/index.ts'
import type { ArtifactStore, RolloutRequest, Target, TargetContext } from '../../../src/ports/index.ts'
import { createKubernetesTarget } from '../../../src/targets/kubernetes/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'

const { signal } = new AbortController()
const digest = (letter: string) => `sha256:${letter.repeat(64)}` as Digest

/** What the target asks of a store. */
const artifacts = {
  location: 'a registry',
  imageReference: (artifact: Digest) => `registry.test/shop@${artifact}`,
} as unknown as ArtifactStore

const project = parseProjectOrThrow({
  file: 'trunkline.yaml',
  text: `
project: shop
artifacts: oci://registry.test/shop
services:
  carts:
    path: carts
    artifact: { image: { base: scratch, entrypoint: [/carts] } }
    env:
      LEVEL: info
      TOKEN: { from: TOKEN, secret: true }
      PRODUCTS: { service: products }
    run: { container: { port: 8080, health: /healthz } }
  products:
    path: products
    artifact: { image: { base: scratch, entrypoint: [/products] } }
    run: { container: { port: 8080 }, kubernetes: { manifests: deploy/*.yaml } }
environments:
  stage: { target: { kubernetes: { namespace: "{project}-{environment}" } } }
`,
})
const manifest = `
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: products }
spec:
  serviceName: products
  replicas: 1
  selector: { matchLabels: { app: products } }
  template:
    metadata: { labels: { app: products } }
    spec: { containers: [{ name: main, image: products }] }
`

function releaseOf(artifact: Digest, content = manifest): Release {
  const released = Object.values(project.services).map(({ name, run, env, deployAfter, target }) => [
    name,
    {
      artifact,
      run,
      env,
      deployAfter,
      target,
      deployInputs: name === 'products' ? { 'deploy/all.yaml': content as never } : {},
    },
  ])
  return {
    version: 1,
    id: artifact as unknown as ReleaseId,
    services: Object.fromEntries(released),
    environments: {},
    tasks: {},
  }
}

const requestOf = (release: Release, service: string, variables: Record<string, string> = {}): RolloutRequest => ({
  service,
  desired: desiredOf(release, service, 'stage', null),
  files: async () =>
    new Map(
      Object.entries(release.services[service]?.deployInputs ?? {}).map(([path, text]) => [path, Buffer.from(text)]),
    ),
  variables,
  strategy: 'one-at-a-time',
})

describe('a Kubernetes target', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
  let cluster: Cluster
  const opened: Target[] = []
  before(async () => {
    cluster = await startCluster()
  })
  after(async () => {
    for (const target of opened) await target.close?.()
    await cluster?.stop()
  })

  function targetFor(change: Partial<KubernetesConfig> = {}, kubeconfig = cluster.kubeconfig): Target {
    const [config] = Object.values(project.environments['stage']?.targets ?? {})
    assert.ok(config?.kind === 'kubernetes')
    const target = createKubernetesTarget({
      config: { ...config.kubernetes, clusters: [{ kubeconfig, context: null }], timeoutMs: 60_000, ...change },
      ...{ project: 'shop', environment: 'stage', clock: systemClock, root: '/' },
      variables: { PATH: process.env['PATH'] },
    })
    opened.push(target)
    return target
  }
  const context = (epoch = 1): TargetContext => ({ signal, epoch, artifacts, report: () => {}, log: () => {} })
  const observe = async (target: Target, service: string) => {
    const observation = await target.observe([service], signal)
    assert.ok(observation.reachable)
    const known = observation.services[service]
    assert.ok(known)
    return known
  }

  test('a generated Deployment goes through the stages of a canary, and a StatefulSet is objected to', async () => {
    const target = targetFor({ namespace: 'shop-canary', url: 'https://{service}.stage.test' })
    const variables = { LEVEL: 'info', TOKEN: 'correct-horse-battery' }
    const stages = [10, 100].map((weight) => ({ weight, verify: ['works'], pauseMs: 0 }))
    const strategy = { kind: 'canary' as const, stages }
    const seen: string[] = []
    const told: TargetContext = {
      ...context(),
      async verifyStage({ weight, address }) {
        const { newSet, generation } = await observe(target, 'carts')
        seen.push(`${weight} ${newSet?.weight} ${generation} ${address}`)
        return { ok: true }
      },
    }
    for (const letter of ['a', 'b']) {
      const request = { ...requestOf(releaseOf(digest(letter)), 'carts', variables), strategy }
      assert.deepEqual(await target.objectionsTo?.(request, signal), [])
      assert.deepEqual(await target.ensure(request, told), { ok: true })
      assert.deepEqual(await target.verify(request, told), { ok: true })
      const settled = await observe(target, 'carts')
      assert.equal(settled.generation, request.desired.generation)
      assert.equal(settled.newSet, undefined)
    }
    assert.deepEqual(seen, ['10 10 null null', '100 100 null https://carts.stage.test'])
    const products = { ...requestOf(releaseOf(digest('a')), 'products'), strategy }
    const objections = await target.objectionsTo?.(products, signal)
    assert.match(
      objections?.[0]?.message ?? '',
      /StatefulSet products cannot be rolled out as canary: each of its pods/,
    )
    assert.deepEqual(await target.objectionsTo?.({ ...products, strategy: 'half' }, signal), [])
  })

  test('from nothing to running, changed, changed by hand, and away', async () => {
    const target = targetFor({ url: 'https://{service}.stage.test' })
    const carts = { LEVEL: 'info', TOKEN: 'correct-horse-battery' }
    assert.equal((await observe(target, 'carts')).generation, null)
    assert.deepEqual(await target.fingerprint({ carts }, signal), {}, 'nothing is there to compare with')
    const release = releaseOf(digest('a'))
    const request = requestOf(release, 'carts', carts)
    assert.deepEqual(await target.ensure(request, context()), { ok: true })
    assert.deepEqual(await target.verify(request, context()), { ok: true })
    assert.deepEqual(await target.ensure(requestOf(release, 'products'), context()), { ok: true })
    const seen = await observe(target, 'carts')
    assert.equal(seen.generation, request.desired.generation)
    assert.equal(seen.artifact, digest('a'))
    assert.deepEqual(seen.instances, { ready: 2, desired: 2 })
    assert.equal(seen.url, 'https://carts.stage.test')
    assert.deepEqual(await target.fingerprint({ carts }, signal), { carts: seen.fingerprint })
    assert.notDeepEqual(await target.fingerprint({ carts: { ...carts, TOKEN: 'another' } }, signal), {
      carts: seen.fingerprint,
    })
    const images = await cluster.kubectl(
      '-n',
      'shop-stage',
      'get',
      'pods',
      '-o',
      'jsonpath={.items[*].spec.containers[0].image}',
    )
    assert.deepEqual([...new Set(images.split(' '))], [`registry.test/shop@${digest('a')}`])
    const deployment = await cluster.kubectl('-n', 'shop-stage', 'get', 'deployment', 'carts', '-o', 'json')
    assert.ok(!deployment.includes('correct-horse'), 'secrets are in Secrets')

    const other = requestOf(releaseOf(digest('b')), 'carts', { ...carts, TOKEN: 'another-secret-word' })
    assert.deepEqual(await target.ensure(other, context(2)), { ok: true })
    const secrets = await cluster.kubectl('-n', 'shop-stage', 'get', 'secrets', '-o', 'name')
    assert.equal(
      secrets.split('\n').filter((name) => name.includes('carts-secret-')).length,
      1,
      'the old one is pruned',
    )
    assert.equal((await target.verify(request, context())).ok, false)

    await cluster.kubectl('-n', 'shop-stage', 'scale', 'deployment/carts', '--replicas=5')
    const drift = (await target.findDrift?.(['carts', 'products'], signal)) ?? []
    assert.deepEqual(
      drift.map(({ service, subject, fields }) => [
        service,
        subject,
        fields.map(({ path, expected, actual }) => [path, expected, actual]),
      ]),
      [['carts', 'Deployment shop-stage/carts', [['spec.replicas', 2, 5]]]],
    )
    assert.deepEqual(await target.remove('carts', context(3)), { ok: true })
    assert.equal((await observe(target, 'carts')).generation, null)
    await until(
      'its pods to go',
      async () => !(await cluster.kubectl('-n', 'shop-stage', 'get', 'pods', '-o', 'name')).includes('carts'),
    )
  })

  test('a description that is wrong, or that names no image of ours, is a verdict with the place', async () => {
    const target = targetFor({ namespace: 'wrong' })
    const without = await target.ensure(
      requestOf(releaseOf(digest('a'), manifest.replace('image: products', 'image: other')), 'products'),
      context(),
    )
    assert.ok(!without.ok)
    assert.match(without.reasons[0]?.message ?? '', /other/)
    const broken = await target.ensure(requestOf(releaseOf(digest('a'), 'kind: [\n'), 'products'), context())
    assert.ok(!broken.ok)
    assert.equal(broken.reasons[0]?.file, 'deploy/all.yaml')
  })

  test('the rights that the docs list are enough, and a missing one is named', async () => {
    const namespace = await cluster.namespace('rights')
    const { kubeconfig } = await cluster.user({ name: 'deployer' })
    const target = targetFor({ namespace, createNamespace: false }, kubeconfig)
    const request = requestOf(releaseOf(digest('a')), 'carts', { LEVEL: 'info', TOKEN: 'correct-horse-battery' })
    await assert.rejects(target.ensure(request, context()), /deployer.*cannot/)
    const [before] = (await target.examine?.(['carts'], signal)) ?? []
    assert.equal(before?.isWell, false)
    assert.match(before.message, /may not get, .*patch, .*secrets; .*deployments\.apps; .*get pods\/log in namespace/)
    await cluster.apply(await documentedRights(namespace))
    assert.deepEqual(
      await until('the rights to be known', async () => await target.ensure(request, context()).catch(() => null)),
      { ok: true },
    )
    assert.deepEqual(await target.verify(request, context()), { ok: true })
    assert.deepEqual(
      (await target.examine?.(['carts'], signal))?.map(({ isWell }) => isWell),
      [true],
    )
    await cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'role',
      'trunkline',
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/rules/4"}]',
    )
    const lacking = await until('the right to be gone', async () => {
      const [found] = (await target.examine?.(['carts'], signal)) ?? []
      return found?.isWell === false ? found : null
    })
    assert.match(
      lacking.message,
      /may not get, list, watch, create, patch, delete poddisruptionbudgets\.policy in namespace/,
    )
    await cluster.apply(await documentedRights(namespace))
    await until('the right to be back', async () => (await target.examine?.(['carts'], signal))?.[0]?.isWell === true)
    const job = {
      key: 'k',
      name: 'migrate',
      service: 'carts',
      artifact: digest('a'),
      run: 'true',
      variables: { A: 'b' },
      timeoutMs: 60_000,
    }
    const outcome = await target.runJob(job, context())
    assert.equal(outcome.kind === 'ended' && outcome.exitCode, 0)
    for await (const line of target.logs({ service: 'carts', lines: 5, follow: false }, signal))
      assert.ok(line.text !== null)
    assert.deepEqual(await target.findDrift?.(['carts'], signal), [])
    assert.deepEqual(await target.remove('carts', context(2)), { ok: true })
  })

  test('where a later cluster fails, those before it go back', async () => {
    const second = await startCluster()
    try {
      const clusters = [cluster, second].map(({ kubeconfig }) => ({ kubeconfig, context: null }))
      const target = targetFor({ namespace: 'both', clusters, timeoutMs: 6000 })
      assert.deepEqual(await target.ensure(requestOf(releaseOf(digest('a')), 'products'), context()), { ok: true })
      const seen = await observe(target, 'products')
      assert.deepEqual(seen.instances, { ready: 2, desired: 2 })
      assert.equal(seen.hosts?.length, 2)
      await second.apply({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'none', namespace: 'both' },
        spec: { hard: { pods: '0' } },
      })
      const verdict = await target.ensure(requestOf(releaseOf(digest('b')), 'products'), context(2))
      assert.equal(verdict.ok, false)
      assert.equal(
        (await observe(target, 'products')).generation === null,
        true,
        'the second has no pods left to run it',
      )
      const image = await cluster.kubectl(
        '-n',
        'both',
        'get',
        'statefulset',
        'products',
        '-o',
        'jsonpath={.spec.template.spec.containers[0].image}',
      )
      assert.equal(image, `registry.test/shop@${digest('a')}`)
    } finally {
      await second.stop()
    }
  })
})

/** As a reader would take them out of the documentation. */
async function documentedRights(namespace: string): Promise<string> {
  const { readFile } = await import('node:fs/promises')
  const text = await readFile(new URL('../../../docs/targets/kubernetes.md', import.meta.url), 'utf8')
  const [, rights = ''] = /```yaml\n(# The rights[\s\S]*?)```/.exec(text) ?? []
  assert.ok(rights.includes('kind: Role'), 'the documentation has the rights')
  return rights.replaceAll('shop-stage', namespace)
}
