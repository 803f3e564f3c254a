/** Charts by the real helm on a real control plane. With HELM_UNDER_TEST another helm than the one of the parts is used. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type ClusterSession, sessionOpener } from '../../../../src/kubernetes-api/session.ts'
import { type EnvironmentVariable, type HelmDescription, TrunklineError } from '../../../../src/model/index.ts'
import {
  type HelmRequest,
  type HelmUpgraded,
  helmGoBack,
  helmHistory,
  helmObjects,
  helmUpgrade,
  helmVariables,
  releaseOf,
} from '../../../../src/targets/kubernetes/helm/index.ts'
import { type Cluster, kubernetesMissing, startCluster, until } from '../../../parts/kubernetes/cluster.ts'
import { helm, kubernetesToolsMissing } from '../../../parts/kubernetes/tools.ts'
import { at, type Change, containerRun, digest, named, otherDigest, renderRequest } from '../render/render-requests.ts'
import { chart, migration } from './charts.ts'

const program = process.env['HELM_UNDER_TEST'] ?? helm()
const env: Record<string, EnvironmentVariable> = {
  COLOR: { kind: 'value', value: 'red' },
  TOKEN: { kind: 'from', from: 'TOKEN', secret: true, default: null },
}
const helmDescription: HelmDescription = {
  kind: 'helm',
  chart: 'deploy/chart',
  release: '{service}-{environment}',
  values: ['deploy/values-{environment}.yaml'],
  set: { level: 'a "quoted", {level}=$1' },
  image: { kind: 'tag', repository: 'image.repository', tag: 'image.tag' },
}

describe('charts', { skip: kubernetesMissing() || kubernetesToolsMissing(), timeout: 600_000 }, () => {
  let cluster: Cluster
  let session: ClusterSession
  let temporary: string
  before(async () => {
    temporary = await mkdtemp(join(tmpdir(), 'helm-test-'))
    cluster = await startCluster()
    session = await sessionOpener(
      { kubeconfig: cluster.kubeconfig, context: null },
      { root: '/', variables: {} },
    )(new AbortController().signal)
    process.env['TMPDIR'] = temporary
  })
  after(async () => {
    await session?.close()
    await cluster?.stop()
    await rm(temporary, { recursive: true, force: true })
  })

  const requestOf = (
    namespace: string,
    { description = {}, ...change }: Change & { description?: Partial<HelmDescription> } = {},
  ): HelmRequest => ({
    ...renderRequest({
      namespace,
      env,
      run: containerRun({ description: { ...helmDescription, ...description } }),
      files: chart(),
      variables: { TOKEN: 'correct-horse' },
      environmentVariables: { ...process.env, PATH: [dirname(program), process.env['PATH']].join(delimiter) },
      ...change,
    }),
    access: { kubeconfig: cluster.kubeconfig, context: null },
    root: '/',
  })
  const next = (request: HelmRequest, artifact = otherDigest, generation = 'two'): HelmRequest => ({
    ...request,
    desired: { ...request.desired, artifact, generation },
  })
  const upgraded = async (request: HelmRequest) => {
    const result = await helmUpgrade(request, session)
    if (!result.ok) assert.fail(JSON.stringify(result))
    return result
  }
  const reasonsOf = (result: HelmUpgraded) => (result.ok ? assert.fail('it was installed') : result)
  const deploymentOf = (namespace: string) =>
    cluster.api.get(`/apis/apps/v1/namespaces/${namespace}/deployments/web-stage`)
  const containersOf = async (namespace: string) =>
    at(await deploymentOf(namespace), 'spec', 'template', 'spec', 'containers')

  test('are installed with their values as data, the image by digest and the variables beside it', async () => {
    const namespace = await cluster.namespace('install')
    const request = requestOf(namespace)
    const variables = helmVariables(request)
    await cluster.apply(...variables.map((object) => ({ ...object, metadata: { ...object.metadata, namespace } })))
    const { release, revision, objects } = await upgraded(request)
    assert.deepEqual([release, revision], [{ name: 'web-stage', namespace }, 1])
    assert.deepEqual(objects.map(({ kind }) => kind).sort(), ['ConfigMap', 'Deployment'])

    const containers = await containersOf(namespace)
    assert.equal(at(containers, 0, 'image'), `registry.test/shop:${digest.slice(7, 19)}@${digest}`)
    assert.deepEqual(at(containers, 0, 'envFrom'), [
      { configMapRef: { name: named(variables, 'ConfigMap').metadata.name } },
      { secretRef: { name: named(variables, 'Secret').metadata.name } },
    ])
    assert.deepEqual(at(containers, 0, 'env'), [{ name: 'LEVEL', value: helmDescription.set['level'] }])
    assert.equal(at(containers, 1, 'envFrom'), undefined)
    const deployment = await deploymentOf(namespace)
    assert.equal(at(deployment, 'spec', 'replicas'), 2)
    assert.equal(at(deployment, 'spec', 'strategy', 'rollingUpdate', 'maxUnavailable'), 0)
    const settings = await cluster.api.get(`/api/v1/namespaces/${namespace}/configmaps/web-stage-settings`)
    assert.equal(at(settings, 'data', 'secret'), named(variables, 'Secret').metadata.name)
    assert.equal(at(settings, 'data', 'answer'), 'yes')
    await until('both pods', async () => at(await deploymentOf(namespace), 'status', 'availableReplicas') === 2)

    await upgraded(request)
    const history = await helmHistory(request, release)
    assert.deepEqual(
      history.map(({ revision: number, status }) => [number, status]),
      [[1, 'deployed']],
      'twice is as once',
    )
    assert.match(
      history[0]?.description ?? '',
      new RegExp(`^image ${digest.slice(7, 19)}, generation one, .* by Trunkline$`),
    )
    assert.deepEqual(await readdir(temporary), [], 'nothing is left')
  })

  test('go back to the revision that ran, and away where none did', async () => {
    const namespace = await cluster.namespace('back')
    const first = requestOf(namespace)
    const release = releaseOf(first, helmDescription)
    const { revision } = await upgraded(first)
    assert.equal((await upgraded(next(first))).revision, 2)
    const back = await helmGoBack(first, release, revision)
    assert.equal(back.revision, 3)
    assert.match(JSON.stringify(back.objects), new RegExp(digest))
    assert.equal(at(await containersOf(namespace), 0, 'image'), `registry.test/shop:${digest.slice(7, 19)}@${digest}`)
    assert.equal((await helmGoBack(first, release, 3)).revision, 3, 'it stands there already')
    assert.deepEqual(await helmGoBack(first, release, null), { revision: null, objects: [] })
    assert.equal(await deploymentOf(namespace), null)
    assert.deepEqual(await helmGoBack(first, release, null), { revision: null, objects: [] })
    assert.deepEqual(await helmObjects(first, release), [])
  })

  test('a hook that fails is told with its last lines', async () => {
    const namespace = await cluster.namespace('hooks')
    const failing = migration({ 'trunkline.test/job': 'fail', 'trunkline.test/log': 'no such table: carts' })
    const { reasons, logTail } = reasonsOf(await helmUpgrade(requestOf(namespace, { files: chart(failing) }), session))
    assert.equal(reasons[0]?.code, 'hook-failed')
    assert.match(reasons[0]?.message ?? '', /pre-install hook web-stage-migrate of the chart failed/)
    assert.deepEqual(logTail, ['no such table: carts'])
    const working = await upgraded(requestOf(namespace, { files: chart(migration({})) }))
    assert.ok(working.revision > 1)
  })

  test('mistakes of a chart are told with file and line, and nothing of this machine', async () => {
    const namespace = await cluster.namespace('mistakes')
    const failure = async (change: Record<string, string>) => {
      const result = await helmUpgrade(requestOf(namespace, { files: chart(change) }), session)
      const [first] = reasonsOf(result).reasons
      assert.ok(!JSON.stringify(result).includes(temporary), JSON.stringify(result))
      return `${first?.code}: ${first?.message}`
    }
    const web = 'deploy/chart/templates/web.yaml'
    assert.equal(
      await failure({ [web]: 'a: 1\nb: {{ required "say how many" .Values.missing }}\n' }),
      `chart-template: ${web}:2: say how many`,
    )
    assert.match(
      await failure({ [web]: 'a: {{ nothing }}' }),
      /^chart-template: .*web\.yaml:1: .*"nothing" not defined/,
    )
    assert.match(await failure({ [web]: `a: 1\n b: {{ .Values.image.tag }}` }), /^chart-template: .*web\.yaml: .*YAML/)
    const needs = 'dependencies: [{ name: redis, version: 1.x, repository: "https://charts.example" }]\n'
    assert.match(
      await failure({ 'deploy/chart/Chart.yaml': `apiVersion: v2\nname: shop-web\nversion: 1.2.3\n${needs}` }),
      /^chart-dependency-missing: the chart deploy\/chart depends on redis/,
    )
    assert.match(
      await failure({
        'deploy/chart/values.schema.json':
          '{"additionalProperties":false,"properties":{"image":{},"level":{"type":"number"}}}',
      }),
      /^chart-values: /,
    )
    await assert.rejects(
      helmUpgrade(
        requestOf(namespace, { images: {}, description: { image: { kind: 'reference', path: 'picture' } } }),
        session,
      ),
      (error) =>
        error instanceof TrunklineError && error.code === 'IMAGE_NOT_DESCRIBED' && /web:latest/.test(error.message),
    )
    await assert.rejects(
      helmUpgrade(requestOf(namespace, { description: { values: ['deploy/other.yaml'] } }), session),
      /takes values from deploy\/other\.yaml, and no file is there/,
    )
    const { name } = releaseOf(requestOf(namespace), helmDescription)
    assert.deepEqual(await helmHistory(requestOf(namespace), { name, namespace }), [], 'nothing was installed')
  })

  test('a release that a killed controller left in the middle is put back first', async () => {
    const namespace = await cluster.namespace('stuck')
    const first = requestOf(namespace)
    const release = releaseOf(first, helmDescription)
    await upgraded(first)
    const slow = {
      ...next(first),
      files: requestOf(namespace, { files: chart(migration({ 'trunkline.test/duration': '60s' })) }).files,
    }
    const dying = new AbortController()
    const ended = assert.rejects(
      helmUpgrade({ ...slow, signal: dying.signal, environmentVariables: await deaf() }, session),
    )
    await until(
      'helm waits for its hook',
      async () => (await helmHistory(first, release)).at(-1)?.status === 'pending-upgrade',
    )
    dying.abort()
    await ended
    assert.equal((await helmHistory(first, release)).at(-1)?.status, 'pending-upgrade')
    const { revision } = await upgraded(next(first, otherDigest, 'three'))
    const history = await helmHistory(first, release)
    assert.deepEqual([history.at(-1)?.revision, history.at(-1)?.status], [revision, 'deployed'])
    assert.match(history.at(-1)?.description ?? '', /generation three/)
  })

  /** A helm that is killed without a word of farewell when it is to end. */
  async function deaf(): Promise<NodeJS.ProcessEnv> {
    const folder = join(cluster.folder, 'deaf')
    await rm(folder, { recursive: true, force: true })

    await mkdir(folder)
    const script = `#!/bin/sh\nsetsid ${program} "$@" &\nchild=$!\ntrap 'kill -KILL $child; exit 1' TERM\nwait $child\n`
    await writeFile(join(folder, 'helm'), script, { mode: 0o755 })
    return { ...process.env, PATH: [folder, process.env['PATH']].join(delimiter) }
  }
})
