/** The Knative Service that is made from how a service runs, before Knative's own controllers. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { KubernetesObject } from '../../../../src/kubernetes-api/index.ts'
import { render } from '../../../../src/targets/kubernetes/render/render.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../../parts/kubernetes/cluster.ts'
import { knativeService, startKnative } from '../../../parts/kubernetes/knative.ts'
import { at, containerRun, digest, imageOf, named, renderRequest } from './render-requests.ts'

/** What Knative's webhook would fill in, which the parts are without: the class of autoscaling, and numbers. */
function completed(service: KubernetesObject, namespace: string): KubernetesObject {
  const filled = knativeService({ name: 'x', namespace, image: 'x' })
  const template = at(service, 'spec', 'template')
  const annotations = at(filled, 'spec', 'template', 'metadata', 'annotations')
  return {
    ...service,
    metadata: { ...service.metadata, namespace },
    spec: {
      ...{ ...Object(service['spec']) },
      template: {
        metadata: { ...Object(at(template, 'metadata')), annotations },
        spec: { ...Object(at(filled, 'spec', 'template', 'spec')), ...Object(at(template, 'spec')) },
      },
    },
  }
}

describe('a Knative Service', { skip: kubernetesMissing(['knative']), timeout: 300_000 }, () => {
  let cluster: Cluster
  before(async () => {
    cluster = await startCluster()
    await startKnative(cluster)
  })
  after(() => cluster?.stop())

  test('is one that Knative takes and gets ready, with its image and its variables', async () => {
    const namespace = await cluster.namespace('knative')
    const run = containerRun({ description: { kind: 'knative' } }, { containerPort: 3000, health: '/healthz' })
    const { objects } = await render(renderRequest({ run, namespace, env: { COLOR: { kind: 'value', value: 'red' } } }))
    const configMap = named(objects, 'ConfigMap')
    await cluster.apply(
      { ...configMap, metadata: { ...configMap.metadata, namespace } },
      completed(named(objects, 'Service'), namespace),
    )
    const path = `/apis/serving.knative.dev/v1/namespaces/${namespace}`
    await until('it is ready', async () => {
      const conditions = at(await cluster.api.get(`${path}/services/web`), 'status', 'conditions')
      return Array.isArray(conditions) && conditions.some(({ type, status }) => type === 'Ready' && status === 'True')
    })
    const [revision] = await cluster.api.list(`${path}/revisions`)
    const container = at(revision, 'spec', 'containers', 0)
    assert.equal(at(container, 'image'), imageOf(digest))
    assert.deepEqual(at(container, 'envFrom'), [{ configMapRef: { name: configMap.metadata.name } }])
    assert.equal(at(container, 'readinessProbe', 'httpGet', 'path'), '/healthz')
  })
})
