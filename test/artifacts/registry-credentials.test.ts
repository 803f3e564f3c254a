import assert from 'node:assert/strict'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readBaseImage } from '../../src/artifacts/image/base-image.ts'
import { parseChallenges } from '../../src/artifacts/oci-registry/challenge.ts'
import { findCredentials } from '../../src/artifacts/oci-registry/credentials.ts'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { resolveLocation } from '../../src/artifacts/oci-registry/redirects.ts'
import { parseRepository } from '../../src/artifacts/oci-registry/reference.ts'
import type { Digest, TrunklineError } from '../../src/model/index.ts'
import { bundleOf, temporaryDirectory } from './build-directory.ts'
import { startInProcessRegistry } from './in-process-registry.ts'

const inTime = () => AbortSignal.timeout(60_000)
const base64 = (text: string) => Buffer.from(text).toString('base64')

const findFor = (host: string, environment: NodeJS.ProcessEnv, repository = 'shop') =>
  findCredentials({ host, repository, environment, signal: inTime() })

/** A home with a Docker configuration and credential helpers, written as shell scripts. */
async function homeWith(t: TestContext, config: unknown, helpers: Record<string, string> = {}) {
  const home = await temporaryDirectory(t)
  await mkdir(join(home, '.docker'))
  await writeFile(join(home, '.docker', 'config.json'), typeof config === 'string' ? config : JSON.stringify(config))
  for (const [name, script] of Object.entries(helpers)) {
    const path = join(home, `docker-credential-${name}`)
    await writeFile(path, `#!/bin/sh\n${script}\n`)
    await chmod(path, 0o755)
  }
  return { HOME: home, PATH: `${home}:${process.env['PATH']}` }
}

test('credentials come from where docker login put them', async (t) => {
  const environment = await homeWith(t, {
    auths: {
      'registry.example': { auth: base64('ada:pass:word') },
      'https://legacy.example/v1/': { username: 'bob', password: 'secret' },
      'acr.example': { auth: base64('00000000:'), identitytoken: 'refresh' },
      'https://index.docker.io/v1/': { auth: base64('hub:hub-password') },
      'empty.example': {},
    },
  })
  const find = (host: string) => findFor(host, environment)
  assert.deepEqual(await find('registry.example'), { kind: 'password', user: 'ada', password: 'pass:word' })
  assert.deepEqual(await find('legacy.example'), { kind: 'password', user: 'bob', password: 'secret' })
  assert.deepEqual(await find('acr.example'), { kind: 'identity-token', token: 'refresh' })
  assert.deepEqual(await find('docker.io'), { kind: 'password', user: 'hub', password: 'hub-password' })
  assert.equal(await find('empty.example'), null)
  assert.equal(await find('unknown.example'), null)
  const elsewhere = { DOCKER_CONFIG: join(environment.HOME, '.docker'), HOME: '/nonexistent' }
  assert.equal((await findFor('registry.example', elsewhere))?.kind, 'password')
  assert.equal(await findFor('registry.example', { HOME: '/nonexistent' }), null)
})

test('the environment wins over Docker’s configuration, and half of it is a mistake', async (t) => {
  const environment = await homeWith(t, { auths: { 'registry.example': { auth: base64('ada:x') } } })
  const both = { ...environment, TRUNKLINE_REGISTRY_USER: 'ci', TRUNKLINE_REGISTRY_PASSWORD: 'token' }
  const found = await findFor('registry.example', both)
  assert.deepEqual(found, { kind: 'password', user: 'ci', password: 'token' })
  const half = { ...environment, TRUNKLINE_REGISTRY_USER: 'ci' }
  await assert.rejects(findFor('registry.example', half), {
    kind: 'usage',
    code: 'REGISTRY_CREDENTIALS',
  })
})

