/** What services' groups run. */
import type { ServiceName } from '../../model/index.ts'
import type { ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { type Group, readGroup } from './deployments.ts'
import { noVariables } from './fingerprint.ts'
import { readInstances } from './instances.ts'
import { fill, groupOf, type Parts, sayGroup } from './parts.ts'
import { isBlueGreen } from './promises.ts'
import { countOf, readStanding, type Standing } from './standing.ts'

export async function observeGroups(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const observed = services.map(async (service): Promise<[ServiceName, ObservedService]> => {
    const group = await readGroup(parts, service, signal)
    if (group === null)
      return [service, { ...nothingObserved, detail: `${sayGroup(groupOf(parts, service))} is missing` }]
    const standing = await readStanding(parts, group, signal)
    return [service, observedService(parts, service, standing, await countsOf(parts, group, standing, signal))]
  })
  return Object.fromEntries(await Promise.all(observed))
}

/** CodeDeploy counts the instances that a blue-green deployment has replaced, too. */
async function countsOf(
  parts: Parts,
  { info }: Group,
  { last, unfinished }: Standing,
  signal: AbortSignal,
): Promise<ObservedService['instances']> {
  const newest = unfinished ?? last
  if (isBlueGreen(info) && newest?.deploymentId !== undefined) {
    const fresh = (await readInstances(parts, newest.deploymentId, signal)).filter(({ isOld }) => !isOld)
    const ready = fresh.filter(({ status }) => status === 'Succeeded').length
    if (fresh.length > 0) return { ready, desired: fresh.length }
  }
  // One that has just been made knows of no instances yet.
  const counted = countOf(newest)
  return counted.desired === 0 ? countOf(last) : counted
}

function observedService(
  parts: Parts,
  service: ServiceName,
  { last, marker, unfinished }: Standing,
  instances: ObservedService['instances'],
): ObservedService {
  if (last === null && unfinished === null) return nothingObserved
  const { config } = parts
  const url = config.url === null ? null : fill(parts, service, config.url)
  const isOurs = marker?.service === service
  const details = [
    ...(last === null || isOurs ? [] : [`${last.deploymentId} is not a deployment of ${service} by Trunkline`]),
    ...(unfinished === null
      ? []
      : [`${unfinished.deploymentId} is ${unfinished.status}: instances run different things`]),
  ]
  const told = details.length === 0 ? {} : { detail: details.join('; ') }
  if (!isOurs) return { ...nothingObserved, instances, url, ...told }
  const generation = unfinished === null ? marker.generation : null
  return { generation, artifact: marker.artifact, fingerprint: noVariables, instances, url, ...told }
}
