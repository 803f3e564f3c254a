/** Logins at the real registry: Basic, and tokens of a service that gives exactly what it was asked for and may give. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSign, randomUUID, X509Certificate } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import type { PackedArtifact } from '../../src/ports/index.ts'
import { registryMissing, startRegistry } from '../parts/registry.ts'
import { bundleOf, temporaryDirectory } from './build-directory.ts'

const skip = registryMissing()
const inTime = () => AbortSignal.timeout(60_000)
const login = { TRUNKLINE_REGISTRY_USER: 'ada', TRUNKLINE_REGISTRY_PASSWORD: 'correct horse' }
/** `ada:correct horse`, as `htpasswd -nbB` writes it. */
const htpasswd = 'ada:$2y$05$CFcdkZqSCa6mVSVSAyarcOqQLUxh6SJj2CCOIojPm0zEuqgMvdPN6\n'

const storeAt = (repository: string, environment: NodeJS.ProcessEnv, mountFrom: string[] = []) =>
  createRegistryStore({
    ...{ repository, insecure: true, mountFrom, environment: { HOME: '/nonexistent', ...environment } },
    retryPolicy: { attempts: 3, baseMs: 5, maxMs: 1000 },
  })

test('a registry with a list of users takes a login, and says whose it refused', { skip }, async (t) => {
  const path = join(await temporaryDirectory(t), 'htpasswd')
  await writeFile(path, htpasswd)
  const registry = await startRegistry(process.env, { auth: { htpasswd: { realm: 'shop', path } } })
  t.after(() => registry.stop())
  const artifact = await bundleOf(t, 'x')
  const store = storeAt(`${registry.host}/shop`, login)
  await store.put(artifact, inTime())
  await store.tag(artifact.digest, ['v1'], inTime())
  assert.equal(await store.resolveTag('v1', inTime()), artifact.digest)

  const wrong = storeAt(`${registry.host}/shop`, { ...login, TRUNKLINE_REGISTRY_PASSWORD: 'wrong' })
  await assert.rejects(wrong.has(artifact.digest, inTime()), (error: Error) => {
    assert.match(error.message, /does not accept the login of ada/)
    return !error.message.includes('wrong')
  })
  await assert.rejects(storeAt(`${registry.host}/shop`, {}).put(artifact, inTime()), { code: 'REGISTRY_UNAUTHORIZED' })
})

test('a registry with a token service is given tokens for what is done, in two repositories for a mount', {
  skip,
}, async (t) => {
  const folder = await temporaryDirectory(t)
  const service = await startTokenService(t, folder)
  const registry = await startRegistry(process.env, { auth: { token: service.settings } })
  t.after(() => registry.stop())
  const open = (name: string, mountFrom: string[] = []) => storeAt(`${registry.host}/${name}`, login, mountFrom)
  const artifact = await bundleOf(t, Buffer.alloc(300_000, 7))
  await open('team/first').put(artifact, inTime())

  await open('team/second', ['team/first']).put(untouchable(artifact), inTime())
  assert.equal(await open('team/second').has(artifact.digest, inTime()), true)
  assert.ok(service.scopes.some((scopes) => scopes.includes('repository:team/first:pull') && scopes.length === 2))

  const note = { artifactType: 'text/note', mediaType: 'text/plain', bytes: Buffer.from('x') }
  await open('team/second').attach(artifact.digest, note, inTime())
  assert.equal((await open('team/second').referrers(artifact.digest, inTime())).length, 1)
  // The service gives no right to it; a mount from there is refused, and the bytes are sent.
  await open('team/third', ['secret/first']).put(artifact, inTime())
  await assert.rejects(open('secret/shop').put(artifact, inTime()), { code: 'REGISTRY_DENIED' })
})

/** Its larger blobs cannot be read: they must come from elsewhere. */
const untouchable = (artifact: PackedArtifact): PackedArtifact => ({
  ...artifact,
  blobs: artifact.blobs.map((blob) =>
    blob.size < 1000 ? blob : { ...blob, content: { kind: 'file', path: '/nonexistent/blob' } },
  ),
})

/** As https://distribution.github.io/distribution/spec/auth/jwt/ describes it; only people who log in get rights, in `team/` alone. */
async function startTokenService(t: TestContext, folder: string) {
  const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')]
  const request = ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=tokens']
  execFileSync('openssl', [...request, '-keyout', key, '-out', certificate], { stdio: 'ignore' })
  const privateKey = await readFile(key, 'utf8')
  const chain = [new X509Certificate(await readFile(certificate)).raw.toString('base64')]
  const scopes: string[][] = []
  const server = createServer((incoming, response) => {
    const asked = new URL(incoming.url ?? '/', 'http://tokens').searchParams
    const expected = `Basic ${Buffer.from('ada:correct horse').toString('base64')}`
    if (asked.get('service') !== 'registry' || incoming.headers.authorization !== expected) {
      response.writeHead(401).end()
      return
    }
    const wanted = asked.getAll('scope')
    scopes.push(wanted)
    const access = wanted.flatMap((scope) => {
      const [, name = '', actions = ''] = /^repository:([^:]+):(.+)$/.exec(scope) ?? []
      return name.startsWith('team/') ? [{ type: 'repository', name, actions: actions.split(',') }] : []
    })
    const now = Math.floor(Date.now() / 1000)
    const claims = {
      iss: 'tokens',
      sub: 'ada',
      aud: 'registry',
      exp: now + 300,
      nbf: now - 10,
      iat: now,
      jti: randomUUID(),
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ token: signed({ ...claims, access }, privateKey, chain), expires_in: 300 }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const { port } = server.address() as AddressInfo
  const realm = `http://127.0.0.1:${port}/token`
  return { scopes, settings: { realm, service: 'registry', issuer: 'tokens', rootcertbundle: certificate } }
}

function signed(claims: unknown, key: string, x5c: string[]): string {
  const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const text = `${encode({ typ: 'JWT', alg: 'RS256', x5c })}.${encode(claims)}`
  return `${text}.${createSign('RSA-SHA256').update(text).sign(key, 'base64url')}`
}