test('credential helpers are asked: the one of the host, else the store', async (t) => {
  const environment = await homeWith(
    t,
    { auths: { 'store.example': {} }, credHelpers: { 'ecr.example': 'ecr' }, credsStore: 'desktop' },
    {
      ecr: `read server; echo '{"ServerURL":"'$server'","Username":"AWS","Secret":"'$server-token'"}'`,
      desktop: `read server; case $server in
        store.example) echo '{"Username":"<token>","Secret":"refresh"}';;
        *) echo 'credentials not found in native keychain'; exit 1;; esac`,
    },
  )
  const find = (host: string) => findFor(host, environment)
  assert.deepEqual(await find('ecr.example'), { kind: 'password', user: 'AWS', password: 'ecr.example-token' })
  assert.deepEqual(await find('store.example'), { kind: 'identity-token', token: 'refresh' })
  assert.equal(await find('unknown.example'), null)
})

test('credentials come from where podman login put them, also for a part of a registry', async (t) => {
  const home = await temporaryDirectory(t)
  const put = async (folder: string, name: string, auths: Record<string, unknown>) => {
    await mkdir(join(home, folder), { recursive: true })
    await writeFile(join(home, folder, name), JSON.stringify({ auths }))
    return join(home, folder, name)
  }
  await put('.config/containers', 'auth.json', { 'kept.example': { auth: base64('kept:x') } })
  await put('run/containers', 'auth.json', {
    'registry.example/team': { auth: base64('team:x') },
    'registry.example': { auth: base64('all:x') },
  })
  const named = await put('elsewhere', 'auth.json', { 'named.example': { auth: base64('named:x') } })
  const environment = { HOME: home, XDG_RUNTIME_DIR: join(home, 'run'), REGISTRY_AUTH_FILE: named }
  const userFor = async (host: string, repository: string) => {
    const found = await findFor(host, environment, repository)
    return found?.kind === 'password' ? found.user : null
  }
  assert.equal(await userFor('registry.example', 'team/shop'), 'team')
  assert.equal(await userFor('registry.example', 'teams/shop'), 'all')
  assert.equal(await userFor('kept.example', 'shop'), 'kept')
  assert.equal(await userFor('named.example', 'shop'), 'named')
  assert.equal(await userFor('other.example', 'shop'), null)
})

test('a helper whose password has expired is asked again', async (t) => {
  const login = { kind: 'basic', user: 'AWS', password: 'second' } as const
  const { host } = await startInProcessRegistry(t, { login })
  const script = `
[ -e "$HOME/asked" ] && secret=second || secret=first
touch "$HOME/asked"
echo '{"Username":"AWS","Secret":"'$secret'"}'`
  const environment = await homeWith(t, { credHelpers: { [host]: 'ecr-login' } }, { 'ecr-login': script })
  const store = createRegistryStore({ repository: `${host}/shop`, insecure: false, environment })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  assert.equal(await store.has(artifact.digest, inTime()), true)
})

test('the login of the artifact store is shown to no other registry', async (t) => {
  const { host, requests } = await startInProcessRegistry(t, {
    login: { kind: 'basic', user: 'ci', password: 'token' },
  })
  const options = {
    reference: { repository: `${host}/bases`, digest: `sha256:${'a'.repeat(64)}` as Digest },
    platform: { os: 'linux', architecture: 'amd64' },
    environment: { HOME: '/nonexistent', TRUNKLINE_REGISTRY_USER: 'ci', TRUNKLINE_REGISTRY_PASSWORD: 'token' },
    signal: inTime(),
  }
  await assert.rejects(readBaseImage({ ...options, ownRegistry: 'registry.example' }), {
    code: 'REGISTRY_UNAUTHORIZED',
  })
  assert.ok(requests.every(({ headers }) => headers.authorization === undefined))
  await assert.rejects(readBaseImage({ ...options, ownRegistry: host }), { code: 'ARTIFACT_MISSING' })
})

test('a helper that fails is named, and nothing it printed is repeated', async (t) => {
  const config = {
    credHelpers: { 'a.example': 'broken', 'b.example': 'babbling', 'c.example': 'absent', 'd.example': '../x' },
  }
  const environment = await homeWith(t, config, { broken: 'echo s3cret; exit 3', babbling: 'echo s3cret {' })
  for (const host of ['a.example', 'b.example', 'c.example', 'd.example']) {
    await assert.rejects(findFor(host, environment), (error: TrunklineError) => {
      assert.match(error.code, /^(?:CREDENTIAL_HELPER|PROCESS_START)$/)
      assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /s3cret/)
      return true
    })
  }
})

