/** What services run, and what somebody has changed past Trunkline. */
import type { Service, ServiceDeploymentBrief } from '@aws-sdk/client-ecs'
import type { Fingerprint, ServiceName } from '../../model/index.ts'
import type { Drift, Examined, ObservedService } from '../../ports/index.ts'
import { nothingObserved } from '../nothing-observed.ts'
import { weightOf } from './lifecycle.ts'
import { familyOf, fill, type Parts, sayDefinition, saySelf } from './parts.ts'
import { isOwn, isSettled, primaryOf, readService } from './service.ts'
import { hasEnded, newestDeployment, readDeployment, sayDeployment } from './service-deployments.ts'
import { readFamily, readRevision } from './task-definition.ts'

export async function observeServices(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Record<ServiceName, ObservedService>> {
  const observed = services.map(
    async (service): Promise<[ServiceName, ObservedService]> => [service, await observe(parts, service, signal)],
  )
  return Object.fromEntries(await Promise.all(observed))
}

async function observe(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<ObservedService> {
  const found = await readService(parts, service, signal)
  if (found === null) return { ...nothingObserved, detail: `${saySelf(parts, service)} is missing` }
  const newest = isOwn(found) ? await newestDeployment(parts, service, signal) : null
  const primary = primaryOf(found)
  const marker =
    primary?.taskDefinition === undefined ? null : (await readRevision(parts, primary.taskDefinition, signal))?.marker
  const instances = { ready: found.runningCount ?? 0, desired: found.desiredCount ?? 0 }
  const isOurs = marker?.service === service
  if (!isOurs)
    return { ...nothingObserved, instances, detail: `${sayDefinition(primary?.taskDefinition)} is none of ours` }
  const isThrough = isSettled(found, newest)
  const { url } = parts.config
  return {
    ...{ generation: isThrough ? marker.generation : null, artifact: marker.artifact, instances },
    fingerprint: (marker.fingerprint || null) as Fingerprint | null, // We have written it ourselves.
    url: url === null ? null : fill(parts, service, url),
    ...(isThrough ? {} : await unsettled(parts, found, newest, signal)),
  }
}

async function unsettled(
  parts: Parts,
  found: Service,
  newest: ServiceDeploymentBrief | null,
  signal: AbortSignal,
): Promise<Pick<ObservedService, 'detail' | 'newSet'>> {
  const { serviceDeploymentArn: arn, status, statusReason } = newest ?? {}
  if (arn === undefined || status === 'SUCCESSFUL') {
    const { id, rolloutState, rolloutStateReason } = primaryOf(found) ?? {}
    return { detail: rolloutStateReason ?? `${id} is ${rolloutState}` }
  }
  const weight = hasEnded(status) ? null : weightOf(await readDeployment(parts, arn, signal))
  return {
    detail: `${sayDeployment(arn)} is ${status}${statusReason === undefined ? '' : `: ${statusReason}`}`,
    ...(weight === null ? {} : { newSet: { weight } }),
  }
}

export async function findServiceDrift(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Drift[]> {
  return (await Promise.all(services.map((service) => driftOf(parts, service, signal)))).flat()
}

async function driftOf(parts: Parts, service: ServiceName, signal: AbortSignal): Promise<Drift[]> {
  const primary = primaryOf((await readService(parts, service, signal)) ?? {})
  const actual = primary?.taskDefinition
  if (actual === undefined || (await readRevision(parts, actual, signal))?.marker?.service === service) return []
  const family = await readFamily(parts, familyOf(parts, service), signal)
  const ours = family.find(({ marker }) => marker?.service === service)
  if (ours === undefined) return []
  const by = { name: 'somebody (CloudTrail knows who)', at: primary?.createdAt?.toISOString() ?? null }
  const [expected, found] = [sayDefinition(ours.arn), sayDefinition(actual)]
  const fields = [{ path: 'taskDefinition', expected, actual: found, by }]
  return [{ service, subject: saySelf(parts, service), fields }]
}

/** For `trunkline doctor`: services that are there. */
export async function examineServices(
  parts: Parts,
  services: readonly ServiceName[],
  signal: AbortSignal,
): Promise<Examined[]> {
  return await Promise.all(
    services.map(async (service): Promise<Examined> => {
      const isWell = (await readService(parts, service, signal)) !== null
      if (isWell) return { isWell, message: `${saySelf(parts, service)} is there` }
      const hint = 'make it with a stack, or name another (`cluster`, `service`)'
      return { isWell, message: `${saySelf(parts, service)} is missing`, hint }
    }),
  )
}
