/** Changes by hand: found, told with who made them, and nothing else is taken for one. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KubernetesObject } from '../../../src/kubernetes-api/index.ts'
import type { ClusterSession } from '../../../src/kubernetes-api/session.ts'
import type { Digest } from '../../../src/model/index.ts'
import { differences } from '../../../src/targets/kubernetes/drift/compare.ts'
import { findDrift } from '../../../src/targets/kubernetes/drift/find-drift.ts'
import { rollOut } from '../../../src/targets/kubernetes/rollout/roll-out.ts'
import { type Cluster, kubernetesMissing, startCluster } from '../../parts/kubernetes/cluster.ts'
import { sessionTo } from './session-to.ts'

const { signal } = new AbortController()

describe('what differs', () => {
  const object = (spec: object): KubernetesObject => ({ apiVersion: 'v1', kind: 'X', metadata: { name: 'x' }, spec })
  const paths = (applied: object, live: object) => differences(object(applied), object(live)).map(({ path }) => path)

  test('is what was applied and stands there no more; what was added is not', () => {
    assert.deepEqual(paths({ a: 1, b: { c: 'x' } }, { a: 1, b: { c: 'x', d: 'y' }, e: 2 }), [])
    assert.deepEqual(paths({ a: 1, b: { c: 'x' } }, { a: 2, b: {} }), ['spec.a', 'spec.b.c'])
  })

  test('lists are compared by what tells their members apart, others as a whole', () => {
    const containers = [{ name: 'main', image: 'a:1' }]
    assert.deepEqual(
      paths({ containers }, { containers: [{ name: 'sidecar' }, { name: 'main', image: 'a:1', x: 1 }] }),
      [],
    )
    assert.deepEqual(paths({ containers }, { containers: [{ name: 'main', image: 'a:2' }] }), [
      'spec.containers[name=main].image',
    ])
    assert.deepEqual(paths({ args: ['a', 'b'] }, { args: ['b', 'a'] }), ['spec.args'])
  })

  test('a quantity that is written another way is the same', () => {
    assert.deepEqual(paths({ cpu: '500m', memory: '1Gi', n: '1000m' }, { cpu: '0.5', memory: '1024Mi', n: 1 }), [])
    assert.deepEqual(paths({ cpu: '500m' }, { cpu: '501m' }), ['spec.cpu'])
  })
})

describe('drift on a cluster', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
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

  test('each change is told with its field, its values and its author; a repair leaves none', async () => {
    const namespace = await cluster.namespace('drift')
    const place = { project: 'shop', environment: 'stage', namespace }
    const objects: KubernetesObject[] = [
      {
        apiVersion: 'apps/v1',
        kind: 'Deployment',
        metadata: { name: 'web' },
        spec: {
          replicas: 1,
          selector: { matchLabels: { app: 'web' } },
          template: {
            metadata: { labels: { app: 'web' } },
            spec: {
              containers: [
                { name: 'main', image: 'shop:1', resources: { requests: { cpu: '1000m', memory: '0.5Gi' } } },
              ],
            },
          },
        },
      },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings' }, data: { level: 'info' } },
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'other' }, data: { level: 'info' } },
    ]
    const roll = (epoch: number) =>
      rollOut({
        ...{ session, place, service: 'web', createNamespace: false, conflicts: 'force' as const, timeoutMs: 60_000 },
        wanted: { generation: 'one', artifact: `sha256:${'a'.repeat(64)}` as Digest, fingerprint: null, objects },
        context: { signal, epoch, report: () => {}, log: () => {} },
      })
    assert.deepEqual(await roll(1), { ok: true })
    assert.deepEqual(await findDrift(session, place, null, signal), [])

    await cluster.kubectl('-n', namespace, 'set', 'image', 'deployment/web', 'main=shop:by-hand', '--field-manager=ada')
    await cluster.kubectl('-n', namespace, 'label', 'configmap', 'settings', 'of=ops', '--field-manager=ben')
    await cluster.kubectl('-n', namespace, 'delete', 'configmap', 'other')
    const found = await findDrift(session, place, null, signal)
    assert.deepEqual(
      found.map(({ object, differences: apart }) => [
        object,
        apart.map(({ path, expected, actual, by }) => [path, expected, actual, by?.manager]),
      ]),
      [
        [
          `Deployment ${namespace}/web`,
          [['spec.template.spec.containers[name=main].image', 'shop:1', 'shop:by-hand', 'ada']],
        ],
        [`ConfigMap ${namespace}/other`, []],
      ],
    )
    assert.deepEqual(await findDrift(session, place, ['nobody'], signal), [])
    assert.deepEqual(await roll(2), { ok: true })
    assert.deepEqual(await findDrift(session, place, null, signal), [])
  })
})
