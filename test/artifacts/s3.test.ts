import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { after, before, describe, type TestContext, test } from 'node:test'
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { digestOfBytes, hexOf } from '../../src/artifacts/digest.ts'
import { createS3Store } from '../../src/artifacts/s3/index.ts'
import { type Aws, openAws } from '../../src/aws/index.ts'
import { systemClock } from '../../src/clock/index.ts'
import type { AwsAccess, TrunklineError } from '../../src/model/index.ts'
import type { ArtifactStore, PackedBlob } from '../../src/ports/index.ts'
import { type AwsPart, awsMissing, startAws } from '../parts/aws/aws.ts'
import { type AwsFaults, startFaults } from '../parts/aws/faults.ts'
import { diesAt } from '../targets/killed.ts'
import { artifactStoreContract } from './artifact-store.contract.ts'
import { bundleOf } from './build-directory.ts'

/** More than one part. */
const largeBytes = 17 * 1024 * 1024
const inTime = () => AbortSignal.timeout(120_000)

let part: AwsPart
let faults: AwsFaults
const opened: Aws[] = []

before(async () => {
  if (awsMissing() !== false) return
  part = await startAws()
  faults = await startFaults(part)
})
after(async () => {
  for (const aws of opened) await aws.close()
  await faults?.stop()
  await part?.stop()
})

function open(access: Partial<AwsAccess> = {}): Aws {
  const aws = openAws({ ...faults.access, ...access }, { variables: faults.environment, clock: systemClock })
  opened.push(aws)
  return aws
}

async function newBucket(): Promise<string> {
  const bucket = `artifacts-${randomUUID()}`
  const aws = open()
  const command = new CreateBucketCommand({
    Bucket: bucket,
    CreateBucketConfiguration: { LocationConstraint: 'eu-west-1' },
  })
  await aws.send(aws.client(S3Client), command, { signal: inTime() })
  return bucket
}

const storeIn = (bucket: string): ArtifactStore => createS3Store({ aws: open(), bucket, prefix: 'team/shop' })

artifactStoreContract('a bucket of S3', {
  skip: awsMissing(),
  async open() {
    const bucket = await newBucket()
    return { store: storeIn(bucket), again: () => storeIn(bucket) }
  },
})

