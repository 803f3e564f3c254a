/** Canary and blue-green by numbers of pods against real controllers: who gets requests is what the endpoints say. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { KubernetesObject } from '../../../src/kubernetes-api/index.ts'
import { type ClusterSession, sessionOpener } from '../../../src/kubernetes-api/session.ts'
import type { Digest, RolloutStrategy, StagedStrategy, Verdict } from '../../../src/model/index.ts'
import { refusedError } from '../../../src/model/index.ts'
import type { TargetContext } from '../../../src/ports/index.ts'
import { readInventory } from '../../../src/targets/kubernetes/inventory.ts'
import { observeServices } from '../../../src/targets/kubernetes/observe.ts'
import { type RolloutBy, rollOutBy } from '../../../src/targets/kubernetes/staged/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'

const { signal } = new AbortController()
const digest = `sha256:${'a'.repeat(64)}` as Digest
const stage = (weight: number, pauseMs = 0, verify: string[] | null = ['works']) => ({ weight, pauseMs, verify })
const canary = (...stages: StagedStrategy['stages']): StagedStrategy => ({ kind: 'canary', stages })
const blueGreen: StagedStrategy = { kind: 'blue-green', stages: [stage(0), stage(100)] }
const lost = refusedError('LEASE_LOST', 'another controller has the lease')

type Version = { replicas?: number; annotations?: Record<string, string>; more?: KubernetesObject[] }

/** A Deployment with its Service, and a ConfigMap by the version's name, as content-hashed ones have. */
const web = (version: number, { replicas = 3, annotations = {}, more = [] }: Version = {}): KubernetesObject[] => [
  {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      strategy: { rollingUpdate: { maxUnavailable: 0, maxSurge: '100%' } },
      template: {
        metadata: { labels: { app: 'web' }, annotations },
        spec: {
          containers: [
            { name: 'main', image: `web:${version}`, envFrom: [{ configMapRef: { name: `env-${version}` } }] },
          ],
        },
      },
    },
  },
  {
    ...{ apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' } },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }] },
  },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `env-${version}` }, data: { VERSION: String(version) } },
  ...more,
]

const codes = (verdict: Verdict) => (verdict.ok ? [] : verdict.reasons.map(({ code }) => code))
const spoken = (verdict: Verdict) => (verdict.ok ? '' : verdict.reasons.map(({ message }) => message).join('\n'))

