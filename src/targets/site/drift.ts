/** Files that somebody changed or took away past Trunkline. */
import type { ServiceName } from '../../model/index.ts'
import type { Drift } from '../../ports/index.ts'
import { readLive } from './objects.ts'
import { keyOf, type Parts, siteOf } from './parts.ts'
import { readRecord } from './record.ts'

export async function findSiteDrift(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  return (await Promise.all(services.map((service) => driftOf(parts, service, signal)))).flat()
}

async function driftOf(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Drift[]> {
  const site = siteOf(parts, service)
  const { record } = await readRecord(parts, site, signal)
  // One that is on its way is as it should be.
  if (record.settled === null || record.pending !== null) return []
  const live = await readLive(parts, site, signal)
  return Object.entries(record.files).flatMap(([path, { etag }]): Drift[] => {
    const actual = live.get(path)
    if (actual === etag) return []
    const subject = `s3://${site.bucket}/${keyOf(site, path)}`
    if (actual === undefined) return [{ service, subject, fields: [] }]
    const by = { name: 'somebody (CloudTrail knows who)', at: null }
    return [{ service, subject, fields: [{ path: 'content', expected: bare(etag), actual: bare(actual), by }] }]
  })
}

const bare = (etag: string): string => etag.replaceAll('"', '')
