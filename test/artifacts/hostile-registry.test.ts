import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { createRegistryStore, type RegistryStoreOptions } from '../../src/artifacts/oci-registry/index.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, Descriptor, PackedArtifact } from '../../src/ports/index.ts'
import { bundleOf } from './build-directory.ts'
import { type Dialect, end, errorBody, type RecordedRequest, startInProcessRegistry } from './in-process-registry.ts'

const inTime = () => AbortSignal.timeout(60_000)
const environment = { HOME: '/nonexistent' }
const withLogin = { ...environment, TRUNKLINE_REGISTRY_USER: 'ada', TRUNKLINE_REGISTRY_PASSWORD: 'open sesame' }

function storeAt(host: string, options: Partial<RegistryStoreOptions> = {}): ArtifactStore {
  return createRegistryStore({
    repository: `${host}/shop`,
    insecure: false,
    environment,
    retryPolicy: { attempts: 4, baseMs: 2, maxMs: 3000 },
    ...options,
  })
}

async function open(t: TestContext, dialect: Dialect, options: Partial<RegistryStoreOptions> = {}) {
  const registry = await startInProcessRegistry(t, dialect)
  return { registry, store: storeAt(registry.host, options) }
}

const layerOf = ({ blobs }: PackedArtifact): Descriptor => {
  const layer = blobs[1]
  assert.ok(layer)
  return layer
}

async function read(store: ArtifactStore, descriptor: Descriptor): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of await store.blob(descriptor, inTime())) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const code = (expected: string, sentence?: RegExp) => (error: TrunklineError) => {
  assert.equal(error.code, expected, error.message)
  assert.equal(error.kind, 'errored')
  if (sentence) assert.match(error.message, sentence)
  return true
}

/** Misbehaves at the first `times` requests that match. */
function faults(times: number, method: string, pattern: RegExp, misbehave: Dialect['intercept']): Dialect {
  let left = times
  return {
    intercept(request, response) {
      if (left === 0 || request.method !== method || !pattern.test(request.url)) return false
      left--
      return misbehave?.(request, response) ?? false
    },
  }
}

const answer =
  (status: number, headers: Record<string, string> = {}, body = '') =>
  (_: RecordedRequest, response: Parameters<typeof end>[0]) => {
    end(response, status, headers, body)
    return true
  }

const hangUp = (_: RecordedRequest, response: Parameters<typeof end>[0]) => {
  response.destroy()
  return true
}

for (const [where, method, pattern] of [
  ['the first ping', 'GET', /^\/v2\/$/],
  ['the look for a blob', 'HEAD', /blobs/],
  ['the start of an upload', 'POST', /uploads/],
  ['the upload', 'PUT', /uploads/],
  ['the manifest', 'PUT', /manifests/],
] as const) {
  for (const [what, misbehave] of [
    ['500', answer(500)],
    ['503 with an HTML page', answer(503, { 'content-type': 'text/html' }, '<html>down for maintenance</html>')],
    ['a closed connection', hangUp],
  ] as const) {
    test(`${what} at ${where} is tried again, twice if need be`, async (t) => {
      const { store } = await open(t, faults(2, method, pattern, misbehave))
      const artifact = await bundleOf(t, randomBytes(50_000))
      await store.put(artifact, inTime())
      assert.equal((await read(store, layerOf(artifact))).length, layerOf(artifact).size)
    })
  }
}

test('a registry that stays broken is an error with its name in it, after a bounded number of attempts', async (t) => {
  const { store, registry } = await open(t, faults(1000, 'PUT', /manifests/, answer(502, {}, 'bad gateway')))
  const artifact = await bundleOf(t, 'x')
  await assert.rejects(
    store.put(artifact, inTime()),
    code('REGISTRY_FAILED', /127\.0\.0\.1:\d+ failed to store the manifest/),
  )
  assert.equal(registry.count('PUT', /manifests/), 4)
})

