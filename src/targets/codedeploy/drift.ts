/** A revision that somebody deployed past Trunkline. */
import type { ServiceName } from '../../model/index.ts'
import type { Drift } from '../../ports/index.ts'
import { lastOfOurs, readGroup } from './deployments.ts'
import { groupOf, type Parts, sayGroup } from './parts.ts'
import { sayRevision } from './revision.ts'
import { readStanding } from './standing.ts'

export async function findGroupDrift(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  return (await Promise.all(services.map((service) => driftOf(parts, service, signal)))).flat()
}

async function driftOf(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Drift[]> {
  const group = await readGroup(parts, service, signal)
  if (group === null) return []
  const { last, marker } = await readStanding(parts, group, signal)
  if (last === null || marker?.service === service) return []
  const ours = await lastOfOurs(parts, group.name, signal)
  if (ours?.marker.service !== service) return []
  const by = { name: whoIs(last.creator), at: last.createTime?.toISOString() ?? null }
  const [expected, actual] = [ours.info, last].map(
    ({ revision, deploymentId }) => `${sayRevision(revision)} (${deploymentId})`,
  )
  return [{ service, subject: sayGroup(groupOf(parts, service)), fields: [{ path: 'revision', expected, actual, by }] }]
}

/** CodeDeploy knows kinds of people, not names. */
const whoIs = (creator: string | undefined): string =>
  creator === undefined || creator === 'user' ? 'somebody (CloudTrail knows who)' : creator