describe('a rollout in stages on a cluster', { skip: kubernetesMissing(), timeout: 600_000, concurrency: 3 }, () => {
  let cluster: Cluster
  let session: ClusterSession
  before(async () => {
    cluster = await startCluster()
    const open = sessionOpener({ kubeconfig: cluster.kubeconfig, context: null }, { root: '/', variables: {} })
    session = await open(signal)
  })
  after(async () => {
    await session?.close()
    await cluster?.stop()
  })

  type Change = Version & Partial<Pick<TargetContext, 'signal' | 'epoch' | 'verifyStage' | 'stagePassed' | 'report'>>
  const rolloutOf = (
    namespace: string,
    version: number,
    strategy: RolloutStrategy,
    { replicas = 3, annotations = {}, more = [], ...context }: Change = {},
  ): RolloutBy => ({
    ...{ session, strategy, service: 'web', url: 'http://web.test', timeoutMs: 60_000 },
    place: { project: 'shop', environment: 'stage', namespace },
    wanted: {
      ...{ generation: `generation-${version}`, artifact: digest, fingerprint: null },
      objects: web(version, { replicas, annotations, more }),
    },
    createNamespace: true,
    conflicts: 'fail',
    context: { signal, epoch: 1, report: () => {}, log: () => {}, ...context },
  })
  const verified: TargetContext['verifyStage'] = async () => ({ ok: true })

  const read = async (namespace: string, kind: string, name: string) =>
    await cluster.api.get(`/${kind === 'deployments' ? 'apis/apps' : 'api'}/v1/namespaces/${namespace}/${kind}/${name}`)
  const pods = (namespace: string) => cluster.api.list(`/api/v1/namespaces/${namespace}/pods`)
  const uidsOf = async (namespace: string, image: string) =>
    (await pods(namespace))
      .filter((pod) => pod['spec'].containers[0].image === image)
      .map(({ metadata }) => metadata.uid ?? '')
      .sort()

  /** How many pods of each image a Service's requests go to: `web:1 x3, web:2 x1`. */
  async function endpoints(namespace: string, service = 'web'): Promise<string> {
    const slices = await cluster.api.list(
      `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices?labelSelector=kubernetes.io/service-name=${service}`,
    )
    const ready = slices.flatMap((slice) => slice['endpoints'] ?? []).filter((known) => known.conditions.ready)
    const images = new Map((await pods(namespace)).map((pod) => [pod.metadata.name, pod['spec'].containers[0].image]))
    const counts = new Map<string, number>()
    for (const { targetRef } of ready) {
      const image = images.get(targetRef.name) ?? 'gone'
      counts.set(image, (counts.get(image) ?? 0) + 1)
    }
    return [...counts]
      .map(([image, count]) => `${image} x${count}`)
      .sort()
      .join(', ')
  }
  const untilEndpoints = (namespace: string, wanted: string, service?: string) =>
    until(`${service ?? 'web'} to lead to ${wanted}`, async () => (await endpoints(namespace, service)) === wanted)
  const reached = async (namespace: string) =>
    (await readInventory(session, rolloutOf(namespace, 0, 'half').place, 'web', signal)).pending?.staged

  /** Nothing of a rollout in stages is left, and what is described is what there is. */
  async function assertSettled(namespace: string, version: number, replicas = 3) {
    await untilEndpoints(namespace, `web:${version} x${replicas}`)
    assert.deepEqual((await read(namespace, 'services', 'web'))?.['spec'].selector, { app: 'web' })
    for (const [kind, name] of [
      ['deployments', 'web-next'],
      ['services', 'web-preview'],
    ] as const) {
      await until(`${name} to go`, async () => (await read(namespace, kind, name)) === null)
    }
    await until('one set of pods', async () => (await pods(namespace)).length === replicas)
    const inventory = await readInventory(session, rolloutOf(namespace, 0, 'half').place, 'web', signal)
    assert.equal(inventory.pending, null)
    assert.equal(inventory.settled?.generation, `generation-${version}`)
    const maps = await cluster.kubectl(
      '-n',
      namespace,
      'get',
      'configmaps',
      '-l',
      'trunkline.dev/service',
      '-o',
      'name',
    )
    assert.equal(maps.trim(), `configmap/env-${version}`)
  }

  test('a canary has its share by numbers of pods, and the old ones stay in full until the last stage has passed', async () => {
    const namespace = await cluster.namespace('canary')
    const strategy = canary(stage(10), stage(50), stage(100))
    const first: string[] = []
    const noted = { stagePassed: async ({ weight }: { weight: number }) => void first.push(String(weight)) }
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 1, strategy, noted)), { ok: true })
    assert.deepEqual(first, [], 'there was nothing to share requests with')

    const story: string[] = []
    const reports: string[] = []
    const verdict = await rollOutBy(
      rolloutOf(namespace, 2, strategy, {
        report: ({ stage: told }) => void (told && reports.push(`${told.weight} ${told.phase}`)),
        async verifyStage({ weight, verify, address }) {
          const wanted = { 10: 'web:1 x3, web:2 x1', 50: 'web:1 x3, web:2 x3', 100: 'web:2 x3' }[weight]
          await untilEndpoints(namespace, wanted ?? '')
          await untilEndpoints(namespace, `web:2 x${weight === 10 ? 1 : 3}`, 'web-preview')
          assert.equal((await uidsOf(namespace, 'web:1')).length, 3)
          const seen = await observeServices(session, rolloutOf(namespace, 2, 'half').place, ['web'], signal)
          assert.deepEqual(seen['web']?.newSet, { weight })
          assert.equal(seen['web']?.generation, null)
          story.push(`${weight} ${verify} ${address}`)
          return { ok: true }
        },
        stagePassed: async ({ weight }) => void story.push(`${weight} passed`),
      }),
    )
    assert.deepEqual(verdict, { ok: true })
    const atAll = '100 works http://web.test'
    assert.deepEqual(story, ['10 works null', '10 passed', '50 works null', '50 passed', atAll, '100 passed'])
    const phases = ['10 verifying', '10 watching', '50 verifying', '50 watching', '100 verifying', '100 watching']
    assert.deepEqual(
      reports.filter((line, index) => !line.endsWith('moving') && reports.indexOf(line) === index),
      phases,
    )
    await assertSettled(namespace, 2)
  })

  test('blue-green has a whole new set without requests, then gives it all of them by one write', async () => {
    const namespace = await cluster.namespace('blue')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const stages: number[] = []
    const verdict = await rollOutBy(
      rolloutOf(namespace, 2, blueGreen, {
        async verifyStage({ weight }) {
          await untilEndpoints(namespace, weight === 0 ? 'web:1 x3' : 'web:2 x3')
          await untilEndpoints(namespace, 'web:2 x3', 'web-preview')
          assert.equal((await uidsOf(namespace, 'web:1')).length, 3)
          stages.push(weight)
          return { ok: true }
        },
      }),
    )
    assert.deepEqual(verdict, { ok: true })
    assert.deepEqual(stages, [0, 100])
    await assertSettled(namespace, 2)
  })

  test('a stage that fails gives everything back to the very pods that had it', async () => {
    const namespace = await cluster.namespace('back')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const old = await uidsOf(namespace, 'web:1')
    for (const [version, strategy, failing] of [
      [2, canary(stage(50), stage(100)), 50],
      [3, blueGreen, 100],
    ] as const) {
      const no = { ok: false as const, reasons: [{ code: 'stage-failed', message: 'works failed' }] }
      const verdict = await rollOutBy(
        rolloutOf(namespace, version, strategy, {
          verifyStage: async ({ weight }) => (weight === failing ? no : { ok: true }),
        }),
      )
      assert.deepEqual(codes(verdict), ['stage-failed', 'old-serves'])
      await assertSettled(namespace, 1)
      assert.deepEqual(await uidsOf(namespace, 'web:1'), old)
    }
  })

  test('a set that fails by itself is taken back, before requests and while it is watched', async () => {
    const namespace = await cluster.namespace('crash')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const old = await uidsOf(namespace, 'web:1')
    const broken = { annotations: { 'trunkline.test/broken': 'true', 'trunkline.test/log': 'no such table' } }
    const never = await rollOutBy(rolloutOf(namespace, 2, blueGreen, broken))
    assert.match(spoken(never), /web-next did not get healthy/)
    assert.match(spoken(never), /CrashLoopBackOff/)
    assert.deepEqual(never.ok ? [] : never.logTail, ['no such table'])
    await assertSettled(namespace, 1)
    const later = { annotations: { 'trunkline.test/crash-after': '3s' } }
    const watched = await rollOutBy(rolloutOf(namespace, 3, canary(stage(50, 120_000, []), stage(100)), later))
    assert.equal(codes(watched)[0], 'health-lost')
    assert.equal(codes(watched).at(-1), 'old-serves')
    await assertSettled(namespace, 1)
    assert.deepEqual(await uidsOf(namespace, 'web:1'), old)
  })

  test('who comes after a killed controller goes on where it was, and the other changes nothing any more', async () => {
    const namespace = await cluster.namespace('killed')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const strategy = canary(stage(25, 60_000), stage(50), stage(100))
    const first = new AbortController()
    const killed = assert.rejects(
      rollOutBy(rolloutOf(namespace, 2, strategy, { epoch: 1, signal: first.signal, verifyStage: verified })),
    )
    await until('the first stage verified', async () => (await reached(namespace))?.verifiedAt)
    first.abort(lost)
    await killed
    await untilEndpoints(namespace, 'web:1 x3, web:2 x1')
    assert.equal((await reached(namespace))?.weight, 25)
    const hurried = canary(stage(25), stage(50), stage(100))
    const weights: number[] = []
    const passed: number[] = []
    const verdict = await rollOutBy(
      rolloutOf(namespace, 2, hurried, {
        epoch: 2,
        async verifyStage({ weight }) {
          weights.push(weight)
          const stale = rollOutBy(rolloutOf(namespace, 2, hurried, { epoch: 1, verifyStage: verified }))
          await assert.rejects(stale, { code: 'STALE_CONTROLLER' })
          return { ok: true }
        },
        stagePassed: async ({ weight }) => void passed.push(weight),
      }),
    )
    assert.deepEqual(verdict, { ok: true })
    assert.deepEqual(
      [weights, passed],
      [
        [50, 100],
        [50, 100],
      ],
    )
    await assertSettled(namespace, 2)
  })

  test('a controller killed while the new takes the place of both is followed by one that ends it', async () => {
    const namespace = await cluster.namespace('ending')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const first = new AbortController()
    const slow = { annotations: { 'trunkline.test/ready-delay': '3s' } }
    const dying = rolloutOf(namespace, 2, blueGreen, { ...slow, signal: first.signal, verifyStage: verified })
    const killed = assert.rejects(rollOutBy(dying))
    await until('its end to begin', async () => (await reached(namespace))?.isFinishing)
    first.abort(lost)
    await killed
    await untilEndpoints(namespace, 'web:2 x3')
    const none = { verifyStage: async () => assert.fail('every stage has passed'), epoch: 2 }
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 2, blueGreen, { ...slow, ...none })), { ok: true })
    await assertSettled(namespace, 2)
  })

  test('who is cancelled gives the share back, and a newer release takes the rest away first', async () => {
    const namespace = await cluster.namespace('newer')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const old = await uidsOf(namespace, 'web:1')
    for (const [version, follower] of [
      [2, canary(stage(50), stage(100))],
      [4, 'all-at-once'],
    ] as const) {
      const ending = new AbortController()
      const cancelled = assert.rejects(
        rollOutBy(
          rolloutOf(namespace, version, canary(stage(50, 60_000), stage(100)), {
            ...{ signal: ending.signal, epoch: version },
          }),
        ),
      )
      await until('the stage reached', async () => (await reached(namespace))?.weight === 50)
      ending.abort()
      await cancelled
      await untilEndpoints(namespace, `web:${version - 1} x3`)
      assert.equal((await reached(namespace))?.weight, 0)
      assert.equal((await read(namespace, 'deployments', 'web-next'))?.['spec'].replicas, 3)
      if (version === 2) assert.deepEqual(await uidsOf(namespace, 'web:1'), old)
      assert.deepEqual(await rollOutBy(rolloutOf(namespace, version + 1, follower, { epoch: version + 1 })), {
        ok: true,
      })
      await assertSettled(namespace, version + 1)
    }
  })

  // No controller of the Gateway API runs here: what it is told is what is looked at.
  test('an HTTPRoute is given the weights, between Services for the old and the new pods alone', async () => {
    const namespace = await cluster.namespace('route')
    const names = { plural: 'httproutes', singular: 'httproute', kind: 'HTTPRoute', listKind: 'HTTPRouteList' }
    const free = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
    await cluster.apply({
      ...{ apiVersion: 'apiextensions.k8s.io/v1', kind: 'CustomResourceDefinition' },
      metadata: {
        name: 'httproutes.gateway.networking.k8s.io',
        annotations: { 'api-approved.kubernetes.io': 'https://github.com/kubernetes-sigs/gateway-api/pull/2997' },
      },
      spec: {
        ...{ group: 'gateway.networking.k8s.io', names, scope: 'Namespaced' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: free } }],
      },
    })
    const crd = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/httproutes.gateway.networking.k8s.io'
    await until('HTTPRoutes to be known', async () =>
      (await cluster.api.get(crd))?.['status']?.conditions?.some(
        (known: { type: string; status: string }) => known.type === 'Established' && known.status === 'True',
      ),
    )
    const route: KubernetesObject = {
      ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'web' } },
      spec: { hostnames: ['shop.example'], rules: [{ backendRefs: [{ name: 'web', port: 80 }] }] },
    }
    const backends = async () => {
      const path = `/apis/gateway.networking.k8s.io/v1/namespaces/${namespace}/httproutes/web`
      const refs: Array<{ name: string; weight?: number }> = (await cluster.api.get(path))?.['spec'].rules[0]
        .backendRefs
      return refs.map(({ name, weight }) => `${name} ${weight ?? 'all'}`).join(', ')
    }
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 1, 'half', { more: [route] })), { ok: true })
    const no = { ok: false as const, reasons: [{ code: 'stage-failed', message: 'works failed' }] }
    for (const failing of [90, 101]) {
      const story: string[] = []
      const verdict = await rollOutBy(
        rolloutOf(namespace, 2, canary(stage(10), stage(90), stage(100)), {
          more: [route],
          async verifyStage({ weight }) {
            await untilEndpoints(namespace, 'web:1 x3')
            await untilEndpoints(namespace, `web:2 x${weight === 10 ? 1 : 3}`, 'web-next')
            story.push(await backends())
            return weight === failing ? no : { ok: true }
          },
        }),
      )
      const weights = ['web 90, web-next 10', 'web 10, web-next 90', 'web 0, web-next 100']
      assert.deepEqual(story, failing === 90 ? weights.slice(0, 2) : weights)
      assert.deepEqual(codes(verdict), failing === 90 ? ['stage-failed', 'old-serves'] : [])
      assert.equal(await backends(), 'web all')
      await assertSettled(namespace, failing === 90 ? 1 : 2)
      await until('its Service to go', async () => (await read(namespace, 'services', 'web-next')) === null)
    }
  })

  test('what cannot be divided is refused before anything is applied', async () => {
    const namespace = await cluster.namespace('whole')
    await rollOutBy(rolloutOf(namespace, 1, 'all-at-once'))
    const set: KubernetesObject = {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name: 'store' } },
      spec: {
        selector: { matchLabels: { app: 'store' } },
        template: {
          metadata: { labels: { app: 'store' } },
          spec: { containers: [{ name: 'main', image: 'store:1' }] },
        },
      },
    }
    const verdict = await rollOutBy(rolloutOf(namespace, 2, blueGreen, { more: [set] }))
    assert.deepEqual(codes(verdict), ['cannot-be-divided'])
    assert.match(spoken(verdict), /StatefulSet .*store cannot be rolled out as blue-green: each of its pods has a name/)
    await sleep(0)
    await assertSettled(namespace, 1)
  })
})
