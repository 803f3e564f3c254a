/** The API client against a real API server: credentials, watches that break, and what it says when things go wrong. */
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  type ApiClient,
  ApiError,
  asTrunklineError,
  findConnection,
  openClient,
  openMirror,
  openResources,
} from '../../../src/kubernetes-api/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'

const { signal } = new AbortController()

describe('the Kubernetes API', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
  let cluster: Cluster
  const clients: ApiClient[] = []
  const surroundings = { root: '/', variables: { PATH: process.env['PATH'] } }
  const clientFor = async (kubeconfig: string) => {
    const client = openClient(await findConnection({ kubeconfig, context: null }, surroundings), surroundings.variables)
    clients.push(client)
    return client
  }

  before(async () => {
    cluster = await startCluster()
  })
  after(async () => {
    await Promise.all(clients.map((client) => client.close()))
    await cluster?.stop()
  })

  test('kinds are found by what the server says it has, new ones as well', async () => {
    const client = await clientFor(cluster.kubeconfig)
    const resources = openResources(client)
    const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace: 'shop' } }
    assert.equal(await resources.pathOf(deployment, signal), '/apis/apps/v1/namespaces/shop/deployments/web')
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } }
    assert.equal(await resources.pathOf(namespace, signal), '/api/v1/namespaces/shop')
    await assert.rejects(
      resources.find({ apiVersion: 'example.com/v1', kind: 'Shop' }, signal),
      /knows no Shop of example.com\/v1/,
    )
    await cluster.apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'shops.example.com' },
      spec: {
        group: 'example.com',
        names: { kind: 'Shop', plural: 'shops', singular: 'shop' },
        scope: 'Namespaced',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
          },
        ],
      },
    })
    const found = await until('the new kind', () =>
      resources.find({ apiVersion: 'example.com/v1', kind: 'Shop' }, signal).catch(() => null),
    )
    assert.equal(found.plural, 'shops')
  })

  test('a mirror follows, also over an API server that is killed and comes back', async () => {
    const client = await clientFor(cluster.kubeconfig)
    const namespace = await cluster.namespace('mirror')
    const resource = await openResources(client).find({ apiVersion: 'v1', kind: 'ConfigMap' }, signal)
    const mirror = openMirror(client, resource, { namespace, labelSelector: 'of=shop' }, signal)
    await mirror.ready
    const put = (name: string, value: string, of = 'shop') =>
      cluster.apply({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name, namespace, labels: { of } },
        data: { value },
      })
    const seen = (name: string) => (mirror.get(name, namespace)?.['data'] as { value?: string } | undefined)?.value
    await put('one', '1')
    await put('other', '1', 'nobody')
    await until('the first', async () => seen('one') === '1')
    assert.equal(seen('other'), undefined)
    await cluster.restartApiServer()
    await put('one', '2')
    await put('two', '1')
    await until('what came after', async () => seen('one') === '2' && seen('two') === '1')
    await cluster.kubectl('-n', namespace, 'delete', 'configmap', 'one')
    await until('what went', async () => seen('one') === undefined)
    mirror.close()
  })

  test('however many watches there are, requests are answered', async () => {
    const client = await clientFor(cluster.kubeconfig)
    const resource = await openResources(client).find({ apiVersion: 'v1', kind: 'ConfigMap' }, signal)
    const mirrors = Array.from({ length: 40 }, (_, index) =>
      openMirror(client, resource, { namespace: `watched-${index}` }, signal),
    )
    await Promise.all(mirrors.map((mirror) => mirror.ready))
    const namespace = await cluster.namespace('watched')
    const path = `/api/v1/namespaces/${namespace}`
    // Those whose watch has begun keep it: asked for until all have had the time to.
    for (let count = 0; count < 40; count += 1) {
      await client.request({ method: 'GET', path, timeoutMs: 60_000, signal: AbortSignal.timeout(60_000) })
    }
    for (const mirror of mirrors) mirror.close()
  })

  test('credentials of an exec plugin are asked for once, and again when they are refused', async () => {
    const calls = join(cluster.folder, 'calls')
    const token = join(cluster.folder, 'plugin-token')
    await writeFile(token, 'outdated')
    await writeFile(calls, '')
    const script = `echo x >> "$CALLS"; printf '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"%s"}}' "$(cat "$TOKEN")"`
    const kubeconfig = join(cluster.folder, 'exec.kubeconfig')
    await writeFile(
      kubeconfig,
      JSON.stringify({
        'current-context': 'x',
        contexts: [{ name: 'x', context: { cluster: 'c', user: 'u' } }],
        clusters: [
          { name: 'c', cluster: { server: cluster.server, 'certificate-authority': cluster.certificateAuthority } },
        ],
        users: [
          {
            name: 'u',
            user: {
              exec: {
                apiVersion: 'client.authentication.k8s.io/v1',
                command: 'sh',
                args: ['-c', script],
                env: [
                  { name: 'CALLS', value: calls },
                  { name: 'TOKEN', value: token },
                ],
              },
            },
          },
        ],
      }),
    )
    const client = await clientFor(kubeconfig)
    const ask = () => client.request({ method: 'GET', path: '/api/v1/namespaces/default', signal })
    await assert.rejects(ask(), (error) => error instanceof ApiError && error.status === 401)
    const said = asTrunklineError(new ApiError(401, {}, 'GET /'), 'stage')
    assert.ok(said instanceof TrunklineError && said.kind === 'errored')
    await writeFile(token, cluster.token)
    await ask()
    await ask()
    const { readFile } = await import('node:fs/promises')
    const asked = (await readFile(calls, 'utf8')).trim().split('\n').length
    assert.equal(asked, 3, 'twice for the outdated token, once for the good one')
  })

  test('what is forbidden is refused, and what does not answer is errored, each with a hint', async () => {
    const { kubeconfig } = await cluster.user({ name: 'nobody' })
    const nobody = await clientFor(kubeconfig)
    const error = await nobody
      .request({ method: 'GET', path: '/api/v1/namespaces/default/secrets', signal })
      .catch((fault: unknown) => asTrunklineError(fault, nobody.name))
    assert.ok(error instanceof TrunklineError && error.kind === 'refused', String(error))
    assert.match(error.message, /nobody.*cannot list resource "secrets"/)
    cluster.hangApiServer(true)
    try {
      const client = await clientFor(cluster.kubeconfig)
      const request = { method: 'POST' as const, path: '/api/v1/namespaces', body: {}, timeoutMs: 300, signal }
      await assert.rejects(
        client.request(request),
        (fault) =>
          fault instanceof TrunklineError && fault.kind === 'errored' && /cannot be reached/.test(fault.message),
      )
    } finally {
      cluster.hangApiServer(false)
    }
  })
})