test('a broken Docker configuration is named, and nothing in it is repeated', async (t) => {
  const environment = await homeWith(t, '{"auths": {"x": {"auth": "s3cret"')
  await assert.rejects(findFor('x', environment), (error: TrunklineError) => {
    assert.equal(error.kind, 'usage')
    assert.match(error.message, /config\.json/)
    assert.doesNotMatch(`${error.message} ${error.hint} ${error.cause}`, /s3cret/)
    return true
  })
})

test('an identity token is exchanged for access tokens', async (t) => {
  const registry = await startInProcessRegistry(t, { login: { kind: 'bearer', user: 'ada', password: 'refresh' } })
  const environment = await homeWith(t, { auths: { [registry.host]: { identitytoken: 'refresh' } } })
  const store = createRegistryStore({ repository: `${registry.host}/shop`, insecure: false, environment })
  await store.put(await bundleOf(t, 'x'), inTime())
  const exchange = registry.requests.find(({ url }) => url === '/token')
  assert.equal(new URLSearchParams(exchange?.body.toString()).get('grant_type'), 'refresh_token')
})

test('a registry that knows no mounts is sent the bytes', async (t) => {
  const { host, count } = await startInProcessRegistry(t, { refusesMounts: true })
  const environment = { HOME: '/nonexistent' }
  const store = createRegistryStore({ repository: `${host}/shop`, insecure: false, environment, mountFrom: ['other'] })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  assert.equal(await store.has(artifact.digest, inTime()), true)
  assert.ok(count('POST', /mount=/) > 0)
})

test('a registry that lets nothing be deleted says so', async (t) => {
  const { host } = await startInProcessRegistry(t, { keepsManifests: true })
  const environment = { HOME: '/nonexistent' }
  const store = createRegistryStore({ repository: `${host}/shop`, insecure: false, environment })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await assert.rejects(store.remove([artifact.digest], [], inTime()), {
    kind: 'refused',
    code: 'STORE_KEEPS_ARTIFACTS',
  })
  assert.equal(await store.has(artifact.digest, inTime()), true)
})

test('challenges are read as registries write them', () => {
  assert.deepEqual(
    parseChallenges(
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    ),
    [
      {
        scheme: 'bearer',
        parameters: {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:a/b:pull,push',
        },
      },
    ],
  )
  assert.deepEqual(parseChallenges('Basic realm="a \\"b\\"", Bearer realm=x, error="insufficient_scope"'), [
    { scheme: 'basic', parameters: { realm: 'a "b"' } },
    { scheme: 'bearer', parameters: { realm: 'x', error: 'insufficient_scope' } },
  ])
  assert.deepEqual(
    parseChallenges('Negotiate, Basic realm="x"').map(({ scheme }) => scheme),
    ['negotiate', 'basic'],
  )
  assert.deepEqual(parseChallenges(''), [])
  assert.deepEqual(parseChallenges('="'), [])
})

test('references are read as Docker reads them, and plain http is for this machine or by word only', () => {
  const origin = (repository: string, insecure = false) => parseRepository(repository, insecure).origin
  assert.equal(origin('registry.example/shop'), 'https://registry.example')
  assert.equal(origin('registry.example:5000/shop', true), 'http://registry.example:5000')
  assert.equal(origin('localhost:5000/shop'), 'http://localhost:5000')
  assert.equal(origin('localhost.example/shop'), 'https://localhost.example')
  assert.equal(origin('[::1]:5000/shop'), 'http://[::1]:5000')
  assert.deepEqual(parseRepository('docker.io/shop', false), {
    host: 'docker.io',
    origin: 'https://registry-1.docker.io',
    name: 'library/shop',
  })
})

test('locations never lead from https to another host’s http', () => {
  const base = 'https://registry.example/v2/shop/blobs/uploads/'
  assert.equal(resolveLocation('/v2/x?y=1', base), 'https://registry.example/v2/x?y=1')
  assert.equal(resolveLocation('http://registry.example/v2/x', base), 'https://registry.example/v2/x')
  assert.equal(resolveLocation('https://storage.example/x', base), 'https://storage.example/x')
  assert.throws(() => resolveLocation('http://storage.example/x', base), { code: 'REGISTRY_INSECURE_REDIRECT' })
})
