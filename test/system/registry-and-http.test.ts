/**
 * State and source behind smart HTTP with a password, artifacts in a real registry: what a team has. The network goes
 * away and comes back, two runners race, and in the end there is one of everything and nothing is lost.
 */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import type { DeliveryResult } from '../../src/delivery/index.ts'
import type { StatusDocument } from '../../src/reporting/index.ts'
import { type GitHttpServer, startGitHttpServer } from '../parts/git-http-server.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { startDetour } from './detour.ts'
import { type ErrorDocument, oneDocument, openProject } from './project-under-test.ts'

const credentials = { user: 'runner', password: 'open-sesame-1234' }

/** Every build leaves a line in the file that `BUILD_LOG` names. */
const greeter = `
require('node:http').createServer((request, response) => response.end(require('./words.json').words))
  .listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
`
const words = (text: string) => ({ 'greeter/words.txt': text })
const build = `const words = require('node:fs').readFileSync('greeter/words.txt', 'utf8')
require('node:fs').mkdirSync('greeter/dist')
require('node:fs').copyFileSync('greeter/main.js', 'greeter/dist/main.js')
require('node:fs').writeFileSync('greeter/dist/words.json', JSON.stringify({ words }))
require('node:fs').appendFileSync(process.env.BUILD_LOG, words + '\\n')
`
const configuration = (registry: string) => `project: greetings
artifacts: oci+http://${registry}/greetings
services:
  greeter:
    path: greeter
    build: { run: node greeter/build.js, passEnv: [BUILD_LOG] }
    artifact: { bundle: { include: [dist/**] } }
    run: { command: node dist/main.js, port: PORT, drainTimeout: 2s }
environments:
  stage:
    on: { branch: main }
    target: { fleet: { replicas: 2 } }
    verify: [{ name: it greets, http: /, service: greeter, contains: hello }]
  prod:
    on: { tag: "v*", reachableFrom: main }
    after: stage
    target: { fleet: {} }
`