test('429 is obeyed: nothing is asked before Retry-After has passed', async (t) => {
  const asked: number[] = []
  const { store } = await open(t, {
    intercept({ url }, response) {
      if (!url.includes('/manifests/')) return false
      asked.push(performance.now())
      if (asked.length > 1) return false
      end(response, 429, { 'retry-after': '1' }, errorBody('TOOMANYREQUESTS', 'slow down'))
      return true
    },
  })
  await store.has((await bundleOf(t, 'x')).digest, inTime())
  assert.equal(asked.length, 2)
  assert.ok((asked[1] ?? 0) - (asked[0] ?? 0) >= 990)
})

test('429 without end says that the registry takes no more', async (t) => {
  const { store } = await open(t, faults(1000, 'HEAD', /manifests/, answer(429)))
  await assert.rejects(store.resolveTag('v1', inTime()), code('REGISTRY_RATE_LIMITED'))
})

test('a body that breaks off is taken up where it ended', async (t) => {
  const artifact = await bundleOf(t, randomBytes(400_000))
  const layer = layerOf(artifact)
  let cuts = 0
  const { store, registry } = await open(t, {
    intercept({ method, url, headers }, response) {
      if (method !== 'GET' || !url.endsWith(layer.digest) || cuts === 3) return false
      cuts++
      const bytes = registry.blobs.get(layer.digest)
      const start = Number(/bytes=(\d+)/.exec(headers.range ?? '')?.[1] ?? 0)
      response.writeHead(start > 0 ? 206 : 200, { 'content-length': String(layer.size - start) })
      response.write(bytes?.subarray(start, start + 100_000), () => response.destroy())
      return true
    },
  })
  await store.put(artifact, inTime())
  assert.equal((await read(store, layer)).length, layer.size)
  const ranges = registry.requests.filter(({ url }) => url.endsWith(layer.digest)).map(({ headers }) => headers.range)
  assert.ok(ranges.some((range) => range?.startsWith('bytes=')))
})

test('a server without ranges that breaks off is read again from the start, each byte once', async (t) => {
  const artifact = await bundleOf(t, randomBytes(400_000))
  const layer = layerOf(artifact)
  let reads = 0
  const { store, registry } = await open(t, {
    intercept({ method, url }, response) {
      if (method !== 'GET' || !url.endsWith(layer.digest)) return false
      const bytes = registry.blobs.get(layer.digest)
      response.writeHead(200, { 'content-length': String(layer.size) })
      if (++reads > 1) response.end(bytes)
      else response.write(bytes?.subarray(0, 150_000), () => response.destroy())
      return true
    },
  })
  await store.put(artifact, inTime())
  assert.deepEqual(await read(store, layer), registry.blobs.get(layer.digest))
})

test('a body that ends too early every time is an error, and never passes for whole', async (t) => {
  const artifact = await bundleOf(t, randomBytes(50_000))
  const { store } = await open(
    t,
    faults(1000, 'GET', /blobs/, (_, response) => {
      response.writeHead(200, { connection: 'close' })
      response.end('short')
      return true
    }),
  )
  await store.put(artifact, inTime())
  await assert.rejects(read(store, layerOf(artifact)), code('REGISTRY_UNREACHABLE', /broke off/))
})

test('other bytes than the digest’s are never passed on as whole: blob and manifest', async (t) => {
  const artifact = await bundleOf(t, 'precious')
  const { store, registry } = await open(t, {})
  await store.put(artifact, inTime())
  const layer = layerOf(artifact)
  registry.blobs.set(layer.digest, Buffer.alloc(layer.size, 1))
  await assert.rejects(read(store, layer), code('ARTIFACT_CORRUPT'))
  registry.blobs.set(layer.digest, Buffer.alloc(layer.size + 1, 1))
  await assert.rejects(read(store, layer), code('ARTIFACT_CORRUPT'))
  registry.manifests.set(`shop@${artifact.digest}`, Buffer.from(`${Buffer.from(artifact.manifest)} `))
  await assert.rejects(store.manifest(artifact.digest, inTime()), code('ARTIFACT_CORRUPT'))
})

