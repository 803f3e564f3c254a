/** Objects of S3 under a site's prefix. Each is written on condition that it is still as it was seen. */
import {
  DeleteObjectCommand,
  HeadObjectCommand,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import type { TargetContext } from '../../ports/index.ts'
import type { WantedFile } from './files.ts'
import { keyOf, type Parts, type Site } from './parts.ts'
import { assertNotStale, contended, isLost, noBucket, readRecord, type SiteFile } from './record.ts'

/** ETags by path. */
export type Live = ReadonlyMap<string, string>

type Writing = Pick<TargetContext, 'signal' | 'epoch'>

const uploadTimeoutMs = 30 * 60_000

/** One call for each thousand. */
export async function readLive({ aws }: Parts, site: Site, signal: AbortSignal): Promise<Live> {
  const live = new Map<string, string>()
  const start = keyOf(site, '')
  const asked = { Bucket: site.bucket, Prefix: start }
  try {
    for await (const page of aws.pages(paginateListObjectsV2, aws.client(S3Client), asked, { signal })) {
      for (const [path, etag] of etagsIn(page, start)) live.set(path, etag)
    }
  } catch (error) {
    if (aws.isError(error, 'NoSuchBucket')) throw noBucket(site.bucket, aws.region, error)
    throw error
  }
  return live
}

const etagsIn = ({ Contents = [] }: ListObjectsV2CommandOutput, start: string): Array<[string, string]> =>
  Contents.flatMap(({ Key = '', ETag = '' }) => (Key.length > start.length ? [[Key.slice(start.length), ETag]] : []))

export async function putFile(
  parts: Parts,
  site: Site,
  file: WantedFile,
  seen: string | undefined,
  writing: Writing,
): Promise<SiteFile> {
  const { aws } = parts
  const { path, sha256, type, cache } = file
  const command = new PutObjectCommand({
    ...{ Bucket: site.bucket, Key: keyOf(site, path), Body: await file.read() },
    ...{ ContentType: type, CacheControl: cache, Metadata: { sha256 } },
    ChecksumSHA256: Buffer.from(sha256, 'hex').toString('base64'),
    ...(seen === undefined ? { IfNoneMatch: '*' } : { IfMatch: seen }),
  })
  const { signal } = writing
  try {
    const { ETag = '' } = await aws.send(aws.client(S3Client), command, {
      ...{ signal, writes: true, timeoutMs: uploadTimeoutMs },
    })
    return { sha256, etag: ETag, type, cache }
  } catch (error) {
    if (!isLost(parts, error)) throw error
    const etag = await etagOfOurs(parts, site, file, signal)
    if (etag !== null) return { sha256, etag, type, cache }
    assertNotStale((await readRecord(parts, site, signal)).record, writing.epoch)
    throw contended(`s3://${site.bucket}/${keyOf(site, path)}`, error)
  }
}

/** The answer to our own writing may have been lost. null: it is another. */
async function etagOfOurs(
  { aws }: Parts,
  site: Site,
  { path, sha256, type, cache }: WantedFile,
  signal: AbortSignal,
): Promise<string | null> {
  const command = new HeadObjectCommand({ Bucket: site.bucket, Key: keyOf(site, path) })
  try {
    const { ETag, Metadata, ContentType, CacheControl } = await aws.send(aws.client(S3Client), command, { signal })
    const isOurs = Metadata?.['sha256'] === sha256 && ContentType === type && CacheControl === cache
    return isOurs ? (ETag ?? null) : null
  } catch (error) {
    if (isMissing(aws, error)) return null
    throw error
  }
}

export async function isThere({ aws }: Parts, site: Site, path: string, signal: AbortSignal): Promise<boolean> {
  try {
    await aws.send(aws.client(S3Client), new HeadObjectCommand({ Bucket: site.bucket, Key: keyOf(site, path) }), {
      signal,
    })
    return true
  } catch (error) {
    if (isMissing(aws, error)) return false
    throw error
  }
}

/** Without a body there is no code: AWS says `NotFound`. */
const isMissing = (aws: Parts['aws'], error: unknown): boolean =>
  aws.isError(error, 'NotFound') || aws.isError(error, 'NoSuchKey')

/** What somebody else has put there since stays. */
export async function deleteFile(
  parts: Parts,
  site: Site,
  path: string,
  seen: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { aws } = parts
  if (seen === undefined) return
  const command = new DeleteObjectCommand({ Bucket: site.bucket, Key: keyOf(site, path), IfMatch: seen })
  try {
    await aws.send(aws.client(S3Client), command, { signal, writes: true })
  } catch (error) {
    if (!isLost(parts, error)) throw error
  }
}
