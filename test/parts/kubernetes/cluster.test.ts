import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, describe, test } from 'node:test'
import { findProgram } from '../local-server.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from './cluster.ts'
import { takesConnections } from './processes.ts'

const endsWithKilled = findProgram('setpriv', process.env) === null && 'setpriv is not installed (util-linux)'

describe('a cluster of a test', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
  let cluster: Cluster
  let namespace: string

  before(async () => {
    cluster = await startCluster()
    namespace = await cluster.namespace()
  })
  after(() => cluster?.stop())

  const deployment = (name: string, image: string) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace },
    spec: {
      replicas: 2,
      progressDeadlineSeconds: 5,
      selector: { matchLabels: { app: name } },
      template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: 'main', image }] } },
    },
  })
  const rollout = (name: string) =>
    cluster.kubectl('-n', namespace, 'rollout', 'status', `deployment/${name}`, '--timeout=120s')
  const readDeployment = (name: string) => cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/${name}`)

  test('rolls a Deployment out', async () => {
    await cluster.apply(deployment('web', 'registry.test/web:1'))
    assert.match(await rollout('web'), /successfully rolled out/)
    assert.equal((await readDeployment('web'))?.['status'].readyReplicas, 2)
  })

  test('a broken image never gets ready and the controller says so', async () => {
    await cluster.apply(deployment('sick', 'registry.test/sick:broken'))
    await assert.rejects(rollout('sick'), /exceeded its progress deadline/)
    const pods = await cluster.api.list(`/api/v1/namespaces/${namespace}/pods?labelSelector=app%3Dsick`)
    assert.equal(pods[0]?.['status'].containerStatuses[0].state.waiting.reason, 'CrashLoopBackOff')
  })

  test('a user may do what role bindings say and nothing else', async () => {
    const { kubeconfig } = await cluster.user({ name: 'ann', groups: ['readers'] })
    const asAnn = (...args: string[]) => cluster.kubectl('--kubeconfig', kubeconfig, '-n', namespace, ...args)
    await assert.rejects(asAnn('get', 'pods'), /pods is forbidden: User "ann" cannot list/)
    await cluster.kubectl('-n', namespace, 'create', 'rolebinding', 'r', '--clusterrole=view', '--group=readers')
    await until('ann allowed to read', () => asAnn('get', 'pods').catch(() => null))
    await assert.rejects(asAnn('delete', 'deployment', 'web'), /deployments.apps "web" is forbidden/)
  })

  test('a service account has its own rights, and an expired one none', async () => {
    const expired = await cluster.serviceAccount({ namespace, name: 'bob', validForSeconds: -60 })
    const bob = await cluster.serviceAccount({ namespace, name: 'bob' })
    const who = (kubeconfig: string) => cluster.kubectl('--kubeconfig', kubeconfig, 'auth', 'whoami')
    assert.match(await who(bob.kubeconfig), new RegExp(`system:serviceaccount:${namespace}:bob`))
    await assert.rejects(who(expired.kubeconfig), /Unauthorized/)
    const { kubeconfig } = await cluster.user({ name: 'old', groups: ['system:masters'], expired: true })
    await assert.rejects(who(kubeconfig), /Unauthorized/)
  })

  test('a pod that no node may have is told so by the scheduler until one comes', async () => {
    const path = `/api/v1/namespaces/${namespace}/pods`
    const spec = { nodeSelector: { disk: 'fast' }, containers: [{ name: 'main', image: 'registry.test/x:1' }] }
    await cluster.api.create(path, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'picky' }, spec })
    const phase = async () => (await cluster.api.get(`${path}/picky`))?.['status']
    const unscheduled = await until('picky refused', async () => (await phase())?.conditions?.[0])
    assert.equal(unscheduled.reason, 'Unschedulable')
    assert.match(unscheduled.message, /didn't match Pod's node affinity\/selector/)
    await cluster.addNode('fast-0', { labels: { disk: 'fast' } })
    await until('picky running', async () => (await phase())?.phase === 'Running')
  })

  test('the API server keeps everything when it is started again', async () => {
    const before = await readDeployment('web')
    await cluster.stopApiServer()
    await assert.rejects(readDeployment('web'), /ECONNREFUSED|ECONNRESET|socket hang up/)
    await cluster.startApiServer()
    assert.equal((await readDeployment('web'))?.metadata.uid, before?.metadata.uid)
    await cluster.apply(deployment('web', 'registry.test/web:2'))
    assert.match(await rollout('web'), /successfully rolled out/)
  })

  test('the API server can take requests and answer none, until it goes on', async () => {
    cluster.hangApiServer(true)
    try {
      await assert.rejects(cluster.kubectl('get', 'nodes', '--request-timeout=1s'), /timeout|deadline exceeded/i)
    } finally {
      cluster.hangApiServer(false)
    }
    assert.match(await cluster.kubectl('get', 'nodes'), /fake-0 +Ready/)
  })

  test('several clusters run side by side, and a stopped one leaves nothing', async () => {
    const other = await startCluster()
    const names = (await other.api.list('/api/v1/namespaces')).map(({ metadata }) => metadata.name)
    assert.ok(!names.includes(namespace))
    await other.stop()
    assert.ok(!existsSync(other.folder))
    await assert.rejects(other.api.get('/api/v1/nodes/fake-0'), /ECONNREFUSED/)
  })

  test('a cluster ends with the process that started it, even a killed one', { skip: endsWithKilled }, async () => {
    const script = [
      `import { startCluster } from ${JSON.stringify(join(import.meta.dirname, 'cluster.ts'))}`,
      'const { server, folder } = await startCluster()',
      'console.log(JSON.stringify({ server, folder }))',
      'setInterval(() => {}, 1000)',
    ]
    const owner = spawn(process.execPath, ['--input-type=module', '--eval', script.join('\n')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await once(createInterface(owner.stdout), 'line')
    owner.kill('SIGKILL')
    const { server, folder } = JSON.parse(line)
    const port = Number(new URL(server).port)
    await until('the API server gone', async () => !(await takesConnections(port)))
    const next = await startCluster()
    await next.stop()
    assert.ok(!existsSync(folder), 'what it left is swept by the next one')
  })
})
