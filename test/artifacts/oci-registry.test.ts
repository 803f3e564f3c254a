import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { createServer, request as httpRequest } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, type TestContext, test } from 'node:test'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { unpackArtifact } from '../../src/artifacts/unpack.ts'
import type { TrunklineError } from '../../src/model/index.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { artifactStoreContract } from './artifact-store.contract.ts'
import { bundleOf, contentOf, temporaryDirectory } from './build-directory.ts'
import { startInProcessRegistry } from './in-process-registry.ts'

const inTime = () => AbortSignal.timeout(60_000)
const skip = registryMissing()
/** None of this machine's logins. */
const environment = { HOME: '/nonexistent', PATH: process.env['PATH'] }
const retryPolicy = { attempts: 5, baseMs: 5, maxMs: 2000 }

let registry: RegistryPart
before(async () => {
  if (skip === false) registry = await startRegistry()
})
after(() => registry?.stop())

let repositories = 0
const freshRepository = () => `${registry.host}/shop/test-${++repositories}`
const storeIn = (repository: string, mountFrom: string[] = []) =>
  createRegistryStore({ repository, insecure: false, environment, retryPolicy, mountFrom })

artifactStoreContract('a real registry (distribution)', {
  skip,
  async open() {
    const repository = freshRepository()
    return { store: storeIn(repository), again: () => storeIn(repository) }
  },
})

artifactStoreContract('a registry with the referrers API, paged', {
  skip: false,
  async open(t: TestContext) {
    const { host } = await startInProcessRegistry(t, { referrersPageSize: 2, locations: 'absolute' })
    return { store: storeIn(`${host}/shop`), again: () => storeIn(`${host}/shop`) }
  },
})

artifactStoreContract('a registry with token login and storage at another host', {
  skip: false,
  async open(t: TestContext) {
    const login = { kind: 'bearer', user: 'ada', password: 'secret' } as const
    const { host } = await startInProcessRegistry(t, { login, redirectBlobs: true, withoutDigestHeader: true })
    const open = () =>
      createRegistryStore({
        repository: `${host}/shop`,
        insecure: false,
        environment: { ...environment, TRUNKLINE_REGISTRY_USER: 'ada', TRUNKLINE_REGISTRY_PASSWORD: 'secret' },
        retryPolicy,
      })
    return { store: open(), again: open }
  },
})

test('an artifact is pulled from its repository, by digest', async (t) => {
  const { digest } = await bundleOf(t, 'an image')
  const store = (repository: string) => createRegistryStore({ repository, insecure: false, environment })
  assert.equal(store('registry.example/shop').imageReference(digest, 'carts'), `registry.example/shop@${digest}`)
  assert.equal(store('docker.io/shop').imageReference(digest, 'carts'), `docker.io/library/shop@${digest}`)
})

describe('the real registry', { skip }, () => {
  test('a blob that another repository holds is mounted, not sent again', async (t) => {
    const artifact = await bundleOf(t, randomBytes(200_000))
    const from = freshRepository()
    await storeIn(from).put(artifact, inTime())
    const { host, sentBytes } = await countingProxy(t, registry.host)
    const to = storeIn(`${host}/shop/mounted-${++repositories}`, [from.slice(from.indexOf('/') + 1)])
    await to.put(artifact, inTime())
    assert.ok(sentBytes() < 50_000, `${sentBytes()} bytes were sent`)
    const directory = join(await temporaryDirectory(t), 'out')
    await unpackArtifact(to, artifact.digest, directory, inTime())
    assert.equal(Object.keys(await contentOf(directory)).length, 2)
  })

  test('an artifact larger than a proxy lets through in one request arrives in chunks', async (t) => {
    const artifact = await bundleOf(t, randomBytes(10_000_000))
    const { host, largestBody } = await countingProxy(t, registry.host, 5 * 1024 * 1024)
    const store = storeIn(`${host}/shop/chunked`)
    await store.put(artifact, inTime())
    assert.equal(largestBody(), 4 * 1024 * 1024)
    await unpackArtifact(store, artifact.digest, join(await temporaryDirectory(t), 'out'), inTime())
  })

  test('bytes that were damaged in its storage are found when they are read', async (t) => {
    const artifact = await bundleOf(t, 'precious')
    const store = storeIn(freshRepository())
    await store.put(artifact, inTime())
    const [layer] = (await store.manifest(artifact.digest, inTime())).layers
    assert.ok(layer)
    const hex = layer.digest.slice(7)
    const blobs = join(registry.storage, 'docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex)
    assert.deepEqual(await readdir(blobs), ['data'])
    const path = join(blobs, 'data')
    await writeFile(path, (await readFile(path)).with(600, 1))
    const directory = join(await temporaryDirectory(t), 'out')
    await assert.rejects(unpackArtifact(store, artifact.digest, directory, inTime()), (error: TrunklineError) => {
      assert.equal(error.code, 'ARTIFACT_CORRUPT')
      return true
    })
  })

  test('the tags that others see are the artifact’s own manifest', async (t) => {
    const artifact = await bundleOf(t, 'tagged')
    const repository = freshRepository()
    const store = storeIn(repository)
    await store.put(artifact, inTime())
    await store.tag(artifact.digest, ['v1.2.3'], inTime())
    const name = repository.slice(repository.indexOf('/') + 1)
    const response = await fetch(`http://${registry.host}/v2/${name}/manifests/v1.2.3`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    })
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), Buffer.from(artifact.manifest))
    const tags = await (await fetch(`http://${registry.host}/v2/${name}/tags/list`)).json()
    assert.deepEqual(tags, { name, tags: ['v1.2.3'] })
  })
})

/** A proxy that counts what is sent, and refuses bodies that are too large for it. */
async function countingProxy(t: TestContext, to: string, maxBodyBytes = Number.POSITIVE_INFINITY) {
  let sent = 0
  let largest = 0
  const server = createServer((incoming, outgoing) => {
    const length = Number(incoming.headers['content-length'] ?? 0)
    if (length > maxBodyBytes) {
      incoming.resume()
      outgoing.writeHead(413).end()
      return
    }
    sent += length
    largest = Math.max(largest, length)
    const { method, url, headers } = incoming
    const onward = httpRequest({ host: '127.0.0.1', port: to.split(':')[1], method, path: url, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
    })
    onward.on('error', () => outgoing.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { host, sentBytes: () => sent, largestBody: () => largest }
}
