/**
 * The loyalty backend as its reader has it: branches pushed to a bare remote, delivered by the real command line to a
 * real control plane with Knative, images in a real registry, hooks and tasks run in them against a stand-in of Hasura
 * in front of a real PostgreSQL. Kong's controller runs nowhere here: what is asserted of it are its objects. What comes
 * after the first release is told by the example's story.
 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { delimiter, dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { type HasuraPart, startHasura } from '../parts/hasura.ts'
import { type Cluster, kubernetesMissing, startCluster } from '../parts/kubernetes/cluster.ts'
import { type JobRunner, startJobRunner } from '../parts/kubernetes/job-runner.ts'
import { startKnative } from '../parts/kubernetes/knative.ts'
import { kubectl, kubernetesToolsMissing } from '../parts/kubernetes/tools.ts'
import { type PostgresPart, postgresMissing, startPostgres } from '../parts/postgres.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { type SlackPart, startSlack } from '../parts/slack.ts'
import { openProject, type ProjectUnderTest } from '../system/project-under-test.ts'

const example = join(import.meta.dirname, '..', '..', 'examples', 'loyalty-backend')
const environments = ['stag', 'prod'] as const
type Environment = (typeof environments)[number]
const skip =
  kubernetesMissing(['kubelab', 'knative']) || kubernetesToolsMissing() || registryMissing() || postgresMissing()

describe('the loyalty backend', { skip, timeout: 600_000 }, () => {
  let cluster: Cluster
  let registry: RegistryPart
  let postgres: PostgresPart
  let jobs: JobRunner
  let slack: SlackPart
  let hasura: Record<Environment, HasuraPart>
  let project: ProjectUnderTest

  before(async () => {
    ;[cluster, registry, postgres] = await Promise.all([startCluster(), startRegistry(), startPostgres()])
    ;[jobs, slack] = await Promise.all([startJobRunner(cluster), startSlack(), startKnative(cluster)])
    for (const name of environments) await postgres.createDatabase(name)
    const [stag, prod] = await Promise.all(
      environments.map((database) => startHasura({ postgres, database, adminSecret: `admin of ${database}` })),
    )
    assert.ok(stag && prod)
    hasura = { stag, prod }
    project = await openProject({
      files: await filesOf(example, registry.host),
      environment: {
        KUBECONFIG: cluster.kubeconfig,
        PATH: [dirname(kubectl()), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter),
        SLACK_WEBHOOK: slack.url,
        ...variablesOf('STAG_', stag),
        ...variablesOf('PROD_', prod),
      },
    })
    await project.clone.git('checkout', '-b', 'master')
    await project.clone.push('origin', 'master')
  })
  after(async () => {
    await project?.[Symbol.asyncDispose]()
    await jobs?.stop()
    await Promise.all([hasura?.stag.stop(), hasura?.prod.stop(), slack?.stop()])
    await Promise.all([cluster?.stop(), registry?.stop(), postgres?.stop()])
  })

  const deliver = (branch: string, exitCode = 0) => project.json(exitCode, ['deliver', '--ref', branch])
  const branchOff = async (name: string, from: string) => {
    await project.clone.git('checkout', '-b', name, from)
    await project.clone.push('origin', name)
  }
  async function digestsIn(name: Environment): Promise<Record<string, string | null>> {
    const { environments: found } = await project.json<StatusDocument>(0, ['status', name])
    return Object.fromEntries((found[0]?.services ?? []).map((service) => [service.name, service.artifact]))
  }
  const objectsIn = async (name: Environment, kinds: string) =>
    JSON.parse(await cluster.kubectl('-n', `loyalty-${name}`, 'get', kinds, '-o', 'json')).items
  const told = () => slack.messages.splice(0)

  test('a push to releases/1.1.0-stag runs the flow in its order, with Slack at both ends', async () => {
    await branchOff('releases/1.1.0-stag', 'master')
    const { environments: delivered } = await deliver('releases/1.1.0-stag')
    assert.deepEqual(
      delivered.map(({ name, outcome }) => [name, outcome]),
      [['stag', 'succeeded']],
    )
    const { events } = await project.json<{ events: Array<{ seq: number; kind: string }> }>(0, ['log', 'stag'])
    assert.deepEqual(
      events.toSorted((one, other) => one.seq - other.seq).map(({ kind }) => kind),
      ['started', 'hook-started', 'hook-ended', 'hook-started', 'hook-ended', 'verified', 'succeeded'],
    )
    assert.deepEqual(
      jobs.ran.map(({ command, said, exitCode }) => [command.at(-1), exitCode, said.split('\n').at(-1)]),
      [
        ['node hasura/main.ts migrate', 0, 'default: 2 applied'],
        ['node hasura/main.ts metadata', 0, 'metadata applied, and consistent'],
      ],
    )
    const messages = told()
    assert.match(messages[0] ?? '', /stag/)
    assert.match(messages[0] ?? '', /1\.1\.0/)
    assert.match(messages.at(-1) ?? '', /1\.1\.0/)
    assert.equal(messages.length, 2, messages.join('\n'))
    assert.deepEqual(hasura.stag.asked.includes('replace_metadata'), true)
    assert.deepEqual(hasura.prod.asked, [])
  })

  test('Hasura was there before its hooks, and the functions came after them', async () => {
    const created = (object: { metadata: { creationTimestamp: string } }) =>
      Date.parse(object.metadata.creationTimestamp)
    const [engine] = (await objectsIn('stag', 'deployments')).filter(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === 'hasura',
    )
    const [functions] = await objectsIn('stag', 'services.serving.knative.dev')
    const runs = (await objectsIn('stag', 'jobs')).map(created)
    assert.equal(runs.length, 2)
    assert.ok(created(engine) <= Math.min(...runs))
    assert.ok(created(functions) >= Math.max(...runs))
  })

  test('Kong is told of the hosts, and of GraphQL alone; functions are for Hasura alone, by digest', async () => {
    const ingresses = await objectsIn('stag', 'ingresses')
    assert.deepEqual(
      ingresses.map((ingress: { metadata: { name: string }; spec: { ingressClassName: string; rules: unknown[] } }) => [
        ingress.metadata.name,
        ingress.spec.ingressClassName,
        ingress.spec.rules.map((rule) => {
          const { host, http } = rule as { host: string; http: { paths: Array<{ path: string }> } }
          return [host, ...http.paths.map(({ path }) => path)].join(' ')
        }),
      ]),
      [
        ['app', 'kong', ['stag.loyalty.example.com /']],
        ['hasura', 'kong', ['api.stag.loyalty.example.com /v1/graphql']],
      ],
    )
    const [functions] = await objectsIn('stag', 'services.serving.knative.dev')
    const { image } = functions.spec.template.spec.containers[0]
    assert.equal(functions.metadata.labels['networking.knative.dev/visibility'], 'cluster-local')
    assert.equal(image, `${registry.host}/loyalty@${(await digestsIn('stag'))['functions']}`)
  })

  test('variables reach their users by prefix: secrets as secrets', async () => {
    const secrets = await objectsIn('stag', 'secrets')
    const [own] = secrets.filter(({ metadata }: { metadata: { name: string } }) =>
      /^functions-secret-/.test(metadata.name),
    )
    assert.equal(Buffer.from(own.data.FUNCTIONS_SECRET, 'base64').toString(), 'STAG_ secret')
    const ledger = await project.remote.git('log', '-p', 'refs/trunkline/env/stag')
    assert.doesNotMatch(ledger, /STAG_ secret|admin of stag/)
  })

  test('seeds and one-off jobs run in the image of the release that runs there', async () => {
    jobs.ran.length = 0
    for (const task of ['seed', 'update-images']) {
      assert.equal((await project.trunkline(['run', 'stag', task])).exitCode, 0, task)
    }
    assert.deepEqual(await postgres.query('stag', 'SELECT count(image_url) FROM reward'), ['3'])
    const digests = await digestsIn('stag')
    assert.deepEqual(
      jobs.ran.map(({ command, image }) => [command.at(-1), image.split('@')[1] === digests['hasura']]),
      [
        ['node hasura/main.ts seed', true],
        ['node data/update-images.ts', false],
      ],
    )
  })

  test('a branch for production that staging has not verified waits', async () => {
    await branchOff('releases/1.0.9-prod', 'master')
    await project.clone.commit('Another price', {
      'app/src/main.ts': `${await readFile(join(example, 'app/src/main.ts'), 'utf8')}// changed past staging\n`,
    })
    await project.clone.push('origin', 'HEAD')
    assert.equal((await deliver('releases/1.0.9-prod')).outcome, 'waiting')
    told()
  })
})

/** The example with the registry of this machine. */
async function filesOf(folder: string, registry: string): Promise<Record<string, string>> {
  const names = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = names.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  const contents = await Promise.all(
    files
      .filter((file) => !file.includes('node_modules'))
      .map(async (file) => [file.slice(folder.length + 1), await readFile(file, 'utf8')] as const),
  )
  return Object.fromEntries(
    contents.map(([path, text]) => [path, text.replace('oci://registry.example.com/', `oci://${registry}/`)]),
  )
}

const variablesOf = (prefix: string, { url, adminSecret }: HasuraPart): Record<string, string> => ({
  [`${prefix}HASURA_URL`]: url,
  [`${prefix}HASURA_GRAPHQL_ADMIN_SECRET`]: adminSecret,
  [`${prefix}HASURA_GRAPHQL_DATABASE_URL`]: 'postgresql://loyalty@postgres/loyalty',
  [`${prefix}HASURA_GRAPHQL_JWT_SECRET`]: '{"type":"RS256","jwk_url":"https://cognito.example.com/jwks.json"}',
  [`${prefix}FUNCTIONS_SECRET`]: `${prefix} secret`,
})
