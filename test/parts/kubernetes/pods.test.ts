import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Cluster, kubernetesMissing, startCluster, until } from './cluster.ts'

type Told = Record<string, string>

describe('pods of a test cluster', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
  let cluster: Cluster
  let namespace: string

  before(async () => {
    cluster = await startCluster()
    namespace = await cluster.namespace('pods')
  })
  after(() => cluster?.stop())

  const told = (annotations: Told) =>
    Object.fromEntries(Object.entries(annotations).map(([name, value]) => [`trunkline.test/${name}`, value]))
  const run = async (name: string, annotations: Told, ...images: string[]) => {
    const containers = images.map((image, index) => ({ name: index === 0 ? 'main' : `side-${index}`, image }))
    const metadata = { name, namespace, annotations: told(annotations) }
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers } })
  }
  const runJob = (name: string, annotations: Told, image = 'registry.test/job:1') => {
    const spec = { restartPolicy: 'Never', containers: [{ name: 'main', image }] }
    const template = { metadata: { annotations: told(annotations) }, spec }
    const metadata = { name, namespace }
    return cluster.apply({ apiVersion: 'batch/v1', kind: 'Job', metadata, spec: { backoffLimit: 0, template } })
  }
  const pod = (name: string) => cluster.api.get(`/api/v1/namespaces/${namespace}/pods/${name}`)
  const statusOf = (name: string) =>
    until(`${name} on its node`, async () => {
      const status = (await pod(name))?.['status']
      return status?.containerStatuses === undefined ? null : status
    })
  const eventsOf = (name: string) =>
    until(`events of ${name}`, async () => {
      const events = await cluster.api.list(
        `/api/v1/namespaces/${namespace}/events?fieldSelector=involvedObject.name%3D${name}`,
      )
      const ofKubelet = events.filter((event) => event['source'].component === 'kubelet')
      return ofKubelet.length === 0 ? null : ofKubelet
    })
  const logs = (...args: string[]) => cluster.kubectl('-n', namespace, 'logs', ...args)

  const waiting: ReadonlyArray<[broken: string, reason: string, message: RegExp, event: RegExp]> = [
    ['true', 'CrashLoopBackOff', /back-off 40s restarting failed container=main pod=/, /Back-off restarting failed/],
    ['image-pull', 'ImagePullBackOff', /Back-off pulling image "registry.test\/x:1"/, /not found/],
    ['config', 'CreateContainerConfigError', /configmap "settings" not found/, /Error: configmap "settings" not found/],
  ]
  for (const [broken, reason, message, event] of waiting) {
    test(`told to be broken by ${broken}, one waits in ${reason}, and an event says why`, async () => {
      const name = `broken-by-${broken}`
      await run(name, { broken }, 'registry.test/x:1')
      const [container] = (await statusOf(name)).containerStatuses
      assert.equal(container.state.waiting.reason, reason)
      assert.match(container.state.waiting.message, message)
      assert.ok((await eventsOf(name)).some((each) => event.test(each['message'])))
    })
  }

  test('one that ran out of memory says so, with its exit code', async () => {
    await run('oom', { broken: 'oom' }, 'registry.test/x:1')
    const { terminated } = (await statusOf('oom')).containerStatuses[0].lastState
    assert.deepEqual([terminated.reason, terminated.exitCode], ['OOMKilled', 137])
  })

  test('of two containers only the one with the broken image crashes, and its last words can be read', async () => {
    await run('two', { 'exit-code': '3' }, 'registry.test/broken:1', 'registry.test/side:1')
    const containers: Array<{ name: string; ready: boolean }> = (await statusOf('two')).containerStatuses
    assert.deepEqual(
      containers.map(({ name, ready }) => [name, ready]),
      [
        ['main', false],
        ['side-1', true],
      ],
    )
    assert.match(await logs('two', '-c', 'main', '--previous'), /cannot start \(exit code 3\)/)
    assert.match(await logs('two', '-c', 'side-1'), /^starting registry.test\/side:1\nready\n$/)
  })

  test('one that gets ready can crash later', async () => {
    await run('later', { 'crash-after': '1s' }, 'registry.test/x:1')
    const ready = async () =>
      (await pod('later'))?.['status'].conditions?.find(({ type }: { type: string }) => type === 'Ready')?.status
    await until('later ready', async () => (await ready()) === 'True')
    await until('later not ready', async () => (await ready()) === 'False')
  })

  test('an image that cannot be pulled leaves no log to read', async () => {
    await run('missing', {}, 'registry.test/missing:1')
    await statusOf('missing')
    await assert.rejects(logs('missing'), /is waiting to start: trying and failing to pull image/)
  })

  test("a Job's log can be followed line by line to its end", async () => {
    await runJob('migrate', { log: 'one\ntwo\nthree', 'log-interval': '300ms', duration: '1s' })
    await until('the pod of migrate running', () => logs('job/migrate').catch(() => null))
    assert.equal(await logs('--follow', 'job/migrate'), 'one\ntwo\nthree\n')
    assert.match(await logs('--timestamps', '--tail=1', 'job/migrate'), /^\d{4}-\d\d-\d\dT\S+Z three\n$/)
    await cluster.kubectl('-n', namespace, 'wait', 'job/migrate', '--for=condition=Complete', '--timeout=60s')
  })

  test('a Job whose container fails has its exit code', async () => {
    await runJob('failing', { 'exit-code': '7' })
    await cluster.kubectl('-n', namespace, 'wait', 'job/failing', '--for=condition=Failed', '--timeout=60s')
    const [one] = await cluster.api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=job-name%3Dfailing`)
    assert.equal(one?.['status'].containerStatuses[0].state.terminated.exitCode, 7)
    assert.match(await logs('job/failing'), /exit code 7/)
  })

  test('a claim gets its volume, so that a StatefulSet rolls out', async () => {
    const labels = { app: 'store' }
    const template = { metadata: { labels }, spec: { containers: [{ name: 'main', image: 'registry.test/store:1' }] } }
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } }
    await cluster.apply({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'store', namespace },
      spec: {
        ...{ replicas: 2, serviceName: 'store', selector: { matchLabels: labels }, template },
        volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: claim }],
      },
    })
    await cluster.kubectl('-n', namespace, 'rollout', 'status', 'statefulset/store', '--timeout=60s')
  })
})
