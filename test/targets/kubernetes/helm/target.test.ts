/** Services that are described by a chart, as the engine deploys them: on a real control plane, by the real helm. */
import assert from 'node:assert/strict'
import { delimiter, dirname } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { systemClock } from '../../../../src/clock/index.ts'
import type { Digest, HelmDescription, KubernetesDescription, Verdict } from '../../../../src/model/index.ts'
import type { ArtifactStore, RolloutRequest, Target, TargetContext } from '../../../../src/ports/index.ts'
import { createKubernetesTarget } from '../../../../src/targets/kubernetes/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../../parts/kubernetes/cluster.ts'
import { helm, kubernetesToolsMissing } from '../../../parts/kubernetes/tools.ts'
import { at, containerRun, digest, otherDigest, renderRequest } from '../render/render-requests.ts'
import { chart, migration } from './charts.ts'

const { signal } = new AbortController()
const program = process.env['HELM_UNDER_TEST'] ?? helm()
/** Whose container the test cluster lets crash. */
const brokenDigest = `sha256:${'d'.repeat(64)}` as Digest
const artifacts = {
  location: 'a registry',
  imageReference: (artifact: Digest) => `registry.test/${artifact === brokenDigest ? 'broken' : 'shop'}@${artifact}`,
} as unknown as ArtifactStore // What the target asks of a store.

const byChart: HelmDescription = {
  kind: 'helm',
  chart: 'deploy/chart',
  release: '{service}-{environment}',
  values: ['deploy/values-{environment}.yaml'],
  set: {},
  image: { kind: 'tag', repository: 'image.repository', tag: 'image.tag' },
}
const manifest = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web-stage }
spec:
  replicas: 2
  selector: { matchLabels: { app: web-stage } }
  template:
    metadata: { labels: { app: web-stage } }
    spec: { containers: [{ name: main, image: web }] }
