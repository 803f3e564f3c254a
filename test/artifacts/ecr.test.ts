/** Amazon's registry: its control API from the emulator, the traffic of images from a real registry with its login. */
import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, describe, test } from 'node:test'
import {
  BatchGetImageCommand,
  DescribeRepositoriesCommand,
  ECRClient,
  GetLifecyclePolicyCommand,
  PutImageCommand,
} from '@aws-sdk/client-ecr'
import { digestOfBytes } from '../../src/artifacts/digest.ts'
import { createEcrRegistry, parseEcrHost } from '../../src/artifacts/ecr/index.ts'
import { emptyConfig, encodeManifest } from '../../src/artifacts/manifest.ts'
import { mediaTypes } from '../../src/artifacts/media-types.ts'
import { createRegistryStore } from '../../src/artifacts/oci-registry/index.ts'
import { type Aws, openAws } from '../../src/aws/index.ts'
import { systemClock } from '../../src/clock/index.ts'
import type { EcrSettings, TrunklineError } from '../../src/model/index.ts'
import type { Manifest, PackedArtifact } from '../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../parts/aws/faults.ts'
import { type RegistryPart, registryMissing, startRegistry } from '../parts/registry.ts'
import { bundleOf } from './build-directory.ts'
import { startInProcessRegistry } from './in-process-registry.ts'

const inTime = () => AbortSignal.timeout(60_000)

test('hosts of ECR are known by their name', () => {
  const ireland = { account: '111122223333', region: 'eu-west-1' }
  assert.deepEqual(parseEcrHost('111122223333.dkr.ecr.eu-west-1.amazonaws.com'), ireland)
  assert.deepEqual(parseEcrHost('111122223333.dkr-ecr.eu-west-1.on.aws'), ireland)
  assert.deepEqual(parseEcrHost('111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com'), {
    account: '111122223333',
    region: 'us-gov-west-1',
  })
  for (const other of ['ghcr.io', 'public.ecr.aws', '1.dkr.ecr.eu-west-1.amazonaws.com.evil.example'])
    assert.equal(parseEcrHost(other), null)
})

