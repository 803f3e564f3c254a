/** Hooks and tasks as Jobs, and what services say, against a real control plane. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { ClusterSession } from '../../../src/kubernetes-api/session.ts'
import type { Digest } from '../../../src/model/index.ts'
import { TrunklineError } from '../../../src/model/index.ts'
import type { Job } from '../../../src/ports/index.ts'
import { jobOutcome, runJob } from '../../../src/targets/kubernetes/pods/run-job.ts'
import { serviceLogs } from '../../../src/targets/kubernetes/pods/service-logs.ts'
import { rollOut } from '../../../src/targets/kubernetes/rollout/roll-out.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../parts/kubernetes/cluster.ts'
import { sessionTo } from './session-to.ts'

const { signal } = new AbortController()
const artifact = `sha256:${'a'.repeat(64)}` as Digest

describe('pods', { skip: kubernetesMissing(), timeout: 300_000 }, () => {
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

  const jobOf = (key: string, change: Partial<Job> = {}): Job => ({
    ...{ key, name: 'migrate the tables', service: 'carts', artifact, run: 'npm run migrate', timeoutMs: 60_000 },
    variables: { PASSWORD: 'correct-horse-battery', PLAIN: 'x' },
    ...change,
  })
  const run = (namespace: string, job: Job, image = 'shop:1', lines: string[] = []) =>
    runJob({
      session,
      place: { project: 'shop', environment: 'stage', namespace },
      job,
      image,
      serviceAccount: null,
      createNamespace: true,
      context: { signal, log: (line) => lines.push(line) },
    })

  test('a job runs once for its key, with its variables in a Secret that goes with it', async () => {
    const place = { project: 'shop', environment: 'stage', namespace: 'jobs' }
    assert.deepEqual(await session.read({ apiVersion: 'v1', kind: 'Namespace' }, 'jobs', undefined, signal), null)
    const outcome = await run('jobs', jobOf('k1'))
    assert.equal(outcome.kind === 'ended' && outcome.exitCode, 0)
    assert.deepEqual(await jobOutcome(session, place.namespace, 'k1', signal), outcome)
    assert.deepEqual(await run('jobs', jobOf('k1')), outcome)
    const jobs = JSON.parse(await cluster.kubectl('-n', 'jobs', 'get', 'jobs', '-o', 'json'))
    assert.equal(jobs.items.length, 1)
    assert.ok(!JSON.stringify(jobs).includes('correct-horse'), 'no secret in the Job itself')
    assert.deepEqual(jobs.items[0].spec.template.spec.containers[0].command, ['/bin/sh', '-c', 'npm run migrate'])
    assert.deepEqual(await jobOutcome(session, place.namespace, 'k2', signal), { kind: 'never-started' })
    await cluster.kubectl('-n', 'jobs', 'delete', 'jobs', '--all')
    await until(
      'its Secret to go',
      async () => (await cluster.kubectl('-n', 'jobs', 'get', 'secrets', '-o', 'name')) === '',
    )
  })

  test('a job that fails says how it ended; one whose image is missing never began', async () => {
    const outcome = await run('jobs', jobOf('k3'), 'shop:broken')
    assert.ok(outcome.kind === 'ended' && outcome.exitCode !== 0, JSON.stringify(outcome))
    await assert.rejects(
      run('jobs', jobOf('k4'), 'shop:missing'),
      (error) => error instanceof TrunklineError && error.kind === 'errored' && /cannot be pulled/.test(error.message),
    )
    const place = { project: 'shop', environment: 'stage', namespace: 'jobs' }
    await until(
      'it to be gone',
      async () => (await jobOutcome(session, place.namespace, 'k4', signal)).kind === 'never-started',
    )
  })

  test('what the pods of a service say is one stream, by time', async () => {
    const namespace = await cluster.namespace('logs')
    const place = { project: 'shop', environment: 'stage', namespace }
    const object = {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' }, annotations: { 'trunkline.test/log': 'hello\nworld' } },
          spec: { containers: [{ name: 'main', image: 'shop:1' }] },
        },
      },
    }
    const context = { signal, epoch: 1, report: () => {}, log: () => {} }
    const wanted = { generation: 'one', artifact, fingerprint: null, objects: [object] }
    await rollOut({
      session,
      place,
      service: 'web',
      wanted,
      createNamespace: false,
      conflicts: 'fail',
      timeoutMs: 60_000,
      context,
    })
    const read = async () => {
      const lines: string[] = []
      for await (const { instance, text } of serviceLogs(
        session,
        place,
        { service: 'web', lines: 10, follow: false },
        signal,
      )) {
        assert.match(instance, /^web-/)
        lines.push(text)
      }
      return lines
    }
    await until('both to have spoken', async () => (await read()).length === 4)
    assert.deepEqual((await read()).sort(), ['hello', 'hello', 'world', 'world'])
  })
})
