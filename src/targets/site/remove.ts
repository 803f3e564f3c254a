/** Takes a site away: its files, what CloudFront keeps of it, and at last what was written down. */
import { DeleteObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { passed, type ServiceName, type Verdict } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { invalidate, readFront } from './distribution.ts'
import { deleteFile, readLive } from './objects.ts'
import { forEachAtOnce, type Parts, saySite, siteOf } from './parts.ts'
import { type Pending, readRecord, writeRecord } from './record.ts'

const deletionsAtOnce = 8
const removed = 'removed'

export async function removeSite(parts: Parts, service: ServiceName, context: TargetContext): Promise<Verdict> {
  const { aws } = parts
  const { signal, log } = context
  const site = siteOf(parts, service)
  const known = await readRecord(parts, site, signal)
  if (known.etag === null) return passed
  const { record } = known
  const [front, live] = await Promise.all([readFront(parts, site, signal), readLive(parts, site, signal)])
  const paths = new Set([...Object.keys(record.files), ...record.kept, ...(record.pending?.touched ?? [])])
  const isRepeat = record.pending?.generation === removed
  const number = isRepeat ? (record.pending?.number ?? 0) : record.rollouts + 1
  const pending: Pending = { generation: removed, artifact: '-', number, touched: [...paths].sort(), invalidate: [] }
  // Written with the lease's epoch before anything is taken away: who has lost it ends here.
  await writeRecord(parts, site, known, { pending, rollouts: number }, context)
  await forEachAtOnce([...paths], deletionsAtOnce, (path) => deleteFile(parts, site, path, live.get(path), signal))
  const reference = ['trunkline', parts.project, parts.environment, service, removed, number].join('-')
  await invalidate(parts, front, { addresses: [`${front.base}/*`], reference }, context)
  const command = new DeleteObjectCommand({ Bucket: site.recordBucket, Key: site.recordKey })
  await aws.send(aws.client(S3Client), command, { signal, writes: true })
  log(`took ${paths.size} files of ${saySite(site)} away`)
  return passed
}