describe('artifacts in ECR', { skip: awsMissing() || registryMissing() }, () => {
  let part: AwsPart
  let faults: AwsFaults
  let registry: RegistryPart
  let aws: Aws
  let folder: string
  let count = 0

  before(async () => {
    part = await startAws()
    faults = await startFaults(part)
    // `AWS` and the emulator's token, as `htpasswd -nbB` writes them.
    folder = await mkdtemp(join(tmpdir(), 'trunkline-ecr-'))
    const path = join(folder, 'htpasswd')
    await writeFile(path, 'AWS:$2y$05$zL31KKdCvG99vdVKc6Fb3.t/asGqKFrvkFQM1nI3.Gu7mh5IgWnpO\n')
    registry = await startRegistry(process.env, { auth: { htpasswd: { realm: 'ecr', path } } })
    aws = openAws(faults.access, { variables: faults.environment, clock: systemClock })
  })
  afterEach(() => faults.clear())
  after(async () => {
    await aws?.close()
    await registry?.stop()
    await faults?.stop()
    await part?.stop()
    await rm(folder, { recursive: true, force: true })
  })

  const usual: EcrSettings = { create: true, immutableTags: true, scanOnPush: true, keep: null }

  function open(settings: EcrSettings = usual, now: () => number = Date.now) {
    const cloud = createEcrRegistry({ aws, account: part.account, settings, now })
    const name = `shop/web-${++count}`
    const environment = { HOME: '/nonexistent', PATH: process.env['PATH'] }
    const storeOf = (repository: string) =>
      createRegistryStore({ repository: `${registry.host}/${repository}`, insecure: false, environment, cloud })
    return { name, store: storeOf(name), storeOf }
  }

  const repository = async (name: string) => {
    const { repositories = [] } = await aws.send(
      aws.client(ECRClient),
      new DescribeRepositoriesCommand({ repositoryNames: [name] }),
      { signal: inTime() },
    )
    return repositories[0]
  }

  test('are put with a token of AWS, into a repository that is made for them', async (t) => {
    const { name, store, storeOf } = open({ ...usual, keep: 500 })
    const artifact = await bundleOf(t, 'x')
    assert.equal(await store.has(artifact.digest, inTime()), false)
    await Promise.all([store.put(artifact, inTime()), store.put(await bundleOf(t, 'y'), inTime())])
    assert.equal(await store.has(artifact.digest, inTime()), true)
    const made = await repository(name)
    assert.equal(made?.imageTagMutability, 'IMMUTABLE')
    assert.equal(made?.imageScanningConfiguration?.scanOnPush, true)
    const policy = new GetLifecyclePolicyCommand({ repositoryName: name })
    const { lifecyclePolicyText = '' } = await aws.send(aws.client(ECRClient), policy, { signal: inTime() })
    assert.equal(JSON.parse(lifecyclePolicyText).rules[0].selection.countNumber, 500)
    assert.equal(faults.calls('ecr:CreateRepository').length, 1)

    await storeOf(`${name}-other`).put(artifact, inTime())
    assert.equal(faults.calls('ecr:GetAuthorizationToken').length, 1, 'one token for all repositories')
  })

  test('get a new token before the old one ends', async (t) => {
    let nowMs = Date.now()
    const { store, storeOf, name } = open(usual, () => nowMs)
    const artifact = await bundleOf(t, 'x')
    await store.put(artifact, inTime())
    nowMs += 11 * 60 * 60_000
    await storeOf(`${name}-later`).put(artifact, inTime())
    assert.equal(faults.calls('ecr:GetAuthorizationToken').length, 1)
    nowMs += 55 * 60_000
    await storeOf(`${name}-last`).put(artifact, inTime())
    assert.equal(faults.calls('ecr:GetAuthorizationToken').length, 2)
  })

  test('go into repositories that others make, where the project says so', async (t) => {
    const { name, store } = open({ ...usual, create: false })
    await store.put(await bundleOf(t, 'x'), inTime())
    assert.deepEqual(faults.calls(), ['ecr:GetAuthorizationToken'])
    await assert.rejects(repository(name), /RepositoryNotFoundException/)
  })

  test('say which permission is missing to make a repository', async (t) => {
    const { store } = open()
    faults.fault('ecr:CreateRepository', { kind: 'denied', permission: 'ecr:CreateRepository' })
    await assert.rejects(store.put(await bundleOf(t, 'x'), inTime()), /lacks the permission ecr:CreateRepository/)
  })

  /** As container tools make them: without a type of their own. */
  function image(text: string): PackedArtifact {
    const bytes = Buffer.from(text)
    const layer = { mediaType: mediaTypes.tarLayer, digest: digestOfBytes(bytes), size: bytes.length }
    const { mediaType, digest, size } = emptyConfig
    const config = { mediaType, digest, size }
    const document: Manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }
    const manifest = encodeManifest(document)
    const blobs = [emptyConfig, { ...layer, content: { kind: 'bytes' as const, bytes } }]
    return { digest: manifest.digest, manifest: manifest.bytes, blobs, sizeBytes: bytes.length }
  }

  test('say what a scan found, that it is under way, or that there can be none', async (t) => {
    const { name, store } = open()
    const [scanned, young, odd] = [image('scanned'), image('young'), image('odd')]
    const bundle = await bundleOf(t, 'no image')
    for (const artifact of [scanned, young, odd, bundle]) {
      await store.put(artifact, inTime())
      const imageManifest = Buffer.from(artifact.manifest).toString()
      const put = new PutImageCommand({ repositoryName: name, imageManifest, imageDigest: artifact.digest })
      await aws.send(aws.client(ECRClient), put, { signal: inTime() })
    }
    const attributes = [{ key: 'package_name', value: 'zlib' }]
    await part.wish('ecr', {
      scans: {
        [scanned.digest]: { status: 'COMPLETE', findings: [{ name: 'CVE-2026-1', severity: 'HIGH', attributes }] },
        [odd.digest]: { status: 'UNSUPPORTED_IMAGE' },
      },
    })
    assert.deepEqual(await store.scanOf?.(scanned.digest, inTime()), {
      kind: 'complete',
      findings: [{ id: 'CVE-2026-1', severity: 'high', packageName: 'zlib' }],
    })
    const pending = await store.scanOf?.(young.digest, inTime())
    assert.equal(pending?.kind, 'pending')
    assert.ok(
      pending?.kind === 'pending' && pending.sinceMs !== null && Math.abs(Date.now() - pending.sinceMs) < 300_000,
    )
    assert.deepEqual(await store.scanOf?.(odd.digest, inTime()), {
      kind: 'unavailable',
      why: 'ECR says UNSUPPORTED_IMAGE',
    })
    assert.deepEqual(await store.scanOf?.(bundle.digest, inTime()), { kind: 'exempt' })
  })

  test('are deleted by ECR’s own API', async (t) => {
    const { name, store } = open()
    const [first, second, stays] = await Promise.all(['1', '2', '3'].map((text) => bundleOf(t, text)))
    assert.ok(first && second && stays)
    for (const artifact of [first, second, stays]) {
      await store.put(artifact, inTime())
      // What the registry holds, the emulator is told.
      const imageManifest = Buffer.from(artifact.manifest).toString()
      const put = new PutImageCommand({ repositoryName: name, imageManifest, imageDigest: artifact.digest })
      await aws.send(aws.client(ECRClient), put, { signal: inTime() })
    }
    const never = await bundleOf(t, 'never stored')
    const { removed } = await store.remove([first.digest, second.digest, never.digest], [stays.digest], inTime())
    assert.deepEqual([...removed].sort(), [first.digest, second.digest].sort())
    const imageIds = [first, second, stays].map(({ digest }) => ({ imageDigest: digest }))
    const ask = new BatchGetImageCommand({ repositoryName: name, imageIds })
    const { images = [] } = await aws.send(aws.client(ECRClient), ask, { signal: inTime() })
    assert.deepEqual(
      images.map(({ imageId }) => imageId?.imageDigest),
      [stays.digest],
    )
  })
})

