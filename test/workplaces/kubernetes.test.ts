/**
 * Checks and builds as Jobs of a real control plane, by the rights that docs/building-elsewhere.md lists and no others.
 * Containers of Jobs really run (test/parts/kubernetes/job-runner.ts).
 */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Cluster, kubernetesMissing, startCluster, until } from '../parts/kubernetes/cluster.ts'
import { type JobRunner, startJobRunner } from '../parts/kubernetes/job-runner.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { type ErrorDocument, openProject, type ProjectUnderTest } from '../system/project-under-test.ts'
import { buildsAsDoctorSees } from './doctor.ts'
import { grantDocumentedRights } from './documented-rights.ts'
import { pushWorkerImage } from './worker-image.ts'

/** `ada:correct horse`, as `htpasswd -nbB` writes it. */
const ada = 'ada:$2y$05$CFcdkZqSCa6mVSVSAyarcOqQLUxh6SJj2CCOIojPm0zEuqgMvdPN6\n'

describe('builds in Jobs', { skip: kubernetesMissing() || registryMissing(), timeout: 600_000 }, () => {
  let cluster: Cluster
  let registry: RegistryPart
  let jobs: JobRunner
  let image: string
  before(async () => {
    ;[cluster, registry] = await Promise.all([startCluster(), startRegistry()])
    ;[jobs, image] = await Promise.all([startJobRunner(cluster), pushWorkerImage(registry.host)])
  })
  after(async () => {
    await jobs?.stop()
    await Promise.all([cluster?.stop(), registry?.stop()])
  })

  type Options = {
    services: Record<string, object>
    place?: object
    environment?: Record<string, string>
    artifacts?: string
    parallel?: number
  }
  type Elsewhere = ProjectUnderTest & {
    namespace: string
    jobsThere(): Promise<string[]>
    withServices(services: Record<string, object>): Promise<Record<string, string>>
  }

  async function elsewhere({
    services,
    place = {},
    environment = {},
    artifacts,
    parallel = 10,
  }: Options): Promise<Elsewhere> {
    const namespace = await cluster.namespace('builds')
    const { kubeconfig } = await grantDocumentedRights(cluster, namespace)
    const config = {
      project: 'shop',
      artifacts: artifacts ?? `oci+http://${registry.host}/${namespace}`,
      builds: { parallel, on: { kubernetes: { kubeconfig, namespace, image, ...place } } },
      services,
      environments: { stage: { on: { branch: 'main' }, target: { fleet: { hosts: ['local'] } } } },
    }
    const sources = Object.keys(services).map((name) => [`${name}/main.txt`, `I am ${name}\n`])
    const files = { 'trunkline.yaml': JSON.stringify(config), ...Object.fromEntries(sources) }
    const project = await openProject({ files, environment })
    const jobsThere = async () => {
      const listed = await cluster.api.list(`/apis/batch/v1/namespaces/${namespace}/jobs`)
      return listed.map(({ metadata }) => metadata.name)
    }
    const withServices = async (changed: Record<string, object>) => ({
      'trunkline.yaml': JSON.stringify({ ...config, services: changed }),
    })
    return Object.assign(project, { namespace, jobsThere, withServices })
  }
  const ranIn = ({ namespace }: Elsewhere) => jobs.ran.filter((ran) => ran.namespace === namespace)
  const service = (name: string, more: object = {}) => ({
    path: name,
    build: `mkdir ${name}/dist && cp ${name}/main.txt ${name}/dist/`,
    artifact: { bundle: { include: ['dist/**'] } },
    ...more,
  })

  test('a delivery checks and builds there, side by side, and leaves nothing behind', async () => {
    const names = ['carts', 'mail', 'web']
    const checks = { test: 'echo "testing as $USER"; ls -A; test ! -e ../.git' }
    const services = Object.fromEntries(names.map((name) => [name, service(name, { checks })]))
    await using project = await elsewhere({ services, parallel: 2 })
    let most = 0
    const watching = setInterval(() => {
      most = Math.max(most, jobs.running().length)
    }, 20)
    const delivered = await project.json(0, ['deliver']).finally(() => clearInterval(watching))
    assert.equal(most, 2, 'side by side, and no more than may be')
    assert.equal(delivered.outcome, 'succeeded')
    const ran = ranIn(project)
    assert.deepEqual(
      ran.map(({ exitCode }) => exitCode),
      [0, 0, 0, 0, 0, 0],
    )
    assert.deepEqual(await project.jobsThere(), [])

    const [again, plan] = [await project.json(0, ['deliver']), await project.json<Planned>(0, ['plan'])]
    assert.equal(again.release, delivered.release)
    assert.equal(ranIn(project).length, 6, 'nothing ran twice')
    assert.deepEqual(
      plan.services.map(({ action, artifact }) => [action, artifact?.slice(0, 7)]),
      names.map(() => ['reuse', 'sha256:']),
    )
  })
  type Planned = { services: Array<{ action: string; artifact: string | null }> }

  test('a red check is told with its output, a build that fails too; secrets show nowhere', async () => {
    const secret = 'hunter2-and-more'
    const web = service('web', {
      checks: {
        test: {
          run: 'echo "token $NPM_TOKEN"; echo 1 of 2 failed >&2; exit 3',
          passEnv: ['NPM_TOKEN'],
        },
      },
    })
    await using project = await elsewhere({ services: { web }, environment: { NPM_TOKEN: secret } })
    const red = await project.trunkline(['check'])
    assert.equal(red.exitCode, 1, red.stderr)
    assert.match(red.stderr + red.stdout, /1 of 2 failed/)
    assert.match(red.stderr + red.stdout, /check web\/test ended with exit code 3/)
    assert.match(ranIn(project)[0]?.said ?? '', /token •+/, 'it was passed, and masked where it was said')
    assert.ok(![red.stdout, red.stderr, JSON.stringify(jobs.ran)].join().includes(secret))

    // Tried again, it runs again: what was red is not taken from an outcome on record.
    await project.clone.git('commit', '--allow-empty', '-m', 'again')
    const fixed = { ...web, checks: {}, build: 'echo no such luck; exit 7' }
    await project.push('fails to build', await project.withServices({ web: fixed }))
    const failed = await project.json(1, ['deliver'])
    assert.equal(failed.outcome, 'failed')
    assert.match(JSON.stringify(failed), /the build of web failed/)
    assert.deepEqual(await project.jobsThere(), [])
    await until('no Secret is left', async () => {
      const secrets = await cluster.api.list(`/api/v1/namespaces/${project.namespace}/secrets`)
      return secrets.every(({ metadata }) => !metadata.name.startsWith('trunkline-'))
    })
  })

  test('a controller that was killed finds its Jobs again, and builds nothing twice', async () => {
    const gate = join(await mkdtemp(join(tmpdir(), 'trunkline-gate-')), 'open')
    const slow = service('web', {
      build: `mkdir web/dist; echo building; until [ -e '${gate}' ]; do sleep 0.1; done; date +%N > web/dist/when`,
    })
    await using project = await elsewhere({ services: { web: slow } })
    const killed = project.start(['deliver'])
    await until('its Job runs', async () => jobs.running().length === 1)
    killed.process.kill('SIGKILL')
    await killed.ended
    assert.equal((await project.jobsThere()).length, 1)

    const next = project.start(['deliver'], { environment: { TRUNKLINE_VERBOSE: '1' }, timeoutMs: 120_000 })
    await next.says(/build web/)
    await writeFile(gate, '')
    const ended = await next.ended
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.match(ended.stderr, /does it already: joined/)
    assert.match(ended.stderr, /building/, 'what it had said before is told as well')
    assert.equal(ranIn(project).length, 1)
    assert.deepEqual(await project.jobsThere(), [])
    await rm(dirname(gate), { recursive: true })
  })

  test('an API server that goes away for a while does not end a delivery', async () => {
    const gate = join(await mkdtemp(join(tmpdir(), 'trunkline-gate-')), 'open')
    const web = service('web', {
      build: `mkdir web/dist; until [ -e '${gate}' ]; do sleep 0.1; done; date > web/dist/when`,
    })
    await using project = await elsewhere({ services: { web } })
    const delivery = project.start(['deliver'])
    await until('its Job runs', async () => jobs.running().length === 1)
    await cluster.restartApiServer()
    await writeFile(gate, '')
    const ended = await delivery.ended
    assert.equal(ended.exitCode, 0, ended.stderr)
    assert.equal(ranIn(project).length, 1)
    await rm(dirname(gate), { recursive: true })
  })

  test('a cancelled delivery leaves no Job, and nothing that runs', async () => {
    const web = service('web', { build: 'echo building; sleep 600' })
    await using project = await elsewhere({ services: { web } })
    const cancelled = project.start(['deliver'])
    await until('its Job runs', async () => jobs.running().length === 1)
    cancelled.pressCtrlC()
    assert.equal((await cancelled.ended).exitCode, 130)
    assert.deepEqual(await project.jobsThere(), [])
    await until('its pod is told to stop', async () => jobs.running().length === 0)
  })

  test('a worker has the login, variables and size that trunk gives it, and no token of the cluster', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'trunkline-login-'))
    const path = join(folder, 'htpasswd')
    await writeFile(path, ada)
    const closed = await startRegistry(process.env, { auth: { htpasswd: { realm: 'shop', path } } })
    try {
      const check = { run: 'echo "packages from $NPM_CONFIG_REGISTRY"; test -z "$DOCKER_CONFIG"' }
      await using project = await elsewhere({
        services: { web: service('web', { checks: { test: check } }) },
        place: {
          ...{ login: 'registry-login', secrets: ['mirror'], serviceAccount: 'default' },
          resources: { requests: { cpu: '100m' }, limits: { memory: '1Gi' } },
          tolerations: [{ key: 'builds', operator: 'Exists' }],
        },
        artifacts: `oci+http://${closed.host}/shop`,
        environment: { TRUNKLINE_REGISTRY_USER: 'ada', TRUNKLINE_REGISTRY_PASSWORD: 'correct horse' },
      })
      const auths = { [closed.host]: { auth: Buffer.from('ada:correct horse').toString('base64') } }
      const secretOf = (name: string, type: string, stringData: Record<string, string>) => ({
        ...{ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: project.namespace }, type, stringData },
      })
      await cluster.apply(
        secretOf('registry-login', 'kubernetes.io/dockerconfigjson', {
          '.dockerconfigjson': JSON.stringify({ auths }),
        }),
        secretOf('mirror', 'Opaque', { NPM_CONFIG_REGISTRY: 'http://mirror.test/' }),
      )
      const started = project.start(['deliver'])
      const job = await until('a Job is there', async () => {
        const path = `/apis/batch/v1/namespaces/${project.namespace}/jobs`
        return (await cluster.api.list(path))[0]
      })
      const pod = job['spec'].template.spec
      assert.equal(pod.automountServiceAccountToken, false)
      assert.deepEqual(pod.nodeSelector, { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' })
      assert.deepEqual(pod.containers[0].resources, { requests: { cpu: '100m' }, limits: { memory: '1Gi' } })
      assert.deepEqual([pod.serviceAccountName, pod.tolerations.length], ['default', 1])
      const ended = await started.ended
      assert.equal(ended.exitCode, 0, ended.stderr)
      assert.match(
        ranIn(project)
          .map(({ said }) => said)
          .join(),
        /packages from http:\/\/mirror\.test\//,
      )
    } finally {
      await closed.stop()
      await rm(folder, { recursive: true })
    }
  })

  test('who may not make Jobs is refused, and told which rights it takes', async () => {
    const stranger = await cluster.serviceAccount({ namespace: await cluster.namespace('other'), name: 'stranger' })
    const place = { kubeconfig: stranger.kubeconfig }
    await using project = await elsewhere({ services: { web: service('web') }, place })
    const { error } = await project.json<ErrorDocument>(3, ['deliver'])
    assert.equal(error.code, 'FORBIDDEN')
    assert.match(error.hint ?? '', /docs\/building-elsewhere\.md/)
  })

  test('doctor says whether Jobs would be taken, by exactly the documented rights', async () => {
    const seen = async (exitCode: 0 | 1, place: object, more: object = {}) => {
      await using project = await elsewhere({ services: { web: service('web', more) }, place })
      const findings = await buildsAsDoctorSees(project, exitCode)
      assert.deepEqual(await project.jobsThere(), [], 'nothing was made for it')
      return findings.map(({ verdict, message }) => `${verdict}: ${message}`)
    }
    const checks = { test: { run: 'true', passEnv: ['TOKEN'] } }
    const [well, ...others] = await seen(0, {}, { checks })
    assert.match(well ?? '', /^good: .* takes Jobs in namespace builds-.*, of .*@sha256:/)
    assert.deepEqual(others, [])

    const stranger = await cluster.serviceAccount({ namespace: await cluster.namespace('other'), name: 'nobody' })
    const [lacking] = await seen(1, { kubeconfig: stranger.kubeconfig })
    assert.match(
      lacking ?? '',
      /^bad: .*may not get, list, watch, create, delete jobs\.batch; list, watch pods; get pods\/log in/,
    )

    const admin = { kubeconfig: cluster.kubeconfig }
    const [missing] = await seen(1, { ...admin, login: 'registry-login' })
    assert.match(missing ?? '', /^bad: .*the Secret registry-login is missing in namespace builds-/)
    const [nowhere] = await seen(1, { ...admin, namespace: 'no-such-place' })
    assert.match(nowhere ?? '', /^bad: .*takes no Job: .*no-such-place.* not found/)
    const [nobody] = await seen(1, { kubeconfig: '/nowhere/config' })
    assert.match(nobody ?? '', /^bad: .*\/nowhere\/config/)
  })

  test('an image that cannot be pulled is told, and is no verdict', async () => {
    const place = { image: `${registry.host}/missing/ci@sha256:${'0'.repeat(64)}` }
    await using project = await elsewhere({ services: { web: service('web') }, place })
    const { error } = await project.json<ErrorDocument>(4, ['deliver'])
    assert.equal(error.code, 'WORK_CANNOT_START')
    assert.match(error.message, /build web cannot start: .*its image cannot be pulled \(ImagePullBackOff\)/)
    assert.deepEqual(await project.jobsThere(), [])
  })
})
