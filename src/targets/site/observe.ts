/** What a site shows, by what was written down of it; and whether its index is still there. */
import { type Digest, isDigest, type ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { readFront, urlOf } from './distribution.ts'
import { isThere } from './objects.ts'
import { noVariables, type Parts, saySite, siteOf } from './parts.ts'
import { readRecord } from './record.ts'

export async function observeSites(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const observed = services.map(
    async (service): Promise<[ServiceName, ObservedService]> => [service, await observeSite(parts, service, signal)],
  )
  return Object.fromEntries(await Promise.all(observed))
}

async function observeSite(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<ObservedService> {
  const site = siteOf(parts, service)
  const { settled, pending } = (await readRecord(parts, site, signal)).record
  if (settled === null) return { ...nothingObserved, ...(pending === null ? {} : halfway) }
  const [front, isWell] = await Promise.all([
    readFront(parts, site, signal),
    isThere(parts, site, settled.index, signal),
  ])
  return {
    generation: pending === null ? settled.generation : null,
    artifact: digestIn(settled.artifact),
    fingerprint: noVariables,
    instances: { ready: isWell ? 1 : 0, desired: 1 },
    url: urlOf(parts, site, front),
    ...(pending === null ? {} : halfway),
    ...(isWell ? {} : { detail: `${settled.index} of ${saySite(site)} is gone` }),
  }
}

const halfway = { detail: 'files of another generation are on their way' }

const digestIn = (text: string): Digest | null => (isDigest(text) ? text : null)
