/** Reads and writes the record. Changes that come together are written together: many functions, few calls. */
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { erroredError, refusedError, type ServiceName } from '../../../model/index.ts'
import type { Place } from '../place.ts'
import { type EnvironmentRecord, emptyRecord, type FunctionRecord, parseRecord, recordOf } from './record.ts'

export type RecordBook = {
  read(signal: AbortSignal): Promise<EnvironmentRecord>
  /**
   * What is remembered of one function from now on; null: nothing. Refused `STALE_CONTROLLER` where a controller with a
   * newer lease has written since.
   */
  change(
    service: ServiceName,
    to: (before: FunctionRecord | null) => FunctionRecord | null,
    by: { epoch: number; signal: AbortSignal },
  ): Promise<FunctionRecord | null>
}

type Known = { record: EnvironmentRecord; etag: string | null }
type Change = {
  service: ServiceName
  epoch: number
  signal: AbortSignal
  to(before: FunctionRecord | null): FunctionRecord | null
  done(after: FunctionRecord | null): void
  failed(error: unknown): void
}

const writeTimeoutMs = 60_000

/** Each is lost to another writer, who has come further by it. */
const maxTries = 20

export function openRecordBook(place: Place): RecordBook {
  const { aws, bucket, recordKey: key } = place
  const where = `s3://${bucket}/${key}`
  let known: Known | null = null
  let waiting: Change[] = []
  let isWriting = false

  async function load(signal: AbortSignal): Promise<Known> {
    try {
      const command = new GetObjectCommand({ Bucket: bucket, Key: key })
      const { text, output } = await aws.text(aws.client(S3Client), command, { signal })
      return { record: parseRecord(text, where), etag: output.ETag ?? null }
    } catch (error) {
      if (aws.isError(error, 'NoSuchBucket')) throw noBucket(bucket, aws.region, error)
      if (!aws.isError(error, 'NoSuchKey')) throw error
      return { record: emptyRecord, etag: null }
    }
  }

  async function write({ record, etag }: Known, signal: AbortSignal): Promise<Known | null> {
    const condition = etag === null ? { IfNoneMatch: '*' } : { IfMatch: etag }
    const command = new PutObjectCommand({
      ...{ Bucket: bucket, Key: key, ...condition },
      Body: JSON.stringify(record),
      ContentType: 'application/json',
    })
    try {
      const { ETag } = await aws.send(aws.client(S3Client), command, { signal, writes: true })
      return { record, etag: ETag ?? null }
    } catch (error) {
      if (aws.isError(error, 'NoSuchBucket')) throw noBucket(bucket, aws.region, error)
      // Somebody was there before, or is at it; or it was deleted since it was read.
      if (['PreconditionFailed', 'ConditionalRequestConflict', 'NoSuchKey'].some((name) => aws.isError(error, name)))
        return null
      throw error
    }
  }

  async function writeAll(changes: readonly Change[], signal: AbortSignal): Promise<EnvironmentRecord> {
    for (let attempt = 0; attempt < maxTries; attempt++) {
      known ??= await load(signal)
      const record = changes.reduce(applied, known.record)
      if (record === known.record) return record
      known = await write({ record, etag: known.etag }, signal)
      if (known !== null) return record
    }
    throw erroredError('RECORD_CONTENDED', `${where} is written by others all the time`)
  }

  async function flush(): Promise<void> {
    if (isWriting) return
    isWriting = true
    try {
      while (waiting.length > 0) {
        const changes = waiting.filter(({ signal }) => !signal.aborted)
        for (const { signal, failed } of waiting) if (signal.aborted) failed(signal.reason)
        waiting = []
        try {
          // Who is cancelled takes nobody else's change with it.
          const record = await writeAll(changes, AbortSignal.timeout(writeTimeoutMs))
          for (const { service, done } of changes) done(recordOf(record, service))
        } catch (error) {
          known = null
          for (const { failed } of changes) failed(error)
        }
      }
    } finally {
      isWriting = false
    }
  }

  return {
    async read(signal) {
      known = await load(signal)
      return known.record
    },
    change: (service, to, { epoch, signal }) =>
      new Promise((done, failed) => {
        waiting.push({ service, epoch, signal, to, done, failed })
        // Those that begin in the same moment go together.
        setImmediate(() => void flush())
      }),
  }
}

/** The same record where nothing changes. */
function applied(record: EnvironmentRecord, { service, epoch, to }: Change): EnvironmentRecord {
  if (record.epoch > epoch) {
    throw refusedError('STALE_CONTROLLER', 'another controller has taken over since: nothing is changed any more')
  }
  const before = recordOf(record, service)
  const after = to(before)
  if (JSON.stringify(after) === JSON.stringify(before)) return record
  const { [service]: _, ...others } = record.functions
  return { version: 1, epoch, functions: after === null ? others : { ...others, [service]: after } }
}

const noBucket = (bucket: string, region: string, cause: unknown) =>
  refusedError('NO_BUCKET', `there is no bucket ${bucket} in ${region}, where the zips of functions would be kept`, {
    hint: 'make it, or name another as `bucket` of the target',
    cause,
  })
