/** Large blobs in parts, some side by side; nothing is seen of them before the last is there and all are sound. */
import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
} from '@aws-sdk/client-s3'
import type { PackedBlob } from '../../ports/index.ts'
import type { Bucket } from './bucket.ts'

const partBytes = 16 * 1024 * 1024
/** Bounds what is held in memory, too. */
const partsAtOnce = 4
const abortTimeoutMs = 30_000
/** One part of 16 MiB, over a slow line. */
const partTimeoutMs = 10 * 60_000

/** What a blob that came in parts says of itself: S3's own checksum is one of parts. */
export const digestMetadata = 'trunkline-sha256'

export type Upload = {
  bucket: Bucket
  key: string
  blob: PackedBlob
  content: AsyncIterable<Uint8Array>
  /** Called with the hex digest of all bytes before they become visible; throws where they are the wrong ones. */
  check(hex: string): void
  /** What is there already stays. */
  onlyNew: boolean
  signal: AbortSignal
}

/** Whoever else completes the same key first wins; the bytes are the same. */
export async function uploadInParts(upload: Upload): Promise<void> {
  const { bucket, signal, blob, key } = upload
  const place = { Bucket: bucket.name, Key: bucket.at(key) }
  const { UploadId } = await bucket.aws.send(
    bucket.client,
    new CreateMultipartUploadCommand({
      ...place,
      ChecksumAlgorithm: 'SHA256',
      ContentType: 'application/octet-stream',
      Metadata: { [digestMetadata]: blob.digest },
    }),
    { signal, writes: true },
  )
  try {
    const Parts = await sendParts(upload, place, UploadId)
    const complete = new CompleteMultipartUploadCommand({
      ...place,
      UploadId,
      MultipartUpload: { Parts },
      ...(upload.onlyNew && { IfNoneMatch: '*' }),
    })
    await bucket.aws.send(bucket.client, complete, { signal, writes: true, timeoutMs: partTimeoutMs })
  } catch (error) {
    const abort = new AbortMultipartUploadCommand({ ...place, UploadId })
    await bucket.aws.send(bucket.client, abort, { signal: AbortSignal.timeout(abortTimeoutMs) }).catch(() => {})
    if (!bucket.aws.isError(error, 'PreconditionFailed')) throw error
  }
}

async function sendParts(
  { bucket, content, check, signal }: Upload,
  place: { Bucket: string; Key: string },
  UploadId: string | undefined,
): Promise<CompletedPart[]> {
  const whole = createHash('sha256')
  const sent: Promise<CompletedPart>[] = []
  const underWay = new Set<Promise<unknown>>()
  const send = async (Body: Buffer, PartNumber: number): Promise<CompletedPart> => {
    const ChecksumSHA256 = createHash('sha256').update(Body).digest('base64')
    const part = new UploadPartCommand({
      ...place,
      UploadId,
      PartNumber,
      Body,
      ContentLength: Body.length,
      ChecksumSHA256,
    })
    const { ETag } = await bucket.aws.send(bucket.client, part, { signal, writes: true, timeoutMs: partTimeoutMs })
    return { ETag, PartNumber, ChecksumSHA256 }
  }
  try {
    for await (const part of inParts(content)) {
      whole.update(part)
      const sending = send(part, sent.length + 1)
      sent.push(sending)
      const done = sending.finally(() => underWay.delete(done))
      underWay.add(done)
      done.catch(() => {})
      if (underWay.size >= partsAtOnce) await Promise.race(underWay)
    }
    check(whole.digest('hex'))
    return await Promise.all(sent)
  } finally {
    // Not one part may come after the upload was given up.
    await Promise.allSettled(sent)
  }
}

async function* inParts(content: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of content) {
    let rest = chunk
    while (bytes + rest.length >= partBytes) {
      const taken = partBytes - bytes
      yield Buffer.concat([...held, rest.subarray(0, taken)])
      rest = rest.subarray(taken)
      held = []
      bytes = 0
    }
    if (rest.length > 0) held.push(rest)
    bytes += rest.length
  }
  if (bytes > 0) yield Buffer.concat(held)
}
