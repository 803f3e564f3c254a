/** A deployment that is in progress is gone on with where it is the one that is wanted; else it is begun. */
import type { Service, ServiceDeploymentBrief } from '@aws-sdk/client-ecs'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { type Parts, sayDefinition, saySelf } from './parts.ts'
import { isSettled, knownService, primaryOf, updateService } from './service.ts'
import { hasEnded, isGoingBack, newestDeployment, sayDeployment, taskDefinitionOf } from './service-deployments.ts'
import { configurationFor } from './strategy.ts'

/** ECS lists a deployment a moment after it was begun. */
const listedWithinMs = 120_000

type Newest = { brief: ServiceDeploymentBrief; taskDefinition: string | null }

/** The ARN of the deployment to be watched; null: the revision runs already. */
export async function beginOrJoin(
  parts: Parts,
  request: RolloutRequest,
  revision: string,
  context: TargetContext,
): Promise<string | null> {
  const { service, strategy } = request
  const { signal, log, report } = context
  const [found, newest] = await standing(parts, service, context)
  if (newest !== null && !hasEnded(newest.brief.status)) {
    if (newest.taskDefinition === revision) {
      log(`goes on with ${sayDeployment(newest.brief.serviceDeploymentArn)}, which is in progress`)
      return newest.brief.serviceDeploymentArn ?? null
    }
    log(`${sayDeployment(newest.brief.serviceDeploymentArn)} is in progress, and is replaced`)
  }
  const isTold = primaryOf(found)?.taskDefinition === revision
  if (isTold && isSettled(found, newest?.brief ?? null)) {
    report({ ready: found.runningCount ?? 0, desired: found.desiredCount ?? 0, old: 0 })
    return null
  }
  // Told by somebody who did not live to see it listed.
  const isUnlisted = isTold && newest?.taskDefinition !== revision && primaryOf(found)?.rolloutState !== 'FAILED'
  if (!isUnlisted) {
    const configuration = configurationFor(found.deploymentConfiguration ?? {}, strategy, parts.config.timeoutMs)
    await updateService(parts, service, found, { taskDefinition: revision, configuration }, signal)
  }
  const begun = await listed(parts, service, { revision, before: newest }, signal)
  log(`${sayDeployment(begun)} brings ${sayDefinition(revision)} to ${saySelf(parts, service)}`)
  return begun
}

/** One that goes back is waited for: it is told nothing new. */
async function standing(
  parts: Parts,
  service: string,
  { signal, log }: TargetContext,
): Promise<[Service, Newest | null]> {
  const { aws, config, lookEveryMs } = parts
  let waitsFor: string | undefined
  return await aws.waitFor({
    what: `${saySelf(parts, service)} to have gone back`,
    timeoutMs: config.timeoutMs,
    intervalMs: lookEveryMs,
    ...{ signal, log },
    async look() {
      const found = await knownService(parts, service, signal)
      const brief = await newestDeployment(parts, service, signal)
      if (brief === null) return [found, null]
      if (isGoingBack(brief.status)) {
        if (waitsFor === undefined) log(`waits for ${sayDeployment(brief.serviceDeploymentArn)}, which goes back`)
        waitsFor = brief.serviceDeploymentArn
        return null
      }
      return [found, { brief, taskDefinition: await taskDefinitionOf(parts, brief.targetServiceRevisionArn, signal) }]
    },
  })
}

async function listed(
  parts: Parts,
  service: string,
  { revision, before }: { revision: string; before: Newest | null },
  signal: AbortSignal,
): Promise<string> {
  return await parts.aws.waitFor({
    what: `ECS to list the deployment of ${sayDefinition(revision)}`,
    timeoutMs: listedWithinMs,
    signal,
    async look() {
      const brief = await newestDeployment(parts, service, signal)
      const arn = brief?.serviceDeploymentArn
      if (arn === undefined || arn === before?.brief.serviceDeploymentArn) return null
      const taskDefinition = await taskDefinitionOf(parts, brief?.targetServiceRevisionArn, signal)
      return taskDefinition === revision ? arn : null
    },
  })
}
