/**
 * What Trunkline remembers of a site: what was brought, and what is on its way. An object of S3 where the public does not
 * reach; who writes it names the state that was read, so that nobody overwrites what they have not seen.
 */
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { z } from 'zod'
import { erroredError, refusedError } from '../../model/index.ts'
import type { Parts, Site } from './parts.ts'

const fileSchema = z.object({
  sha256: z.string(),
  /** As S3 answered when it was brought. */
  etag: z.string(),
  type: z.string(),
  cache: z.string(),
})

const recordSchema = z.object({
  version: z.literal(1),
  /** Of the lease under which it was last written. */
  epoch: z.number(),
  /** How many rollouts there were: an invalidation belongs to one. */
  rollouts: z.number(),
  settled: z.object({ generation: z.string(), artifact: z.string(), index: z.string() }).nullable(),
  files: z.record(z.string(), fileSchema),
  /** Paths of the generation before, which open pages may still ask for. */
  kept: z.array(z.string()),
  pending: z
    .object({
      ...{ generation: z.string(), artifact: z.string(), number: z.number() },
      /** Paths that may have been written or taken away. */
      touched: z.array(z.string()),
      invalidate: z.array(z.string()),
    })
    .nullable(),
})

export type SiteFile = z.output<typeof fileSchema>
export type SiteRecord = z.output<typeof recordSchema>
export type Pending = NonNullable<SiteRecord['pending']>
/** With the ETag that it was read with; null: there is none yet. */
export type KnownRecord = { record: SiteRecord; etag: string | null }

const noRecord: SiteRecord = {
  ...{ version: 1, epoch: 0, rollouts: 0, settled: null, pending: null },
  ...{ files: {}, kept: [] },
}

export async function readRecord({ aws }: Parts, site: Site, signal: AbortSignal): Promise<KnownRecord> {
  const { recordBucket: Bucket, recordKey: Key } = site
  try {
    const command = new GetObjectCommand({ Bucket, Key })
    const { text, output } = await aws.text(aws.client(S3Client), command, { signal })
    return { record: parse(text, `s3://${Bucket}/${Key}`), etag: output.ETag ?? null }
  } catch (error) {
    if (aws.isError(error, 'NoSuchBucket')) throw noBucket(Bucket, aws.region, error)
    if (!aws.isError(error, 'NoSuchKey')) throw error
    return { record: noRecord, etag: null }
  }
}

function parse(text: string, where: string): SiteRecord {
  try {
    return recordSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw erroredError('RECORD_UNREADABLE', `${where} is not what Trunkline has written`, {
      hint: 'a newer version of Trunkline may have written it; deleted, all files are brought anew once',
      cause,
    })
  }
}

/** Refused `STALE_CONTROLLER` where a controller with a newer lease has written since. */
export async function writeRecord(
  parts: Parts,
  site: Site,
  known: KnownRecord,
  change: Partial<SiteRecord>,
  { epoch, signal }: { epoch: number; signal: AbortSignal },
): Promise<KnownRecord> {
  const { aws } = parts
  assertNotStale(known.record, epoch)
  const record: SiteRecord = { ...known.record, ...change, epoch }
  const Body = JSON.stringify(record)
  const command = new PutObjectCommand({
    ...{ Bucket: site.recordBucket, Key: site.recordKey, Body, ContentType: 'application/json' },
    ...(known.etag === null ? { IfNoneMatch: '*' } : { IfMatch: known.etag }),
  })
  try {
    const { ETag } = await aws.send(aws.client(S3Client), command, { signal, writes: true })
    return { record, etag: ETag ?? null }
  } catch (error) {
    if (aws.isError(error, 'NoSuchBucket')) throw noBucket(site.recordBucket, aws.region, error)
    if (!isLost(parts, error)) throw error
    const now = await readRecord(parts, site, signal)
    // The answer to our own was lost, and it was asked again.
    if (JSON.stringify(now.record) === JSON.stringify(recordSchema.parse(JSON.parse(Body)))) return now
    assertNotStale(now.record, epoch)
    throw contended(`s3://${site.recordBucket}/${site.recordKey}`, error)
  }
}

export function assertNotStale(record: SiteRecord, epoch: number): void {
  if (record.epoch <= epoch) return
  throw refusedError('STALE_CONTROLLER', 'another controller has taken over since: nothing is changed any more')
}

/** Somebody else was there before, or is at it; or it was deleted since it was read. */
export const isLost = ({ aws }: Parts, error: unknown): boolean =>
  ['PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'].some((name) => aws.isError(error, name))

export const contended = (where: string, cause: unknown) =>
  erroredError('SITE_CONTENDED', `${where} was changed by somebody else while it was written`, {
    hint: 'see who else writes there, and try again',
    cause,
  })

export const noBucket = (bucket: string, region: string, cause: unknown) =>
  refusedError('NO_BUCKET', `there is no bucket ${bucket} in ${region}`, {
    hint: 'make it with a stack, or name another as `bucket` of the target',
    cause,
  })
