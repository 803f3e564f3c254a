/** Registries that lie, and hosts that they lead to: neither gets a login that is not theirs, nor sends us to this machine. */
import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { test } from 'node:test'
import { digestOfBytes } from '../../src/artifacts/digest.ts'
import { mediaTypes } from '../../src/artifacts/media-types.ts'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { resolveLocation } from '../../src/artifacts/oci-registry/redirects.ts'
import type { HttpRequest } from '../../src/artifacts/oci-registry/transport.ts'

const { signal } = new AbortController()
const digest = digestOfBytes(Buffer.from('x'))

type Answer = { status: number; headers?: Record<string, string>; body?: string }

/** A store whose every request is answered by `answer`; and the requests it made. */
function storeAgainst(answer: (request: HttpRequest) => Answer) {
  const requests: HttpRequest[] = []
  const store = createRegistryStore({
    repository: 'registry.example/shop',
    insecure: false,
    environment: { HOME: '/nonexistent', TRUNKLINE_REGISTRY_USER: 'ada', TRUNKLINE_REGISTRY_PASSWORD: 'open sesame' },
    retryPolicy: { attempts: 1, baseMs: 1, maxMs: 1 },
    transport: async (request) => {
      requests.push(request)
      const { status, headers = {}, body = '' } = answer(request)
      return { url: request.url, status, headers, body: Readable.from([Buffer.from(body)], { objectMode: false }) }
    },
  })
  return { store, requests }
}

test('a storage host that asks for a login gets none, and its token service is never asked', async () => {
  const { store, requests } = storeAgainst(({ url }) => {
    if (url.endsWith('/v2/')) return { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } }
    if (url.includes('registry.example')) return { status: 307, headers: { location: 'https://storage.example/blob' } }
    return { status: 401, headers: { 'www-authenticate': 'Bearer realm="https://evil.example/token"' } }
  })
  await assert.rejects(store.manifest(digest, signal), { code: 'REGISTRY_UNAUTHORIZED' })
  assert.ok(
    requests.some(({ url }) => url.includes('storage.example')),
    'it was led there',
  )
  for (const { url, headers } of requests) {
    assert.ok(!url.includes('evil.example'), url)
    if (!url.startsWith('https://registry.example/')) assert.equal(headers['authorization'], undefined)
  }
})

const unsafe = [
  'file:///etc/passwd',
  'ftp://a.example/',
  'http://[',
  'https://127.0.0.1/',
  'https://169.254.169.254/latest',
  'https://localhost:8080/',
  'https://[::1]/',
  'https://2130706433/',
  '//[::ffff:127.0.0.1]/',
]
for (const location of unsafe) {
  test(`a registry that leads to ${location} is not followed`, () => {
    assert.throws(() => resolveLocation(location, 'https://registry.example/v2/'), { code: 'REGISTRY_UNSAFE_REDIRECT' })
  })
}

test('a list of referrers does not go on at another host, and another digest than asked for is no answer', async () => {
  const link = { 'content-type': mediaTypes.index, link: '<https://evil.example/next>; rel="next"' }
  const { store } = storeAgainst(({ url }) =>
    url.includes('/referrers/')
      ? { status: 200, headers: link, body: '{"manifests":[]}' }
      : { status: 200, headers: { 'docker-content-digest': `sha256:${'a'.repeat(64)}` } },
  )
  await assert.rejects(store.referrers(digest, signal), { code: 'REGISTRY_UNSAFE_REDIRECT' })
  await assert.rejects(store.has(digest, signal), { code: 'ARTIFACT_CORRUPT' })
})