test('a tag that may not be moved is refused, and one that stands as it is wanted is fine', async (t) => {
  const immutable =
    "The image tag 'v1' already exists in the 'shop' repository and cannot be overwritten because the repository is immutable."
  const tagged = new Set<string>()
  const { host } = await startInProcessRegistry(t, {
    // As ECR answers where tags are immutable.
    intercept({ method, url }, response) {
      const tag = /manifests\/(v\d)$/.exec(url)?.[1]
      if (method !== 'PUT' || tag === undefined) return false
      if (!tagged.has(tag)) {
        tagged.add(tag)
        return false
      }
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ errors: [{ code: 'TAG_INVALID', message: immutable }] }))
      return true
    },
  })
  const environment = { HOME: '/nonexistent', PATH: process.env['PATH'] }
  const store = createRegistryStore({ repository: `${host}/shop`, insecure: false, environment })
  const [first, second] = [await bundleOf(t, 'first'), await bundleOf(t, 'second')]
  for (const artifact of [first, second]) await store.put(artifact, inTime())
  await store.tag(first.digest, ['v1'], inTime())
  await store.tag(first.digest, ['v1'], inTime())
  await assert.rejects(store.tag(second.digest, ['v1'], inTime()), (error: TrunklineError) => {
    assert.equal(error.code, 'TAG_IMMUTABLE')
    assert.equal(error.kind, 'refused')
    assert.match(error.message, /lets no tag be moved: it refused to store the manifest of the tag v1/)
    return true
  })
})
