/** How requests are divided, from descriptions alone: sizes, weights of routes, and what cannot be divided. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { KubernetesObject } from '../../../src/kubernetes-api/index.ts'
import { keyOf } from '../../../src/kubernetes-api/index.ts'
import type { StagedStrategy } from '../../../src/model/index.ts'
import { type Division, divide } from '../../../src/targets/kubernetes/staged/division.ts'
import { whyUndivided } from '../../../src/targets/kubernetes/staged/index.ts'
import { markStable } from '../../../src/targets/kubernetes/staged/sets.ts'

const canary = (...weights: number[]): StagedStrategy => ({
  kind: 'canary',
  stages: weights.map((weight) => ({ weight, verify: null, pauseMs: 0 })),
})
const blueGreen: StagedStrategy = { ...canary(0, 100), kind: 'blue-green' }

const deployment = (image: string, replicas?: number): KubernetesObject =>
  markStable({
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } },
    },
  })
const service = (ports: object[] = [{ port: 80, targetPort: 8080, nodePort: 30_080 }]): KubernetesObject => ({
  ...{ apiVersion: 'v1', kind: 'Service' },
  metadata: { name: 'web', namespace: 'shop', annotations: { 'external-dns/hostname': 'shop.example' } },
  spec: { type: 'NodePort', selector: { app: 'web' }, ports },
})
const route = (backendRefs: object[]): KubernetesObject => ({
  ...{ apiVersion: 'gateway.networking.k8s.io/v1', kind: 'HTTPRoute', metadata: { name: 'web', namespace: 'shop' } },
  spec: { hostnames: ['shop.example'], rules: [{ matches: [{ path: { value: '/' } }], backendRefs }] },
})
const of = (kind: string): KubernetesObject => ({ apiVersion: 'apps/v1', kind, metadata: { name: 'store' } })

type Sides = { before: KubernetesObject[]; wanted: KubernetesObject[]; running?: number }

function divided(strategy: StagedStrategy, { before, wanted, running }: Sides): Division {
  const live = before
    .filter(({ kind }) => kind === 'Deployment')
    .map((object) => {
      const spec = { ...(object['spec'] as object), ...(running === undefined ? {} : { replicas: running }) }
      return [keyOf(object), { ...object, spec }] as const
    })
  const division = divide({ before, wanted, strategy, live: new Map(live), revisions: {} })
  if ('reasons' in division) return assert.fail(division.reasons.map(({ message }) => message).join('; '))
  return division
}
const specOf = (objects: readonly KubernetesObject[], kind: string, name = 'web') =>
  objects.find((object) => object.kind === kind && object.metadata.name === name)?.['spec'] as
    | {
        replicas?: number
        selector?: object
        ports?: object[]
        type?: string
        rules?: Array<{ backendRefs: Backend[] }>
      }
    | undefined
type Backend = { name: string; weight?: number }
const messages = (objects: KubernetesObject[], strategy: StagedStrategy) =>
  whyUndivided(objects, strategy)
    .map(({ message }) => message)
    .join('\n')

describe('the division of requests', () => {
  test('by numbers of pods comes as near to the share as numbers of pods can', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 50 }), fc.integer({ min: 1, max: 50 }), (replicas, weight) => {
        const sides = { before: [deployment('web:1', replicas), service()], wanted: [deployment('web:2'), service()] }
        const division = divided(canary(weight, 100), sides)
        const next = specOf(division.newSet(weight, 0), 'Deployment', 'web-next')?.replicas ?? 0
        const apart = (count: number) => Math.abs(count / (replicas + count) - weight / 100)
        assert.ok(next >= 1 && next <= replicas)
        // One pod more or less is no nearer, but for there being one at least.
        if (next > 1) assert.ok(apart(next) <= Math.min(apart(next + 1), apart(next - 1)) + 0.02)
        assert.equal(specOf(division.newSet(100, weight), 'Deployment', 'web-next')?.replicas, replicas)
        assert.deepEqual(division.counted(weight), { next, all: replicas + next })
      }),
    )
  })

  test('counts the pods that run, whatever the description says, and the larger of both for all requests', () => {
    const sides = { before: [deployment('web:1', 2), service()], wanted: [deployment('web:2', 4), service()] }
    const sizes = (running: number) => {
      const division = divided(canary(50, 100), { ...sides, running })
      return [50, 100].map((share) => specOf(division.newSet(share, 0), 'Deployment', 'web-next')?.replicas)
    }
    assert.deepEqual(sizes(8), [8, 8])
    assert.deepEqual(sizes(2), [2, 4])
    const green = divided(blueGreen, { ...sides, running: 2 })
    assert.equal(specOf(green.newSet(0, 0), 'Deployment', 'web-next')?.replicas, 4)
  })

  test('the Service leads to the old set, to both, or to the new; the preview to the new alone, inside the cluster', () => {
    const division = divided(canary(50, 100), {
      ...{ before: [deployment('web:1', 2), service()], wanted: [deployment('web:2', 2), service()] },
    })
    const selectorAt = (weight: number) => specOf(division.weigh(weight), 'Service')?.selector
    assert.deepEqual(selectorAt(0), { app: 'web', 'trunkline.dev/set': 'stable' })
    assert.deepEqual(selectorAt(50), { app: 'web' })
    assert.deepEqual(selectorAt(100), { app: 'web', 'trunkline.dev/set': 'next' })
    assert.equal(division.weigh(100).length, 1, 'the switch, and the way back, is one write')
    const preview = division.temporary.find(({ kind }) => kind === 'Service')
    assert.deepEqual(preview?.['spec'], {
      type: 'ClusterIP',
      selector: { app: 'web', 'trunkline.dev/set': 'next' },
      ports: [{ port: 80, targetPort: 8080 }],
    })
    assert.equal(preview?.metadata.name, 'web-preview')
    assert.equal(preview?.metadata.annotations, undefined)
  })

  test('by an HTTPRoute the weights are exact, other backends keep their share, and any step is possible', () => {
    const backends = [
      { name: 'web', port: 80, weight: 3 },
      { name: 'legacy', port: 80 },
    ]
    const before = [deployment('web:1', 4), service(), route(backends)]
    const division = divided(canary(10, 75, 100), { before, wanted: [deployment('web:2'), service(), route(backends)] })
    const weightsAt = (weight: number) =>
      specOf(division.weigh(weight), 'HTTPRoute')?.rules?.[0]?.backendRefs.map((known) => [known.name, known.weight])
    assert.deepEqual(weightsAt(10), [
      ['web', 270],
      ['web-next', 30],
      ['legacy', 100],
    ])
    assert.deepEqual(weightsAt(0), [
      ['web', 3],
      ['legacy', undefined],
    ])
    assert.deepEqual(weightsAt(100)?.slice(0, 2), [
      ['web', 0],
      ['web-next', 300],
    ])
    for (const weight of [0, 10, 75, 100]) {
      assert.deepEqual(specOf(division.weigh(weight), 'Service')?.selector, {
        app: 'web',
        'trunkline.dev/set': 'stable',
      })
    }
    assert.equal(specOf(division.newSet(75, 10), 'Deployment', 'web-next')?.replicas, 3)
    assert.deepEqual(specOf(division.newSet(75, 10), 'Service', 'web-next')?.selector, {
      ...{ app: 'web', 'trunkline.dev/set': 'next' },
    })
  })

  test('what is new to the release is there for the new pods; what the old pods use stays as it is', () => {
    const map = (name: string, value: string): KubernetesObject => ({
      ...{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' }, data: { value } },
    })
    const division = divided(blueGreen, {
      before: [deployment('web:1'), service(), map('settings', '1'), map('env-1', '1')],
      wanted: [deployment('web:2'), service(), map('settings', '2'), map('env-2', '2')],
    })
    assert.deepEqual(
      division.early.map(({ metadata }) => metadata.name),
      ['env-2'],
    )
  })

  test('says why, where there is nothing to divide', () => {
    for (const kind of ['StatefulSet', 'DaemonSet', 'Job', 'Pod']) {
      const said = messages([deployment('web:1'), service(), of(kind)], blueGreen)
      assert.match(said, new RegExp(`^${kind} store cannot be rolled out as blue-green: `))
    }
    assert.match(messages([deployment('web:1')], canary(10, 100)), /no Service leads to pods of a Deployment/)
    assert.match(messages([deployment('web:1'), service()], canary(60, 90, 100)), /its new pods 60 %, 90 % of requests/)
    assert.equal(messages([deployment('web:1'), service(), route([{ name: 'web' }])], canary(60, 90, 100)), '')
    const pinned: KubernetesObject = {
      ...{ apiVersion: 'serving.knative.dev/v1', kind: 'Service', metadata: { name: 'web' } },
      spec: { template: {}, traffic: [{ revisionName: 'web-1', percent: 100 }] },
    }
    assert.match(messages([pinned], blueGreen), /says itself where its traffic goes/)
  })

  test('says why, where old and new do not fit together', () => {
    const refusal = (before: KubernetesObject[], wanted: KubernetesObject[]) => {
      const answer = divide({ before, wanted, strategy: blueGreen, live: new Map(), revisions: {} })
      return 'reasons' in answer ? answer.reasons.map(({ message }) => message).join('\n') : ''
    }
    const wanted = [deployment('web:2'), service()]
    const renamed = { ...deployment('web:1'), metadata: { name: 'shop', namespace: 'shop' } }
    assert.match(refusal([renamed, service()], wanted), /has no Deployment of that name/)
    assert.match(
      refusal([deployment('web:1'), service([{ port: 81 }])], wanted),
      /the ports of Service shop\/web change/,
    )
    assert.match(refusal([deployment('web:1')], wanted), /no Service leads to Deployment shop\/web as it runs now/)
    const unmarked = { ...deployment('web:1'), spec: { template: { metadata: { labels: { app: 'web' } } } } }
    assert.match(refusal([unmarked, service()], wanted), /do not say yet that they are the stable set/)
  })
})
