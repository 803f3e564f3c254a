import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Cluster, kubernetesMissing, startCluster, until } from './cluster.ts'
import { knativeService, startKnative } from './knative.ts'

const missing = kubernetesMissing(['kubelab', 'knative'])

describe('Knative beside a cluster of a test', { skip: missing, timeout: 300_000 }, () => {
  let cluster: Cluster

  before(async () => {
    cluster = await startCluster()
    await startKnative(cluster)
  })
  after(() => cluster?.stop())

  test('makes a Service ready, then its next revision, and keeps traffic from a broken one', async () => {
    const namespace = await cluster.namespace('kn')
    const status = async () =>
      (await cluster.api.get(`/apis/serving.knative.dev/v1/namespaces/${namespace}/services/hello`))?.['status']
    const ready = async () =>
      (await status())?.conditions?.find(({ type }: { type: string }) => type === 'Ready')?.status
    const deploy = (tag: string) =>
      cluster.apply(knativeService({ name: 'hello', namespace, image: `registry.test/hello:${tag}` }))
    await deploy('1')
    await until('the Service ready', async () => (await ready()) === 'True')
    await deploy('2')
    await until(
      'the second revision ready',
      async () => (await status())?.latestReadyRevisionName === 'hello-00002' && (await ready()) === 'True',
    )
    await deploy('broken')
    await until('the third revision refused', async () => (await ready()) === 'False')
    assert.equal((await status())?.traffic[0].revisionName, 'hello-00002')
  })
})
