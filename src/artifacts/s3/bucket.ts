/** Objects below a prefix of a bucket. */

import type { Readable } from 'node:stream'
import {
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3'
import type { Aws } from '../../aws/index.ts'
import { erroredError, TrunklineError } from '../../model/index.ts'

export type BucketObject = { key: string; sizeBytes: number; modifiedMs: number }

export type Head = BucketObject & {
  /** As S3 checked it when the object was written; null: another kind of checksum, or none. */
  sha256: string | null
  metadata: Record<string, string>
  etag: string | null
}

export type Bucket = {
  readonly aws: Aws
  readonly client: S3Client
  readonly name: string
  /** `s3://bucket/prefix` */
  readonly url: string
  /** The whole key. */
  at(key: string): string
  head(key: string, signal: AbortSignal): Promise<Head | null>
  /** A small object, whole; null where it is not there. */
  read(key: string, maxBytes: number, signal: AbortSignal): Promise<Buffer | null>
  /** From `offset` on; null where there is nothing. */
  open(key: string, offset: number, signal: AbortSignal): Promise<Readable | null>
  /** Answers false where `onlyNew` and it is there already. */
  write(key: string, bytes: Uint8Array, options: WriteOptions, signal: AbortSignal): Promise<boolean>
  list(prefix: string, signal: AbortSignal): AsyncGenerator<BucketObject, void, undefined>
  /** Those that are not there are fine. */
  remove(objectKeys: readonly string[], signal: AbortSignal): Promise<void>
}

export type WriteOptions = {
  onlyNew?: boolean
  /** Base64, checked by S3. */
  sha256?: string
  contentType?: string
}

/** S3 takes no more in one call. */
const maxDeletedAtOnce = 1000
/** Two wrote the same key at the same time: S3 asks to try again. */
const maxConflicts = 5

export function openBucket(aws: Aws, name: string, prefix: string): Bucket {
  const client = aws.client(S3Client)
  const url = `s3://${name}${prefix === '' ? '' : `/${prefix}`}`
  const at = (key: string) => (prefix === '' ? key : `${prefix}/${key}`)
  const own = (key: string) => (prefix === '' ? key : key.slice(prefix.length + 1))

  /** null where the object is not there; a bucket that is not there is a mistake. */
  async function orMissing<Output>(call: Promise<Output>): Promise<Output | null> {
    try {
      return await call
    } catch (error) {
      if (aws.isError(error, 'NoSuchKey') || aws.isError(error, 'NotFound')) return null
      throw explained(error)
    }
  }

  function explained(error: unknown): unknown {
    if (!aws.isError(error, 'NoSuchBucket')) return error
    return erroredError('BUCKET_MISSING', `the bucket ${name} does not exist in ${aws.region}`, {
      hint: `create it first: aws s3 mb s3://${name} --region ${aws.region}`,
      cause: error instanceof TrunklineError ? error.cause : error,
    })
  }

  const get = (key: string, offset: number, signal: AbortSignal) => {
    const range = offset > 0 ? { Range: `bytes=${offset}-` } : {}
    return orMissing(aws.send(client, new GetObjectCommand({ Bucket: name, Key: at(key), ...range }), { signal }))
  }

  return {
    aws,
    client,
    name,
    url,
    at,

    async head(key, signal) {
      const command = new HeadObjectCommand({ Bucket: name, Key: at(key), ChecksumMode: 'ENABLED' })
      const found = await orMissing(aws.send(client, command, { signal }))
      if (found === null) return null
      return {
        key,
        sizeBytes: found.ContentLength ?? 0,
        modifiedMs: found.LastModified?.getTime() ?? 0,
        sha256: found.ChecksumSHA256 ?? null,
        metadata: found.Metadata ?? {},
        etag: found.ETag ?? null,
      }
    },

    async read(key, maxBytes, signal) {
      const found = await get(key, 0, signal)
      if (found?.Body === undefined) return null
      const body = found.Body as Readable
      if ((found.ContentLength ?? 0) > maxBytes) {
        body.destroy()
        throw erroredError(
          'ARTIFACT_STORE_CORRUPT',
          `${url}/${key} is larger than it can be: ${found.ContentLength} bytes`,
        )
      }
      const chunks: Buffer[] = []
      for await (const chunk of body) chunks.push(chunk)
      return Buffer.concat(chunks)
    },

    async open(key, offset, signal) {
      // Nothing stands behind its end: whoever expected more checks what came.
      const found = await get(key, offset, signal).catch((error) => {
        if (aws.isError(error, 'InvalidRange')) return null
        throw error
      })
      return (found?.Body as Readable | undefined) ?? null
    },

    async write(key, bytes, { onlyNew = false, sha256, contentType }, signal) {
      const command = new PutObjectCommand({
        Bucket: name,
        Key: at(key),
        Body: bytes,
        ContentLength: bytes.length,
        ...(onlyNew && { IfNoneMatch: '*' }),
        ...(sha256 !== undefined && { ChecksumSHA256: sha256 }),
        ...(contentType !== undefined && { ContentType: contentType }),
      })
      for (let conflicts = 0; ; conflicts++) {
        try {
          await aws.send(client, command, { signal, writes: true })
          return true
        } catch (error) {
          if (aws.isError(error, 'PreconditionFailed')) return false
          if (!aws.isError(error, 'ConditionalRequestConflict') || conflicts === maxConflicts) throw explained(error)
        }
      }
    },

    async *list(prefix, signal) {
      const pages = aws.pages(paginateListObjectsV2, client, { Bucket: name, Prefix: at(prefix) }, { signal })
      try {
        for await (const { Contents = [] } of pages) {
          for (const { Key, Size, LastModified } of Contents) {
            if (Key !== undefined)
              yield { key: own(Key), sizeBytes: Size ?? 0, modifiedMs: LastModified?.getTime() ?? 0 }
          }
        }
      } catch (error) {
        throw explained(error)
      }
    },

    async remove(objectKeys, signal) {
      for (let from = 0; from < objectKeys.length; from += maxDeletedAtOnce) {
        const Objects = objectKeys.slice(from, from + maxDeletedAtOnce).map((key) => ({ Key: at(key) }))
        const command = new DeleteObjectsCommand({ Bucket: name, Delete: { Objects, Quiet: true } })
        const { Errors = [] } = await aws.send(client, command, { signal, writes: true })
        const [first] = Errors
        if (first !== undefined) {
          throw erroredError(
            'ARTIFACT_STORE_KEEPS',
            `${url}/${own(first.Key ?? '')} cannot be deleted: ${first.Code} ${first.Message}`,
            {
              hint: 'does the role have s3:DeleteObject there, and does no Object Lock hold it?',
            },
          )
        }
      }
    },
  }
}
