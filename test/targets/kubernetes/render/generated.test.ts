/** Descriptions that Trunkline makes from how a service runs. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { CommandRun } from '../../../../src/model/index.ts'
import { render } from '../../../../src/targets/kubernetes/render/render.ts'
import { at, type Change, containerRun, digest, imageOf, named, renderRequest } from './render-requests.ts'

const command = (change: Partial<CommandRun> = {}): CommandRun => ({
  command: 'node main.js',
  port: 'HTTP_PORT',
  health: '/healthz',
  startTimeoutMs: 30_000,
  drainTimeoutMs: 20_000,
  stopTimeoutMs: 5000,
  ...change,
})
const objectsOf = async (change: Change) => (await render(renderRequest(change))).objects
const container = (object: unknown) => at(object, 'spec', 'template', 'spec', 'containers', 0)

describe('a generated description', () => {
  test('runs a command with its port told, and asks it for its health', async () => {
    const objects = await objectsOf({ run: command(), env: { COLOR: { kind: 'value', value: 'red' } } })
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ['ConfigMap', 'Deployment', 'Service', 'PodDisruptionBudget'],
    )
    const made = container(named(objects, 'Deployment'))
    assert.deepEqual(at(made, 'command'), ['/bin/sh', '-c', 'exec node main.js'])
    assert.deepEqual(at(made, 'env'), [{ name: 'HTTP_PORT', value: '8080' }])
    assert.equal(at(made, 'image'), imageOf(digest))
    assert.deepEqual(at(made, 'readinessProbe', 'httpGet'), { path: '/healthz', port: 'http' })
    assert.equal(at(made, 'startupProbe', 'failureThreshold'), 30)
    assert.deepEqual(at(made, 'envFrom'), [{ configMapRef: { name: named(objects, 'ConfigMap').metadata.name } }])
    assert.deepEqual(at(named(objects, 'Service'), 'spec', 'ports'), [
      { name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' },
    ])
  })

  test('drops no request: pods keep serving until nobody sends them any, then end', async () => {
    const deployment = named(await objectsOf({ run: command(), strategy: 'all-at-once' }), 'Deployment')
    const spec = at(deployment, 'spec', 'template', 'spec')
    assert.deepEqual(at(spec, 'containers', 0, 'lifecycle'), { preStop: { sleep: { seconds: 20 } } })
    assert.equal(at(spec, 'terminationGracePeriodSeconds'), 25)
    assert.deepEqual(at(deployment, 'spec', 'strategy', 'rollingUpdate'), { maxUnavailable: 0, maxSurge: '100%' })
    assert.equal(at(deployment, 'spec', 'progressDeadlineSeconds'), 600)
  })

  test('a container starts as its image says, with its arguments, and is asked by a connection', async () => {
    const run = containerRun({}, { containerPort: 3000, args: ['serve'] })
    const made = container(named(await objectsOf({ run }), 'Deployment'))
    assert.deepEqual(at(made, 'args'), ['serve'])
    assert.equal(at(made, 'command'), undefined)
    assert.equal(at(made, 'env'), undefined)
    assert.deepEqual(at(made, 'ports'), [{ name: 'http', containerPort: 3000 }])
    assert.deepEqual(at(made, 'readinessProbe', 'tcpSocket'), { port: 'http' })
  })

  test('a service without a port has neither probes nor a Service, and a single pod no budget', async () => {
    const objects = await objectsOf({ run: command({ port: null, command: 'a && b' }), config: { replicas: 1 } })
    assert.deepEqual(
      objects.map(({ kind }) => kind),
      ['Deployment'],
    )
    const made = container(objects[0])
    assert.deepEqual(at(made, 'command'), ['/bin/sh', '-c', 'a && b'])
    assert.equal(at(made, 'readinessProbe'), undefined)
    assert.equal(at(made, 'lifecycle'), undefined)
    assert.equal(at(objects[0], 'spec', 'minReadySeconds'), 5)
  })

  test('a Knative Service takes all requests with its newest revision; Knative itself says the port', async () => {
    const run = command({
      port: 'PORT',
      kubernetes: { description: { kind: 'knative' }, images: {}, variables: { kind: 'inject' } },
    })
    const objects = await objectsOf({ run })
    assert.equal(objects.length, 1)
    assert.equal(objects[0]?.apiVersion, 'serving.knative.dev/v1')
    assert.deepEqual(at(objects[0], 'spec', 'traffic'), [{ latestRevision: true, percent: 100 }])
    const made = container(objects[0])
    assert.equal(at(made, 'env'), undefined)
    assert.deepEqual(at(made, 'ports'), [{ containerPort: 8080 }])
    assert.deepEqual(at(made, 'readinessProbe', 'httpGet'), { path: '/healthz' })
    await assert.rejects(objectsOf({ run: { ...run, port: null } }), /has no port/)
  })

  test('what is deployed by an appspec is no thing for a cluster', async () => {
    const run = {
      kind: 'appspec',
      appspec: 'appspec.yml',
      ignoreStopFailures: false,
      port: null,
      health: null,
    } as const
    await assert.rejects(objectsOf({ run }), /a cluster runs containers/)
  })
})