test('an answer without end is cut off', async (t) => {
  const { store } = await open(t, {
    intercept({ method, url }, response) {
      if (method !== 'GET' || !url.includes('manifests')) return false
      const more = () => response.write(Buffer.alloc(256 * 1024), () => response.destroyed || more())
      more()
      return true
    },
  })
  const { digest } = await bundleOf(t, 'x')
  await assert.rejects(store.manifest(digest, inTime()), code('REGISTRY_REFUSED', /without end/))
})

test('redirects to storage at another host work, and carry no Authorization there', async (t) => {
  const login = { kind: 'bearer', user: 'ada', password: 'open sesame' } as const
  const { store, registry } = await open(t, { login, redirectBlobs: true }, { environment: withLogin })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await read(store, layerOf(artifact))
  assert.equal(registry.storageRequests.length, 1)
  assert.equal(registry.storageRequests[0]?.headers.authorization, undefined)
  assert.match(registry.storageRequests[0]?.headers.host ?? '', /^localhost/)
})

test('redirects in a circle end', async (t) => {
  const { store } = await open(
    t,
    faults(1000, 'HEAD', /manifests/, ({ url }, response) => {
      end(response, 307, { location: url })
      return true
    }),
  )
  await assert.rejects(store.resolveTag('v1', inTime()), code('REGISTRY_REDIRECTS'))
})

for (const locations of ['relative', 'absolute'] as const) {
  test(`uploads follow ${locations} locations and keep their parameters as they came`, async (t) => {
    const { store, registry } = await open(t, { locations })
    await store.put(await bundleOf(t, 'x'), inTime())
    const put = registry.requests.find(({ method, url }) => method === 'PUT' && url.includes('uploads'))
    assert.match(put?.url ?? '', /\?_state=a%2Bb%3D~&digest=sha256%3A[0-9a-f]{64}$/)
  })
}

test('one token serves many requests, and a new one is fetched when it has expired', async (t) => {
  const login = { kind: 'bearer', user: 'ada', password: 'open sesame', tokenSeconds: 1 } as const
  const { store, registry } = await open(t, { login }, { environment: withLogin })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  const before = registry.tokensIssued
  assert.ok(before <= 4, `${before} tokens for one put`)
  await new Promise((resolve) => setTimeout(resolve, 1100))
  assert.equal(await store.has(artifact.digest, inTime()), true)
  assert.ok(registry.tokensIssued > before)
})

test('anonymous tokens are fetched where the registry wants them', async (t) => {
  const { store, registry } = await open(t, { login: { kind: 'bearer', user: null } })
  await store.put(await bundleOf(t, 'x'), inTime())
  const token = registry.requests.find(({ url }) => url.startsWith('/token'))
  assert.equal(token?.headers.authorization, undefined)
  assert.match(decodeURIComponent(token?.url ?? ''), /service=in-process&scope=repository:shop:pull/)
})

test('a Basic registry such as ECR gets user and password', async (t) => {
  const login = { kind: 'basic', user: 'ada', password: 'open sesame' } as const
  const { store } = await open(t, { login }, { environment: withLogin })
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  assert.equal((await read(store, layerOf(artifact))).length, layerOf(artifact).size)
})

test('a wrong or missing login says so, names the account, and never the password', async (t) => {
  const login = { kind: 'bearer', user: 'ada', password: 'other' } as const
  for (const kind of ['bearer', 'basic'] as const) {
    const { registry, store } = await open(t, { login: { ...login, kind } }, { environment: withLogin })
    await assert.rejects(store.resolveTag('v1', inTime()), (error: TrunklineError) => {
      code('REGISTRY_UNAUTHORIZED', /login of ada/)(error)
      assert.doesNotMatch(JSON.stringify([error.message, error.hint, String(error.cause)]), /sesame/)
      return true
    })
    const anonymous = storeAt(registry.host)
    await assert.rejects(anonymous.resolveTag('v1', inTime()), code('REGISTRY_UNAUTHORIZED', /wants a login/))
  }
})

