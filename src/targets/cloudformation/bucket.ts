/** Files in S3 by their content: what is there is never written again. */
import { createHash } from 'node:crypto'
import { HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { usageError } from '../../model/index.ts'
import { fill, type Parts } from './parts.ts'
import type { Uploaded } from './template/local-references.ts'

export type Upload = { bytes: Uint8Array; suffix: string }

const uploadTimeoutMs = 30 * 60_000

/** Uploads to the target's own bucket, under the digest of the content. `what` needs one: for people. */
export async function uploadByContent(
  parts: Parts,
  { bytes, suffix }: Upload,
  what: string,
  signal: AbortSignal,
): Promise<Uploaded> {
  const place = placeOf(parts, createHash('sha256').update(bytes).digest('hex'), suffix, what)
  await putOnce(parts, { ...place, bytes }, signal)
  return place
}

/** Where content with that digest (in hex) goes. */
export function placeOf(parts: Parts, digest: string, suffix: string, what: string): Uploaded {
  const { config } = parts
  if (config.bucket === null) {
    throw usageError('NO_BUCKET', `${what} must be uploaded, and the target has no \`bucket\``, {
      hint: 'for example `target: { cloudformation: { bucket: shop-deployments } }`',
    })
  }
  const bucket = fill(parts, '', config.bucket)
  const key = `${fill(parts, '', config.prefix)}${digest}${suffix}`
  return { bucket, key, url: urlOf(parts, bucket, key) }
}

/** Where the key says what the content is. */
export async function putOnce(
  parts: Parts,
  { bucket: Bucket, key: Key, bytes }: { bucket: string; key: string; bytes: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const { aws } = parts
  if (await isThere(parts, Bucket, Key, signal)) return
  try {
    const put = new PutObjectCommand({ Bucket, Key, Body: bytes, IfNoneMatch: '*', ...ownerOf(parts) })
    await aws.send(aws.client(S3Client), put, { signal, writes: true, timeoutMs: uploadTimeoutMs })
  } catch (error) {
    // Somebody was faster, or is at it: it is the same content.
    if (!aws.isError(error, 'PreconditionFailed') && !aws.isError(error, 'ConditionalRequestConflict')) throw error
  }
}

export async function isThere(parts: Parts, Bucket: string, Key: string, signal: AbortSignal): Promise<boolean> {
  const { aws } = parts
  try {
    await aws.send(aws.client(S3Client), new HeadObjectCommand({ Bucket, Key, ...ownerOf(parts) }), { signal })
    return true
  } catch (error) {
    if (aws.isError(error, 'NotFound') || aws.isError(error, 'NoSuchKey')) return false
    throw error
  }
}

/** A bucket of that name that belongs to somebody else is not written to. */
const ownerOf = ({ access: { account } }: Parts) => (account === null ? {} : { ExpectedBucketOwner: account })

/** As CloudFormation wants it, which reads it by itself: whatever endpoint we ask. */
function urlOf({ access: { region } }: Parts, bucket: string, key: string): string {
  const domain = region.startsWith('cn-') ? 'amazonaws.com.cn' : 'amazonaws.com'
  return `https://s3.${region}.${domain}/${bucket}/${key}`
}