describe('artifacts in S3', { skip: awsMissing() }, () => {
  const code = (expected: string) => (error: TrunklineError) => {
    assert.equal(error.code, expected, error.message)
    return true
  }

  const read = async (store: ArtifactStore, blob: PackedBlob): Promise<Buffer> => {
    const chunks: Buffer[] = []
    for await (const chunk of await store.blob(blob, inTime())) chunks.push(chunk)
    return Buffer.concat(chunks)
  }

  const layerOf = ({ blobs }: { blobs: PackedBlob[] }): PackedBlob => {
    const layer = blobs.at(-1)
    assert.ok(layer)
    return layer
  }

  async function stored(t: TestContext, content: string | Uint8Array = 'precious') {
    const bucket = await newBucket()
    const store = storeIn(bucket)
    const artifact = await bundleOf(t, content)
    faults.clear()
    await store.put(artifact, inTime())
    return { bucket, store, artifact, layer: layerOf(artifact) }
  }

  const overwrite = async (bucket: string, key: string, Body: Uint8Array) => {
    const aws = open()
    await aws.send(aws.client(S3Client), new PutObjectCommand({ Bucket: bucket, Key: key, Body }), { signal: inTime() })
  }

  test('lie where services of AWS can take them by themselves', async (t) => {
    const { bucket, store, layer } = await stored(t)
    const place = store.objectOf?.(layer)
    assert.deepEqual(place, { bucket, key: `team/shop/blobs/sha256/${hexOf(layer.digest)}`, region: 'eu-west-1' })
    const aws = open()
    const command = new GetObjectCommand({ Bucket: bucket, Key: place?.key ?? '' })
    const { Body } = await aws.send(aws.client(S3Client), command, { signal: inTime() })
    assert.equal(digestOfBytes(await (Body?.transformToByteArray() ?? Buffer.of())), layer.digest)
  })

  test('are sent once: a second put sends no bytes', async (t) => {
    const { store, artifact } = await stored(t)
    assert.equal(faults.calls('s3:PutObject').length, 4, 'two blobs, the manifest, its entry')
    faults.clear()
    await store.put(artifact, inTime())
    assert.equal(faults.calls('s3:PutObject').length, 1, 'the entry alone')
  })

  test('that were changed under their key are found when they are read, and put again repairs them', async (t) => {
    const { bucket, store, artifact, layer } = await stored(t)
    const key = `team/shop/blobs/sha256/${hexOf(layer.digest)}`
    const bytes = await read(store, layer)
    await overwrite(bucket, key, bytes.with(700, 1))
    await assert.rejects(read(store, layer), code('ARTIFACT_CORRUPT'))
    await overwrite(bucket, key, bytes.subarray(0, 512))
    await assert.rejects(read(store, layer), code('ARTIFACT_CORRUPT'))
    assert.equal(await store.has(artifact.digest, inTime()), false)
    await store.put(artifact, inTime())
    assert.deepEqual(await read(store, layer), bytes)

    await overwrite(bucket, `team/shop/blobs/sha256/${hexOf(artifact.digest)}`, Buffer.from('{}'))
    await assert.rejects(store.manifest(artifact.digest, inTime()), code('ARTIFACT_CORRUPT'))
    assert.equal(await store.has(artifact.digest, inTime()), false)
    await store.put(artifact, inTime())
    assert.equal(await store.has(artifact.digest, inTime()), true)
  })

  test('whose process dies at any call are not half there, and whole when another puts them', async (t) => {
    const bucket = await newBucket()
    for (let call = 0; ; call += 1) {
      const artifact = await bundleOf(t, `number ${call}`)
      const died = await diesAt(faults, { action: /^s3:/, call }, (signal) => storeIn(bucket).put(artifact, signal))
      const next = storeIn(bucket)
      // What is said to be there can be read.
      if (await next.has(artifact.digest, inTime())) await read(next, layerOf(artifact))
      await next.put(artifact, inTime())
      assert.deepEqual(Buffer.from(await read(next, layerOf(artifact))).length, layerOf(artifact).size)
      if (died) continue
      assert.ok(call > 3, `${call} calls`)
      break
    }
  })

  test('that are large go in parts, whole or not at all', async (t) => {
    const bucket = await newBucket()
    const store = storeIn(bucket)
    const bytes = randomBytes(largeBytes)
    const artifact = await bundleOf(t, bytes)
    const layer = layerOf(artifact)
    faults.clear()
    await Promise.all([store.put(artifact, inTime()), storeIn(bucket).put(artifact, inTime())])
    assert.ok(faults.calls('s3:UploadPart').length >= 2)
    assert.equal(await store.has(artifact.digest, inTime()), true)
    assert.equal(digestOfBytes(await read(store, layer)), layer.digest)

    const other = await bundleOf(t, randomBytes(largeBytes))
    const { content } = layerOf(other)
    assert.equal(content.kind, 'file')
    if (content.kind === 'file') await writeFile(content.path, randomBytes(largeBytes))
    await assert.rejects(store.put(other, inTime()), code('ARTIFACT_CHANGED'))
    assert.equal(await store.has(other.digest, inTime()), false)
    const aws = open()
    const left = await aws.send(aws.client(S3Client), new ListMultipartUploadsCommand({ Bucket: bucket }), {
      signal: inTime(),
    })
    assert.deepEqual(left.Uploads ?? [], [], 'no upload is left under way')
  })

  test('come whole over a line that throttles, breaks and loses answers', async (t) => {
    const bucket = await newBucket()
    const store = storeIn(bucket)
    const artifact = await bundleOf(t, randomBytes(100_000))
    faults.clear()
    faults.fault('s3:PutObject', { kind: 'lose' }, { times: 1 })
    faults.fault('s3:PutObject', { kind: 'throttle' }, { times: 1, after: 1 })
    faults.fault('s3:GetObject', { kind: 'cut' }, { times: 1 })
    await store.put(artifact, inTime())
    assert.equal(digestOfBytes(await read(store, layerOf(artifact))), layerOf(artifact).digest)
  })

  test('in a bucket that is not there say how it is made', async () => {
    const store = storeIn('nobody-made-this')
    const missing = digestOfBytes(Buffer.from('x'))
    await assert.rejects(store.has(missing, inTime()), (error: TrunklineError) => {
      assert.equal(error.code, 'BUCKET_MISSING')
      assert.match(error.hint ?? '', /aws s3 mb s3:\/\/nobody-made-this/)
      return true
    })
  })

  test('are not written into the bucket of another account', async (t) => {
    const bucket = await newBucket()
    const store = createS3Store({ aws: open({ account: '999999999999' }), bucket, prefix: '' })
    await assert.rejects(store.put(await bundleOf(t, 'x'), inTime()), code('WRONG_ACCOUNT'))
    const aws = open()
    const { Contents = [] } = await aws.send(aws.client(S3Client), new ListObjectsV2Command({ Bucket: bucket }), {
      signal: inTime(),
    })
    assert.deepEqual(Contents, [])
  })

  test('that go leave young bytes to deliveries under way', async (t) => {
    const { store, artifact, layer } = await stored(t)
    const { removed } = await store.remove([artifact.digest], [], inTime())
    assert.deepEqual(removed, [artifact.digest])
    // What is young stays for an hour: another delivery may be about to name it.
    assert.equal(digestOfBytes(await read(store, layer)), layer.digest)
    assert.equal(await store.has(artifact.digest, inTime()), false)
  })
})