test('a missing right is named', async (t) => {
  const denied = errorBody('DENIED', 'requested access to the resource is denied')
  const { store } = await open(t, faults(1000, 'POST', /uploads/, answer(403, {}, denied)), { environment: withLogin })
  const put = store.put(await bundleOf(t, 'x'), inTime())
  await assert.rejects(
    put,
    code('REGISTRY_DENIED', /account ada lacks the right to push to .*\/shop: requested access/),
  )

  const login = { kind: 'bearer', user: null } as const
  const { registry } = await open(t, { login })
  const forbidden = storeAt(registry.host, { repository: `${registry.host}/forbidden` })
  await assert.rejects(
    forbidden.resolveTag('v1', inTime()),
    code('REGISTRY_DENIED', /anonymous access lacks the right/),
  )
})

test('a token service whose address is not one of the web gets no login', async (t) => {
  const { store } = await open(t, {
    intercept: answer(401, { 'www-authenticate': 'Bearer realm="ftp://tokens.example/"' }),
  })
  await assert.rejects(store.resolveTag('v1', inTime()), code('REGISTRY_AUTHORIZATION'))
})

test('an interrupted chunk is taken up where the registry has got to', async (t) => {
  const artifact = await bundleOf(t, randomBytes(13_000_000))
  let patches = 0
  const dialect: Dialect = {
    maxBodyBytes: 5_000_000,
    intercept({ method }, response) {
      if (method !== 'PATCH' || ++patches !== 2) return false
      response.destroy()
      return true
    },
  }
  const { store, registry } = await open(t, dialect)
  await store.put(artifact, inTime())
  assert.deepEqual(registry.blobs.get(layerOf(artifact).digest)?.length, layerOf(artifact).size)
  assert.equal(registry.count('GET', /uploads/), 1)
  assert.equal(registry.count('POST', /uploads/), 3, 'config, layer whole, layer in chunks')
})

test('chunks are as large as the registry wants them', async (t) => {
  const artifact = await bundleOf(t, randomBytes(13_000_000))
  const { store, registry } = await open(t, { maxBodyBytes: 8_000_000, minChunkBytes: 6_000_000 })
  await store.put(artifact, inTime())
  const sizes = registry.requests.filter(({ method }) => method === 'PATCH').map(({ body }) => body.length)
  assert.deepEqual(sizes.slice(0, 2), [6_000_000, 6_000_000])
})

test('a tag that names the artifact already is left alone, as immutable tags want it', async (t) => {
  const { store, registry } = await open(t, {})
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  await store.tag(artifact.digest, ['v1'], inTime())
  const before = registry.count('PUT', /manifests\/v1/)
  await store.tag(artifact.digest, ['v1'], inTime())
  assert.equal(registry.count('PUT', /manifests\/v1/), before)
  assert.equal(registry.count('POST', /uploads/), 2, 'no layer moved for a tag')
})

test('without the referrers API the list is kept under the fallback tag, beside what others put there', async (t) => {
  const { store, registry } = await open(t, {})
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  const tag = `sha256-${artifact.digest.slice(7)}`
  const others = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: `sha256:${'a'.repeat(64)}`,
    size: 3,
  }
  const mediaType = 'application/vnd.oci.image.index.v1+json'
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests: [others] }))
  registry.manifests.set(`shop@${tag}`, index)
  const document = { artifactType: 'a/b', mediaType: 'text/plain', bytes: Buffer.from('hello') }
  const attached = await store.attach(artifact.digest, document, inTime())
  const listed = await store.referrers(artifact.digest, inTime())
  assert.deepEqual(listed.map(({ digest }) => digest).sort(), [others.digest, attached].sort())
})