`

describe('a service with a chart', { skip: kubernetesMissing() || kubernetesToolsMissing(), timeout: 600_000 }, () => {
  let cluster: Cluster
  let target: Target
  const openTarget = (...on: Cluster[]): Target => {
    const clusters = on.map(({ kubeconfig }) => ({ kubeconfig, context: null }))
    const { config } = renderRequest({ config: { clusters, namespace: 'charts', timeoutMs: 60_000 } })
    return createKubernetesTarget({
      ...{ config, project: 'shop', environment: 'stage', clock: systemClock, root: '/' },
      variables: { ...process.env, PATH: [dirname(program), process.env['PATH']].join(delimiter) },
    })
  }
  before(async () => {
    cluster = await startCluster()
    target = openTarget(cluster)
  })
  after(async () => {
    await target?.close?.()
    await cluster?.stop()
  })

  const context: TargetContext = {
    ...{ signal, epoch: 1, artifacts },
    report: () => {},
    log: () => {},
  }
  const requestOf = (
    generation: string,
    artifact: Digest,
    description: KubernetesDescription = byChart,
    more: Record<string, string> = {},
  ): RolloutRequest => {
    const { desired, files } = renderRequest({
      run: containerRun({ description }),
      env: { TOKEN: { kind: 'from', from: 'TOKEN', secret: true, default: null } },
      files: { ...chart(more), 'deploy/plain.yaml': manifest },
    })
    return {
      service: 'web',
      desired: { ...desired, generation, artifact, deploy: { files: {}, images: { web: artifact } } },
      files: async () => files,
      variables: { TOKEN: 'correct-horse' },
      strategy: 'all-at-once',
    }
  }
  const ensured = async (request: RolloutRequest) =>
    assert.deepEqual(await target.ensure(request, context), { ok: true })
  const codes = (verdict: Verdict) => (verdict.ok ? [] : verdict.reasons.map(({ code }) => code))
  const deployment = () => cluster.api.get('/apis/apps/v1/namespaces/charts/deployments/web-stage')
  const image = async () => String(at(await deployment(), 'spec', 'template', 'spec', 'containers', 0, 'image'))
  const containers = async () => {
    const all = at(await deployment(), 'spec', 'template', 'spec', 'containers')
    return Array.isArray(all) ? all.map((container) => at(container, 'name')) : []
  }
  const secrets = async () =>
    (await cluster.api.list('/api/v1/namespaces/charts/secrets')).map(({ metadata }) => String(metadata.name))
  const revisions = async () =>
    (await secrets()).filter((name) => name.startsWith('sh.helm.release.v1.web-stage.')).length

  test('is installed, watched until its pods are ready, and seen; twice is as once', async () => {
    await ensured(requestOf('one', digest))
    assert.equal(at(await deployment(), 'status', 'availableReplicas'), 2)
    await ensured(requestOf('one', digest))
    assert.equal(await revisions(), 1)
    assert.deepEqual(await target.verify(requestOf('one', digest), context), { ok: true })
    const seen = await target.observe(['web'], signal)
    assert.ok(seen.reachable)
    assert.deepEqual(seen.services['web']?.instances, { ready: 2, desired: 2 })
    assert.equal(seen.services['web']?.generation, 'one')
    assert.deepEqual(await target.findDrift?.(['web'], signal), [])
  })

  test('whose new image crashes says so, and what ran before serves again by helm', async () => {
    const verdict = await target.ensure(requestOf('two', brokenDigest), context)
    assert.ok(codes(verdict).includes('crash-loop-back-off'), JSON.stringify(verdict))
    assert.ok(codes(verdict).includes('old-serves'), JSON.stringify(verdict))
    assert.match(await image(), new RegExp(`${digest}$`))
    assert.equal(at(await deployment(), 'status', 'availableReplicas'), 2)
    assert.equal(await revisions(), 3)
    assert.deepEqual(await target.verify(requestOf('one', digest), context), { ok: true })
  })

  test('that was changed by hand is put back where that is asked for', async () => {
    await cluster.kubectl('-n', 'charts', 'scale', 'deployment/web-stage', '--replicas=1')
    const drift = await target.findDrift?.(['web'], signal)
    assert.deepEqual(
      drift?.map(({ fields }) => fields.map(({ path }) => path)),
      [['spec.replicas']],
    )
    await ensured({ ...requestOf('one', digest), isRepair: true })
    assert.equal(at(await deployment(), 'spec', 'replicas'), 2)
    assert.deepEqual(await target.findDrift?.(['web'], signal), [])
  })

  test('goes over to manifests and back without its pods being taken away', async () => {
    const uid = at(await deployment(), 'metadata', 'uid')
    await ensured(requestOf('three', otherDigest, { kind: 'manifests', files: ['deploy/plain.yaml'] }))
    assert.equal(await revisions(), 0, 'helm knows nothing of it any more')
    assert.equal(at(await deployment(), 'metadata', 'uid'), uid)
    assert.match(await image(), new RegExp(`${otherDigest}$`))
    assert.deepEqual(await containers(), ['main'], "nothing is left of the chart's own")
    assert.equal(await cluster.api.get('/api/v1/namespaces/charts/configmaps/web-stage-settings'), null)
    await ensured(requestOf('four', digest))
    assert.equal(at(await deployment(), 'metadata', 'uid'), uid)
    assert.deepEqual(await containers(), ['main', 'proxy'])
    assert.equal(at(await deployment(), 'metadata', 'labels', 'trunkline.dev/service'), undefined)
    assert.equal(await revisions(), 1)
  })

  test('is taken away with all that helm brought', async () => {
    assert.deepEqual(await target.remove('web', context), { ok: true })
    await until('the Deployment to go', async () => (await deployment()) === null)
    assert.deepEqual(
      (await secrets()).filter((name) => name.includes('web')),
      [],
    )
    assert.deepEqual(await target.remove('web', context), { ok: true })
  })

  test('is objected to in stages when planning, with what to choose in their place', async () => {
    const stages = [
      { weight: 10, pauseMs: 0, verify: null },
      { weight: 100, pauseMs: 0, verify: null },
    ]
    const strategy: RolloutRequest['strategy'] = { kind: 'canary', stages }
    const objections = await target.objectionsTo?.({ ...requestOf('one', digest), strategy }, signal)
    assert.match(objections?.[0]?.message ?? '', /what Helm installs cannot be rolled out in stages/)
    assert.match(objections?.[0]?.hint ?? '', /one-at-a-time, half or all-at-once/)
    assert.deepEqual(await target.objectionsTo?.(requestOf('one', digest), signal), [])
  })

  test('whose first installation was cut off leaves nothing when another description takes its place', async () => {
    const dying = new AbortController()
    const slow = requestOf('five', digest, byChart, migration({ 'trunkline.test/duration': '120s' }))
    const first = assert.rejects(target.ensure(slow, { ...context, signal: dying.signal }))
    await until('helm at work', async () => (await revisions()) > 0)
    dying.abort()
    await first
    await ensured(requestOf('six', otherDigest, { kind: 'manifests', files: ['deploy/plain.yaml'] }))
    assert.equal(await revisions(), 0)
    assert.match(await image(), new RegExp(`${otherDigest}$`))
    assert.equal(await cluster.api.get('/api/v1/namespaces/charts/configmaps/web-stage-settings'), null)
    assert.deepEqual(await target.remove('web', context), { ok: true })
    await until('the Deployment to go', async () => (await deployment()) === null)
  })

  test('on several clusters goes back on all where one of them would not have it', async () => {
    const other = await startCluster()
    const both = openTarget(cluster, other)
    try {
      assert.deepEqual(await both.ensure(requestOf('seven', digest), context), { ok: true })
      const patch = ['--field-manager=ops', '--type=merge', '-p', '{"data":{"level":"by hand"}}']
      await other.kubectl('-n', 'charts', 'patch', 'configmap', 'web-stage-settings', ...patch)
      const verdict = await both.ensure(requestOf('eight', otherDigest), context)
      assert.ok(codes(verdict).includes('managed-by-another'), JSON.stringify(verdict))
      assert.equal(!verdict.ok && verdict.refused, true)
      assert.match(await image(), new RegExp(`${digest}$`))
      assert.equal(await revisions(), 3, 'by helm')
      assert.deepEqual(await target.verify(requestOf('seven', digest), context), { ok: true })
    } finally {
      await both.close?.()
      await other.stop()
    }
  })
})
