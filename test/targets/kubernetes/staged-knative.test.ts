/** Canary and blue-green by Knative's own traffic, against its real controllers. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KubernetesObject } from '../../../src/kubernetes-api/index.ts'
import { type ClusterSession, sessionOpener } from '../../../src/kubernetes-api/session.ts'
import type { Digest, RolloutStrategy, StagedStrategy, Verdict } from '../../../src/model/index.ts'
import { refusedError } from '../../../src/model/index.ts'
import type { TargetContext } from '../../../src/ports/index.ts'
import { readInventory } from '../../../src/targets/kubernetes/inventory.ts'
import { type RolloutBy, rollOutBy } from '../../../src/targets/kubernetes/staged/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'
import { knativeService, startKnative } from '../../parts/kubernetes/knative.ts'

const { signal } = new AbortController()
const digest = `sha256:${'a'.repeat(64)}` as Digest
const stage = (weight: number, pauseMs = 0) => ({ weight, pauseMs, verify: ['works'] })
const canary: StagedStrategy = { kind: 'canary', stages: [stage(10), stage(75), stage(100)] }
const blueGreen: StagedStrategy = { kind: 'blue-green', stages: [stage(0), stage(100)] }
const codes = (verdict: Verdict) => (verdict.ok ? [] : verdict.reasons.map(({ code }) => code))

type Traffic = { revisionName: string; percent?: number; tag?: string; url?: string }

const needed = kubernetesMissing(['kubelab', 'knative'])
describe('a rollout in stages of a Knative Service', { skip: needed, timeout: 600_000 }, () => {
  let cluster: Cluster
  let session: ClusterSession
  before(async () => {
    cluster = await startCluster()
    await startKnative(cluster)
    const open = sessionOpener({ kubeconfig: cluster.kubeconfig, context: null }, { root: '/', variables: {} })
    session = await open(signal)
  })
  after(async () => {
    await session?.close()
    await cluster?.stop()
  })

  type Change = { annotations?: Record<string, string> } & Partial<
    Pick<TargetContext, 'signal' | 'epoch' | 'verifyStage' | 'stagePassed'>
  >
  const rolloutOf = (
    namespace: string,
    version: number,
    strategy: RolloutStrategy,
    { annotations = {}, ...context }: Change = {},
  ): RolloutBy => ({
    ...{ session, strategy, service: 'web', url: null, timeoutMs: 60_000 },
    place: { project: 'shop', environment: 'stage', namespace },
    wanted: {
      ...{ generation: `generation-${version}`, artifact: digest, fingerprint: null },
      objects: [
        knativeService({
          name: 'web',
          namespace,
          image: `registry.test/web:${version}`,
          annotations,
        }) as KubernetesObject,
      ],
    },
    createNamespace: true,
    conflicts: 'fail',
    context: { signal, epoch: 1, report: () => {}, log: () => {}, ...context },
  })
  const serving = async (namespace: string) =>
    await cluster.api.get(`/apis/serving.knative.dev/v1/namespaces/${namespace}/services/web`)

  /** `web:1 90, web:2 10 next`: by what its status says. */
  async function traffic(namespace: string): Promise<string> {
    const status: { traffic?: Traffic[] } = (await serving(namespace))?.['status'] ?? {}
    const shares = await Promise.all(
      (status.traffic ?? []).map(async ({ revisionName, percent = 0, tag }) => {
        const path = `/apis/serving.knative.dev/v1/namespaces/${namespace}/revisions/${revisionName}`
        const image: string = (await cluster.api.get(path))?.['spec'].containers[0].image ?? 'gone'
        return `${image.replace('registry.test/', '')} ${percent}${tag === undefined ? '' : ` ${tag}`}`
      }),
    )
    return shares.sort().join(', ')
  }
  const untilTraffic = (namespace: string, wanted: string) =>
    until(`traffic to be ${wanted}`, async () => (await traffic(namespace)) === wanted)
  const pendingOf = async (namespace: string) =>
    (await readInventory(session, rolloutOf(namespace, 0, 'half').place, 'web', signal)).pending
  const revisions = async (namespace: string) =>
    (await cluster.api.list(`/apis/serving.knative.dev/v1/namespaces/${namespace}/revisions`)).map(
      ({ metadata }) => metadata.name,
    )

  test('divides requests by percent, and verifies at the address of the new revision alone', async () => {
    const namespace = await cluster.namespace('knative')
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 1, 'all-at-once')), { ok: true })
    const story: string[] = []
    const verdict = await rollOutBy(
      rolloutOf(namespace, 2, canary, {
        async verifyStage({ weight, address }) {
          story.push(`${await traffic(namespace)} at ${address?.replace(namespace, 'NS')}`)
          assert.equal((await pendingOf(namespace))?.staged?.weight, weight)
          return { ok: true }
        },
      }),
    )
    assert.deepEqual(verdict, { ok: true })
    assert.deepEqual(story, [
      'web:1 90, web:2 10 next at http://next-web.NS.knative.test',
      'web:1 25, web:2 75 next at http://next-web.NS.knative.test',
      'web:1 0, web:2 100 next at http://web.NS.knative.test',
    ])
    assert.equal(await traffic(namespace), 'web:2 100')
    assert.equal(await pendingOf(namespace), null)
  })

  test('gives everything back when a stage fails or the new revision never gets ready, and the revision goes', async () => {
    const namespace = await cluster.namespace('knative-back')
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 1, blueGreen)), { ok: true })
    const before = await revisions(namespace)
    const no = { ok: false as const, reasons: [{ code: 'stage-failed', message: 'works failed' }] }
    const failing = rolloutOf(namespace, 2, canary, {
      verifyStage: async ({ weight }) => (weight === 75 ? no : { ok: true }),
    })
    assert.deepEqual(codes(await rollOutBy(failing)), ['stage-failed', 'old-serves'])
    assert.equal(await traffic(namespace), 'web:1 100')
    await until('the revision to go', async () => (await revisions(namespace)).join() === before.join())
    const broken = { annotations: { 'trunkline.test/broken': 'true' } }
    const never = await rollOutBy(rolloutOf(namespace, 3, blueGreen, broken))
    assert.equal(codes(never).at(-1), 'old-serves')
    assert.match(never.ok ? '' : never.reasons.map(({ message }) => message).join('\n'), /CrashLoopBackOff/)
    assert.equal(await traffic(namespace), 'web:1 100')
    // What was taken away may come again.
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 2, blueGreen)), { ok: true })
    assert.equal(await traffic(namespace), 'web:2 100')
  })

  test('who comes after a killed controller goes on, and a newer release takes the revision back first', async () => {
    const namespace = await cluster.namespace('knative-killed')
    assert.deepEqual(await rollOutBy(rolloutOf(namespace, 1, 'half')), { ok: true })
    const waiting: StagedStrategy = { kind: 'canary', stages: [stage(10, 60_000), stage(100)] }
    for (const [version, next, epoch] of [
      [2, 2, 2],
      [3, 4, 4],
    ] as const) {
      const dying = new AbortController()
      const context = { signal: dying.signal, epoch: epoch - 1, verifyStage: async () => ({ ok: true }) as const }
      const killed = assert.rejects(rollOutBy(rolloutOf(namespace, version, waiting, context)))
      await until('the stage verified', async () => (await pendingOf(namespace))?.staged?.verifiedAt)
      dying.abort(refusedError('LEASE_LOST', 'another controller has the lease'))
      await killed
      await untilTraffic(namespace, `web:${version - 1} 90, web:${version} 10 next`)
      const weights: number[] = []
      const on = rolloutOf(namespace, next, canary, {
        epoch,
        async verifyStage({ weight }) {
          weights.push(weight)
          return { ok: true }
        },
      })
      assert.deepEqual(await rollOutBy(on), { ok: true })
      assert.deepEqual(weights, version === next ? [75, 100] : [10, 75, 100])
      assert.equal(await traffic(namespace), `web:${next} 100`)
    }
  })
})