test('an entry that another writer overwrote is added again', async (t) => {
  const { store, registry } = await open(t, {})
  const artifact = await bundleOf(t, 'x')
  await store.put(artifact, inTime())
  let overwritten = false
  registry.dialect.intercept = ({ method, url, body }, response) => {
    if (overwritten || method !== 'PUT' || !url.includes('manifests/sha256-')) return false
    overwritten = true
    // Ours is taken, and a moment later someone's who had read the list before.
    const key = `shop@${url.slice(url.lastIndexOf('/') + 1)}`
    registry.manifests.set(key, Buffer.from(JSON.stringify({ ...JSON.parse(body.toString()), manifests: [] })))
    end(response, 201)
    return true
  }
  const document = { artifactType: 'a/b', mediaType: 'text/plain', bytes: Buffer.from('hello') }
  const attached = await store.attach(artifact.digest, document, inTime())
  assert.ok(overwritten)
  assert.deepEqual(
    (await store.referrers(artifact.digest, inTime())).map(({ digest }) => digest),
    [attached],
  )
})

test('a registry that is not there is an error that names it', async () => {
  const store = storeAt('127.0.0.1:1')
  await assert.rejects(store.resolveTag('v1', inTime()), code('REGISTRY_UNREACHABLE', /127\.0\.0\.1:1: .*ECONNREFUSED/))
})

test('a registry that says nothing, or takes nothing more, is waited for only so long', async (t) => {
  const timeouts = { connectMs: 500, headersMs: 300, idleMs: 300 }
  const retryPolicy = { attempts: 1, baseMs: 1, maxMs: 10 }
  const silent = createServer((socket) => void socket.on('error', () => {}).pause())
  const sockets = new Set<import('node:net').Socket>()
  silent.on('connection', (socket) => sockets.add(socket))
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    silent.close()
  })
  const address = silent.address()
  assert.ok(address !== null && typeof address === 'object')
  const store = storeAt(`127.0.0.1:${address.port}`, { timeouts, retryPolicy })
  await assert.rejects(store.resolveTag('v1', inTime()), code('REGISTRY_UNREACHABLE'))

  const stalling = faults(1000, 'GET', /blobs/, (_, response) => {
    response.writeHead(200, { 'content-length': '5000' })
    response.write('a')
    return true
  })
  const { store: slow } = await open(t, stalling, { timeouts, retryPolicy })
  const artifact = await bundleOf(t, 'x')
  await slow.put(artifact, inTime())
  await assert.rejects(read(slow, layerOf(artifact)), code('REGISTRY_UNREACHABLE'))
})

test('an abort ends a request that is under way, and a pause between two', async (t) => {
  const abort = new AbortController()
  const { store } = await open(t, {
    intercept({ url }) {
      if (!url.includes('manifests')) return false
      setTimeout(() => abort.abort(), 10)
      return true
    },
  })
  await assert.rejects(store.resolveTag('v1', abort.signal), { code: 'CANCELLED', kind: 'cancelled' })

  const second = new AbortController()
  const busy = await open(t, {
    intercept(_, response) {
      end(response, 429, { 'retry-after': '3' })
      setTimeout(() => second.abort(), 10)
      return true
    },
  })
  const startedAt = performance.now()
  await assert.rejects(busy.store.resolveTag('v1', second.signal), { code: 'CANCELLED' })
  assert.ok(performance.now() - startedAt < 2500)
})

test('what is no repository is a usage error at once', () => {
  for (const repository of ['shop', 'registry.example', 'registry.example/Shop', 'registry.example/shop:v1', '/shop']) {
    assert.throws(() => storeAt('x', { repository }), { code: 'REGISTRY_REFERENCE', kind: 'usage' })
  }
})