test('a team delivers through smart HTTP and a registry', { skip: registryMissing() }, async (t) => {
  const registry = await startRegistry()
  t.after(() => registry.stop())
  await using wayToRegistry = await startDetour(registry.host)
  const scratch = await mkdtemp(join(tmpdir(), 'trunkline-registry-and-http-'))
  t.after(() => rm(scratch, { recursive: true, force: true }))
  const buildLog = join(scratch, 'builds.log')
  let server: GitHttpServer | undefined
  await using project = await openProject({
    files: {
      'trunkline.yaml': configuration(wayToRegistry.host),
      'greeter/main.js': greeter,
      'greeter/build.js': build,
      ...words('hello'),
    },
    environment: { BUILD_LOG: buildLog },
    async remoteUrl(remote) {
      server = await startGitHttpServer({ root: dirname(remote.directory), credentials })
      return `${server.urlWithCredentials}/remote.git`
    },
  })
  t.after(() => server?.close())
  assert.ok(server)
  const remote = server
  const printed: string[] = []

  const run = async <Document = DeliveryResult>(exitCode: number, ...command: string[]): Promise<Document> => {
    const ended = await project.trunkline([...command, '--json'])
    printed.push(ended.stdout, ended.stderr)
    return oneDocument<Document>(ended, exitCode, command)
  }
  const outcome = (result: DeliveryResult, environment = 'stage') =>
    result.environments.find(({ name }) => name === environment)?.outcome
  const says = async (environment: string): Promise<string> =>
    await (await fetch(await project.address(environment, 'greeter'))).text()
  const builds = async () => (await readFile(buildLog, 'utf8')).trim().split('\n')
  const records = async (folder: string): Promise<number> => {
    const listing = await project.remote.git('ls-tree', '-r', '--name-only', 'refs/trunkline/builds', `${folder}/`)
    return listing === '' ? 0 : listing.split('\n').length
  }
  const artifacts = async (): Promise<string[]> => {
    const { environments } = await run<StatusDocument>(0, 'status')
    return environments.flatMap(({ services }) => services.map(({ artifact }) => artifact))
  }
  const fromRegistry = async (path: string): Promise<unknown> => {
    const answered = await fetch(`http://${registry.host}/v2/greetings/${path}`, {
      headers: { accept: 'application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json' },
    })
    assert.equal(answered.status, 200, path)
    return await answered.json()
  }
  const startsOf = async (commit: string) => {
    const { events } = await run<{ events: Array<{ kind: string; commit: string | null }> }>(0, 'log', 'stage')
    return events.filter((event) => event.kind === 'started' && event.commit === commit)
  }

  await t.test('the first delivery builds once, and the registry has the artifact with its provenance', async () => {
    assert.equal(outcome(await run(0, 'deliver')), 'succeeded')
    assert.equal(await says('stage'), 'hello')
    assert.deepEqual(await builds(), ['hello'])
    assert.equal(await records('builds'), 1)
    const [digest = ''] = await artifacts()
    const index = (await fromRegistry(`manifests/${digest.replace(':', '-')}`)) as Index
    const [provenance] = index.manifests
    assert.equal(provenance?.artifactType, 'application/vnd.in-toto+json')
    const { layers } = (await fromRegistry(`manifests/${provenance.digest}`)) as Manifest
    const statement = (await fromRegistry(`blobs/${layers[0]?.digest}`)) as Statement
    assert.equal(`sha256:${statement.subject[0]?.digest.sha256}`, digest)
    const { commit, repository } = statement.predicate.buildDefinition.externalParameters
    assert.equal(commit, await project.clone.head())
    assert.equal(repository, `${remote.url}/remote.git`, 'the repository, and not who signed in there')
  })

  await t.test(
    'a tag carries the same bytes to prod, and the registry knows them by the names people use',
    async () => {
      const short = (await project.clone.head()).slice(0, 7)
      await project.clone.tag('v1.0.0')
      await project.clone.push('origin', 'v1.0.0')
      assert.equal(outcome(await run(0, 'deliver', '--ref', 'v1.0.0'), 'prod'), 'succeeded')
      assert.deepEqual(await builds(), ['hello'])
      const [inStage, inProd] = await artifacts()
      assert.equal(inProd, inStage)
      const { tags } = (await fromRegistry('tags/list')) as { tags: string[] }
      for (const name of [`greeter-${short}`, 'greeter-v1.0.0']) assert.ok(tags.includes(name), tags.join(' '))
    },
  )

  await t.test('prune tells why each artifact stays, and removes none that runs', async () => {
    type Pruned = { removed: unknown[]; kept: Array<{ artifact: string; reasons: Array<{ code: string }> }> }
    const { removed, kept } = await run<Pruned>(0, 'prune', '--dry-run')
    assert.deepEqual(removed, [])
    const [inStage] = await artifacts()
    const codes = kept.find(({ artifact }) => artifact === inStage)?.reasons.map(({ code }) => code)
    for (const code of ['runs', 'tagged', 'on-trunk']) assert.ok(codes?.includes(code), String(codes))
    await run(0, 'prune')
    assert.equal(await says('stage'), 'hello')
    await run(2, 'prune', '--keep', 'none')
  })

  await t.test('two runners race with one commit: one build record, one release, one rollout', async () => {
    const commit = await project.push('greet all', words('hello all'))
    const other = await project.clone.clone({ url: `${remote.urlWithCredentials}/remote.git` })
    t.after(() => other.dispose())
    // Another home, so that nothing is shared but what machines of a team share, and the hosts they deliver to.
    const home = join(scratch, 'other-home')
    await mkdir(home)
    await symlink(join(project.home, 'fleet'), join(home, 'fleet'))
    const [releases, buildRecords] = [await records('commits'), await records('builds')]
    const both = await Promise.all([
      run(0, 'deliver'),
      project.json(0, ['deliver'], { directory: other.directory, environment: { TRUNKLINE_HOME: home } }),
    ])
    const ends = both.map((result) => outcome(result)).sort()
    assert.ok(ends.includes('succeeded'), String(ends))
    assert.equal(await says('stage'), 'hello all')
    assert.equal(await records('builds'), buildRecords + 1)
    assert.equal(await records('commits'), releases + 1)
    assert.equal(new Set(both.flatMap(({ release }) => release ?? [])).size, 1, 'both speak of one release')
    assert.equal((await startsOf(commit)).length, 1)
  })

  await t.test('a remote that answers 500 for a while costs time and nothing else', async () => {
    await project.push('greet on', words('hello again'))
    remote.failNext(3)
    assert.equal(outcome(await run(0, 'deliver')), 'succeeded')
    assert.equal(await says('stage'), 'hello again')
  })

  await t.test(
    'a remote that stays away is errored, wherever it happens, and what was begun is finished later',
    async () => {
      await project.push('greet through', words('hello through'))
      remote.failNext(Number.MAX_SAFE_INTEGER)
      const { error } = await run<ErrorDocument>(4, 'deliver')
      assert.equal(error.code, 'REMOTE_UNREACHABLE')
      remote.failNext(0)
      // A deployment is under way when it goes.
      const started = project.start(['deliver'])
      await started.says(/stage deploying/)
      remote.failNext(Number.MAX_SAFE_INTEGER)
      const ended = await started.ended
      printed.push(ended.stdout, ended.stderr)
      assert.equal(ended.exitCode, 4, ended.stderr)
      remote.failNext(0)
      assert.equal(outcome(await run(0, 'deliver')), 'succeeded')
      assert.equal(await says('stage'), 'hello through')
      assert.equal((await builds()).filter((line) => line === 'hello through').length, 1)
    },
  )

  await t.test('a registry that is away is errored; when it is back the delivery goes on', async () => {
    await project.push('greet late', words('hello late'))
    const before = await records('builds')
    wayToRegistry.close()
    const away = await run<DeliveryResult | ErrorDocument>(4, 'deliver')
    assert.match(JSON.stringify(away), /registry/i)
    assert.equal(await says('stage'), 'hello through')
    assert.equal(await records('builds'), before, 'no record speaks of bytes that are nowhere')
    wayToRegistry.open()
    assert.equal(outcome(await run(0, 'deliver')), 'succeeded')
    assert.equal(await says('stage'), 'hello late')
    assert.equal(await records('builds'), before + 1)
  })

  await t.test('state that cannot be reached is errored, and never kept in the clone instead', async () => {
    const yaml = configuration(wayToRegistry.host)
    const elsewhere = `${yaml}state: { remote: "${remote.url.replace(/\d+$/, '1')}/state.git" }\n`
    await project.push('keep state elsewhere', { 'trunkline.yaml': elsewhere, ...words('hello nobody') })
    const { error } = await run<ErrorDocument>(4, 'deliver')
    assert.equal(error.code, 'STATE_UNREACHABLE')
    assert.equal((await run<ErrorDocument>(4, 'status')).error.code, 'STATE_UNREACHABLE')
    const refs = Object.keys(await project.clone.refs())
    assert.deepEqual(
      refs.filter((ref) => ref.startsWith('refs/trunkline')),
      [],
    )
    await project.push('keep state here again', { 'trunkline.yaml': yaml })
    assert.equal(outcome(await run(0, 'deliver')), 'succeeded')
    assert.equal(await says('stage'), 'hello nobody')
  })

  await t.test('the password is in nothing that was printed or written down', async () => {
    assert.ok(!printed.join('\n').includes(credentials.password))
    const refs = Object.keys(await project.remote.refs()).filter((ref) => ref.startsWith('refs/trunkline'))
    const history = await project.remote.git('log', '--patch', '--format=%an %ae %B', ...refs)
    assert.ok(!history.includes(credentials.password))
  })
})

/** OCI image index and manifest, in-toto statement: as far as they are looked at. */
type Index = { manifests: Array<{ artifactType?: string; digest: string }> }
type Manifest = { layers: Array<{ digest: string }> }
type Statement = {
  subject: Array<{ digest: { sha256: string } }>
  predicate: { buildDefinition: { externalParameters: { commit: string; repository: string } } }
}
