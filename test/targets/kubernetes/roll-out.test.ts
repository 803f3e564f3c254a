/** Rollouts against a real control plane: what gets healthy stays, what does not is told with its reason and taken back. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KubernetesObject } from '../../../src/kubernetes-api/index.ts'
import type { ClusterSession } from '../../../src/kubernetes-api/session.ts'
import type { Digest, Verdict } from '../../../src/model/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import { readInventory } from '../../../src/targets/kubernetes/inventory.ts'
import { type Rollout, rollOut, takeAway } from '../../../src/targets/kubernetes/rollout/roll-out.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'
import { sessionTo } from './session-to.ts'

const { signal } = new AbortController()
const digest = `sha256:${'a'.repeat(64)}` as Digest

type Change = {
  app?: string
  image?: string
  annotations?: Record<string, string>
  replicas?: number
  spec?: object
  pod?: object
}

const deployment = (
  name: string,
  { app = name, image = 'shop:1', annotations = {}, replicas = 2, spec, pod }: Change = {},
): KubernetesObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name },
  spec: {
    replicas,
    selector: { matchLabels: { app } },
    strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: 1 } },
    template: {
      metadata: { labels: { app }, annotations },
      spec: { containers: [{ name: 'main', image }], ...pod },
    },
    ...spec,
  },
})

const configMap = (name: string, value = '1'): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name },
  data: { value },
})

const codes = (verdict: Verdict) => (verdict.ok ? [] : verdict.reasons.map(({ code }) => code))
const said = (verdict: Verdict) => (verdict.ok ? '' : verdict.reasons.map(({ message }) => message).join('\n'))

describe('a rollout on a cluster', { skip: kubernetesMissing(), timeout: 600_000 }, () => {
  let cluster: Cluster
  let session: ClusterSession
  before(async () => {
    cluster = await startCluster()
    session = await sessionTo(cluster)
  })
  after(async () => {
    await session?.close()
    await cluster?.stop()
  })

  const rolloutOf = (
    namespace: string,
    objects: KubernetesObject[],
    change: Partial<Rollout> & { generation?: string; epoch?: number } = {},
  ): Rollout => {
    const { generation = 'one', epoch = 1, ...rest } = change
    return {
      session,
      place: { project: 'shop', environment: 'stage', namespace },
      service: 'web',
      wanted: { generation, artifact: digest, fingerprint: null, objects },
      createNamespace: true,
      conflicts: 'fail',
      timeoutMs: 60_000,
      context: { signal, epoch, report: () => {}, log: () => {} },
      ...rest,
    }
  }
  const imagesOf = async (namespace: string) =>
    (await cluster.kubectl('-n', namespace, 'get', 'pods', '-o', 'jsonpath={.items[*].spec.containers[0].image}'))
      .split(' ')
      .sort()

  test('makes the namespace, waits for every pod, and writes down what it brought', async () => {
    const reports: number[] = []
    const rollout = rolloutOf('fresh', [deployment('web'), configMap('settings')])
    rollout.context.report = ({ ready }) => reports.push(ready)
    assert.deepEqual(await rollOut(rollout), { ok: true })
    assert.equal(reports.at(-1), 2)
    const inventory = await readInventory(session, rollout.place, 'web', signal)
    assert.equal(inventory.settled?.generation, 'one')
    assert.equal(inventory.pending, null)
    const labelled = await cluster.kubectl(
      '-n',
      'fresh',
      'get',
      'deployments,configmaps',
      '-l',
      'trunkline.dev/service=web',
      '-o',
      'name',
    )
    assert.deepEqual(labelled.trim().split('\n').sort(), ['configmap/settings', 'deployment.apps/web'])
    assert.deepEqual(await rollOut(rolloutOf('fresh', [deployment('web'), configMap('settings')])), { ok: true })
  })

  test('what is described no more goes, and what may hold data stays', async () => {
    const namespace = await cluster.namespace('prune')
    const claim: KubernetesObject = {
      ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } },
      spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
    }
    await rollOut(rolloutOf(namespace, [deployment('web'), configMap('old'), claim]))
    assert.deepEqual(
      await rollOut(rolloutOf(namespace, [deployment('web'), configMap('new')], { generation: 'two' })),
      { ok: true },
    )
    const left = await cluster.kubectl(
      '-n',
      namespace,
      'get',
      'configmaps,persistentvolumeclaims',
      '-l',
      'trunkline.dev/service=web',
      '-o',
      'name',
    )
    assert.deepEqual(left.trim().split('\n').sort(), ['configmap/new', 'persistentvolumeclaim/data'])
    assert.deepEqual(await takeAway(rolloutOf(namespace, [])), { ok: true })
    await until(
      'the pods to go',
      async () => (await cluster.kubectl('-n', namespace, 'get', 'pods', '-o', 'name')) === '',
    )
    assert.deepEqual(await takeAway(rolloutOf(namespace, [])), { ok: true }, 'twice is as once')
  })

  test('an image that crashes fails with its exit, and what ran before serves again in full', async () => {
    const namespace = await cluster.namespace('broken')
    await rollOut(rolloutOf(namespace, [deployment('web', { image: 'shop:1' })]))
    const verdict = await rollOut(
      rolloutOf(namespace, [deployment('web', { image: 'shop:broken' })], { generation: 'two' }),
    )
    assert.ok(codes(verdict).includes('crash-loop-back-off'), said(verdict))
    assert.ok(codes(verdict).includes('old-serves'), said(verdict))
    assert.match(said(verdict), /container main of Pod .*ends again and again/)
    await until('only old pods', async () => (await imagesOf(namespace)).join() === 'shop:1,shop:1')
    const inventory = await readInventory(session, rolloutOf(namespace, []).place, 'web', signal)
    assert.equal(inventory.settled?.generation, 'one')
    assert.equal(inventory.pending, null)
  })

  test('an image that cannot be pulled, pods that find no node, and a quota each say so', async () => {
    const namespace = await cluster.namespace('reasons')
    const pull = await rollOut(
      rolloutOf(namespace, [deployment('pull', { annotations: { 'trunkline.test/broken': 'image-pull' } })], {
        service: 'pull',
      }),
    )
    assert.ok(codes(pull).includes('image-pull-back-off'), said(pull))
    assert.ok(codes(pull).includes('taken-away'), said(pull))
    const nodes = deployment('nodes', { pod: { nodeSelector: { disk: 'of-gold' } } })
    const unschedulable = await rollOut(rolloutOf(namespace, [nodes], { service: 'nodes', timeoutMs: 5000 }))
    assert.ok(codes(unschedulable).includes('unschedulable'), said(unschedulable))
    assert.match(said(unschedulable), /within 5 s/)
    const tight = await cluster.namespace('tight')
    await cluster.apply({
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'tight', namespace: tight },
      spec: { hard: { pods: '1' } },
    })
    const quota = await rollOut(rolloutOf(tight, [deployment('web', { replicas: 3 })]))
    assert.ok(codes(quota).includes('quota-exceeded'), said(quota))
  })

  test('fields that another manages and fields that cannot change are named, and nothing else is touched', async () => {
    const namespace = await cluster.namespace('conflicts')
    await rollOut(rolloutOf(namespace, [deployment('web'), configMap('settings', '1')]))
    await cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'configmap',
      'settings',
      '--field-manager=ops',
      '--type=merge',
      '-p',
      '{"data":{"value":"by hand"}}',
    )
    const conflict = await rollOut(
      rolloutOf(namespace, [deployment('web'), configMap('settings', '2')], { generation: 'two' }),
    )
    assert.deepEqual(codes(conflict)[0], 'managed-by-another')
    assert.match(said(conflict), /ConfigMap .*settings: .*\.data\.value is managed by "ops"/)
    const immutable = deployment('web', { app: 'other' })
    const verdict = await rollOut(rolloutOf(namespace, [{ ...immutable }], { generation: 'three', conflicts: 'force' }))
    assert.equal(verdict.ok, false)
    assert.match(said(verdict), /spec\.selector cannot be changed any more/)
    assert.ok(codes(verdict).includes('old-serves'), said(verdict))
  })

  test('a controller whose lease is older writes nothing', async () => {
    const namespace = await cluster.namespace('stale')
    await rollOut(rolloutOf(namespace, [deployment('web', { image: 'shop:2' })], { epoch: 5 }))
    await assert.rejects(
      rollOut(rolloutOf(namespace, [deployment('web', { image: 'shop:1' })], { epoch: 4 })),
      (error) => error instanceof TrunklineError && error.code === 'STALE_CONTROLLER',
    )
    assert.deepEqual(await imagesOf(namespace), ['shop:2', 'shop:2'])
  })

  test('one that died half-way is followed by one that goes on; an API server that restarts is waited for', async () => {
    const namespace = await cluster.namespace('crash')
    await rollOut(rolloutOf(namespace, [deployment('web', { image: 'shop:1' })]))
    const dying = new AbortController()
    const slow = { 'trunkline.test/ready-delay': '5s' }
    const first = rolloutOf(
      namespace,
      [deployment('web', { image: 'shop:2', annotations: slow }), configMap('of-two')],
      { generation: 'two' },
    )
    first.context.signal = dying.signal
    const ended = assert.rejects(rollOut(first))
    await until(
      'it is on its way',
      async () => (await readInventory(session, first.place, 'web', signal)).pending !== null,
    )
    dying.abort()
    await ended
    const next = rollOut(
      rolloutOf(namespace, [deployment('web', { image: 'shop:3', annotations: slow })], {
        generation: 'three',
        epoch: 2,
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 1500))
    await cluster.restartApiServer()
    assert.deepEqual(await next, { ok: true })
    await until('only new pods', async () => (await imagesOf(namespace)).join() === 'shop:3,shop:3')
    assert.equal(
      await cluster.kubectl('-n', namespace, 'get', 'configmaps', '-l', 'trunkline.dev/service=web', '-o', 'name'),
      '',
    )
  })

  test('a namespace that is being deleted is no place', async () => {
    const namespace = await cluster.namespace('going')
    await cluster.apply({
      ...configMap('held'),
      metadata: { name: 'held', namespace, finalizers: ['example.com/held'] },
    })
    await cluster.kubectl('delete', 'namespace', namespace, '--wait=false')
    const verdict = await rollOut(rolloutOf(namespace, [deployment('web')]))
    assert.deepEqual(codes(verdict), ['namespace-terminating'])
    await cluster.kubectl(
      '-n',
      namespace,
      'patch',
      'configmap',
      'held',
      '--type=merge',
      '-p',
      '{"metadata":{"finalizers":null}}',
    )
  })
})
