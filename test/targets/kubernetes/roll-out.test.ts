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

  test('an image that cannot be pulled and pods that find no node each say so', async () => {
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
  })

  const byHand = (namespace: string, kind: string, name: string, patch: object) =>
    cluster.kubectl(
      ...['-n', namespace, 'patch', kind, name, '--field-manager=ops', '--type=merge', '-p', JSON.stringify(patch)],
    )

  test('a field that another manages is refused before anything is changed, with its object and its manager', async () => {
    const namespace = await cluster.namespace('conflicts')
    const before = [deployment('web'), configMap('aaa', '1'), configMap('settings', '1')]
    await rollOut(rolloutOf(namespace, before))
    await byHand(namespace, 'configmap', 'settings', { data: { value: 'by hand' } })
    await byHand(namespace, 'deployment', 'web', { metadata: { annotations: { 'example.com/of-others': 'stays' } } })
    const after = [deployment('web', { image: 'shop:2' }), configMap('aaa', '2'), configMap('settings', '2')]
    const conflict = await rollOut(rolloutOf(namespace, after, { generation: 'two' }))
    assert.deepEqual(codes(conflict), ['managed-by-another'])
    assert.equal(!conflict.ok && conflict.refused, true)
    assert.match(said(conflict), /ConfigMap .*settings: .*\.data\.value is managed by "ops"/)
    assert.match(conflict.ok ? '' : (conflict.reasons[0]?.hint ?? ''), /`conflicts: force`/)
    const inventory = await readInventory(session, rolloutOf(namespace, []).place, 'web', signal)
    assert.deepEqual([inventory.settled?.generation, inventory.pending], ['one', null])
    const values = await cluster.kubectl(
      '-n',
      namespace,
      'get',
      'cm',
      'aaa',
      'settings',
      '-o',
      'jsonpath={.items[*].data.value}',
    )
    assert.equal(values, '1 by hand')
    assert.deepEqual(await imagesOf(namespace), ['shop:1', 'shop:1'])
    const forced = await rollOut(rolloutOf(namespace, after, { generation: 'two', conflicts: 'force' }))
    assert.deepEqual(forced, { ok: true })
  })

  test('what others wrote and nobody describes is no conflict, and what stands as it is wanted is not applied again', async () => {
    const namespace = await cluster.namespace('same')
    await rollOut(rolloutOf(namespace, [deployment('web'), configMap('settings', '1')]))
    await byHand(namespace, 'configmap', 'settings', { data: { other: 'of others' } })
    const written = () =>
      cluster.kubectl(
        '-n',
        namespace,
        'get',
        'cm',
        'settings',
        '-o',
        'jsonpath={.metadata.managedFields[?(@.manager=="trunkline")].time} {.data.other}',
      )
    const first = await written()
    await until('another second', async () => new Date().toISOString().slice(0, 19) > first.slice(0, 19))
    const next = rolloutOf(namespace, [deployment('web', { image: 'shop:2' }), configMap('settings', '1')], {
      generation: 'two',
    })
    assert.deepEqual(await rollOut(next), { ok: true })
    assert.equal(await written(), first)
    assert.deepEqual(await imagesOf(namespace), ['shop:2', 'shop:2'])
  })

  test('a conflict that only applying shows takes back what was applied, and leaves the field to who has taken it', async () => {
    const namespace = await cluster.namespace('late')
    await rollOut(rolloutOf(namespace, [deployment('web'), configMap('aaa', '1')]))
    const late = rolloutOf(namespace, [deployment('web', { replicas: 4 }), configMap('aaa', '2')], {
      generation: 'two',
    })
    const request = session.client.request.bind(session.client)
    let isTaken = false
    const client: ClusterSession['client'] = {
      ...session.client,
      async request(asked) {
        const answer = await request(asked)
        // Between the look and the apply.
        if (
          !isTaken &&
          asked.method === 'PATCH' &&
          /configmaps\/aaa/.test(asked.path) &&
          asked.query?.['dryRun'] === undefined
        ) {
          isTaken = true
          await byHand(namespace, 'deployment', 'web', { spec: { replicas: 3 } })
        }
        return answer
      },
    }
    const verdict = await rollOut({ ...late, session: { ...session, client } })
    assert.ok(isTaken)
    assert.ok(codes(verdict).includes('managed-by-another') && codes(verdict).includes('old-serves'), said(verdict))
    assert.equal(!verdict.ok && verdict.refused, true)
    assert.equal(
      await cluster.kubectl(
        '-n',
        namespace,
        'get',
        'deploy/web',
        'cm/aaa',
        '-o',
        'jsonpath={.items[*].spec.replicas} {.items[*].data.value}',
      ),
      '3 1',
    )
  })

  test('fields that cannot change are named, and what was applied is taken back', async () => {
    const namespace = await cluster.namespace('immutable')
    await rollOut(rolloutOf(namespace, [deployment('web'), configMap('settings', '1')]))
    const immutable = deployment('web', { app: 'other' })
    const verdict = await rollOut(rolloutOf(namespace, [immutable, configMap('settings', '2')], { generation: 'two' }))
    assert.equal(verdict.ok || verdict.refused, undefined)
    assert.match(said(verdict), /spec\.selector cannot be changed any more/)
    assert.ok(codes(verdict).includes('old-serves'), said(verdict))
    assert.equal(await cluster.kubectl('-n', namespace, 'get', 'cm/settings', '-o', 'jsonpath={.data.value}'), '1')
  })

  test('what the cluster allows nobody is refused: a quota, a rule of Pod Security, a namespace nobody makes', async () => {
    const tight = await cluster.namespace('tight')
    await cluster.apply({
      ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: { name: 'tight', namespace: tight } },
      spec: { hard: { pods: '1', configmaps: '2' } },
    })
    const pods = await rollOut(rolloutOf(tight, [deployment('web', { replicas: 3 })]))
    assert.ok(codes(pods).includes('quota-exceeded'), said(pods))
    const maps = await rollOut(
      rolloutOf(
        tight,
        ['a', 'b', 'c'].map((name) => configMap(name)),
      ),
    )
    assert.ok(codes(maps).includes('quota-exceeded'), said(maps))
    const guarded = await cluster.namespace('guarded')
    await cluster.kubectl('label', 'namespace', guarded, 'pod-security.kubernetes.io/enforce=restricted')
    const pod: KubernetesObject = {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'web' } },
      spec: { containers: [{ name: 'main', image: 'shop:1' }] },
    }
    const denied = await rollOut(rolloutOf(guarded, [pod]))
    assert.ok(codes(denied).includes('admission-denied'), said(denied))
    const nowhere = await rollOut(rolloutOf('nowhere', [configMap('a')], { createNamespace: false }))
    assert.deepEqual(codes(nowhere), ['namespace-missing'])
    for (const verdict of [pods, maps, denied, nowhere])
      assert.equal(!verdict.ok && verdict.refused, true, said(verdict))
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

  test('a namespace that is being deleted is the fault of no release: errored', async () => {
    const namespace = await cluster.namespace('going')
    await cluster.apply({
      ...configMap('held'),
      metadata: { name: 'held', namespace, finalizers: ['example.com/held'] },
    })
    await cluster.kubectl('delete', 'namespace', namespace, '--wait=false')
    await assert.rejects(
      rollOut(rolloutOf(namespace, [deployment('web')])),
      (error) => error instanceof TrunklineError && error.kind === 'errored' && error.code === 'NAMESPACE_TERMINATING',
    )
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
