/** A deployment of ECS, looked at until it has ended; one that should not go on is stopped, and goes back. */
import type { Service, ServiceDeployment } from '@aws-sdk/client-ecs'
import { withPatience } from '../../aws/index.ts'
import { erroredError, isStaged, type Reason, reason } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { openLifecycle } from './lifecycle.ts'
import type { Parts } from './parts.ts'
import { knownService } from './service.ts'
import { hasEnded, isGoingBack, readDeployment, sayDeployment, stopDeployment } from './service-deployments.ts'
import { openStages } from './stages.ts'
import { bakingMs, isShifting } from './strategy.ts'

export type Watched = {
  deployment: ServiceDeployment
  /** Why it was stopped here; empty: it was not. */
  cut: Reason[]
  /** What a hook of the lifecycle that failed is. */
  failedHook: string | null
}

type Followed = Pick<RolloutRequest, 'service' | 'strategy'>

export async function watchDeployment(
  parts: Parts,
  followed: Followed,
  arn: string,
  context: TargetContext,
): Promise<Watched> {
  const { clock, config, lookEveryMs } = parts
  const { signal } = context
  const tell = openTelling(context)
  const stages = openStages(parts, followed, arn, context)
  const startMs = clock.monotonicMs()
  // The deployment first: once it has ended, the service has said all.
  const { look } = withPatience(
    async () => ({
      seen: await readDeployment(parts, arn, signal),
      found: await knownService(parts, followed.service, signal),
    }),
    { what: `${sayDeployment(arn)} to end`, clock, log: context.log },
  )
  let cut: Reason[] = []
  let backSinceMs: number | null = null
  let failedHook: string | null = null
  for (;;) {
    const both = await look()
    if (both === null) {
      await clock.sleep(lookEveryMs, signal)
      continue
    }
    const { seen, found } = both
    tell(seen, found)
    const stage = stages.progress(seen)
    context.report({ ...countOf(seen, found), ...(stage === null ? {} : { stage }) })
    failedHook = failedHookIn(seen) ?? failedHook
    const isOver = hasEnded(seen.status)
    const now = clock.monotonicMs()
    if (isGoingBack(seen.status)) backSinceMs ??= now
    if (backSinceMs === null) {
      const verdict = await stages.look(seen)
      if (!verdict.ok) cut = verdict.reasons
      else if (!isOver) cut = whyToStop(found, seen, { followed, config, passedMs: now - startMs })
      if (cut.length > 0) {
        context.log(`${cut[0]?.message}: ${sayDeployment(arn)} is stopped`)
        await stopDeployment(parts, arn, signal)
        backSinceMs = now
      }
    }
    if (isOver) return { deployment: seen, cut, failedHook }
    if (backSinceMs !== null && now - backSinceMs >= config.timeoutMs) throw notGoneBack(arn)
    await clock.sleep(lookEveryMs, signal)
  }
}

function openTelling({ log }: Pick<TargetContext, 'log'>): (seen: ServiceDeployment, found: Service) => void {
  const tellStage = openLifecycle(log)
  const told = new Set<string>()
  return (seen, { events = [] }) => {
    // Each event once, the oldest first; a second for clocks that count differently.
    const sinceMs = (seen.createdAt?.getTime() ?? 0) - 1000
    for (const { id = '', createdAt, message = '' } of [...events].reverse()) {
      if (told.has(id) || (createdAt?.getTime() ?? 0) < sinceMs) continue
      told.add(id)
      log(message)
    }
    tellStage(seen)
  }
}

/** The circuit breaker of ECS is for rolling deployments: for others this is one, and counts as that does. */
const fewestFailures = 3
const mostFailures = 200

type Ways = { followed: Followed; config: Parts['config']; passedMs: number }

function whyToStop(found: Service, seen: ServiceDeployment, { followed, config, passedMs }: Ways): Reason[] {
  const { deploymentConfiguration: configuration = {}, serviceDeploymentArn } = seen
  const pausesMs = isStaged(followed.strategy)
    ? followed.strategy.stages.reduce((sum, { pauseMs }) => sum + pauseMs, 0)
    : 0
  if (passedMs >= config.timeoutMs + bakingMs(configuration) + pausesMs) {
    const minutes = Math.round(config.timeoutMs / 60_000)
    const message = `${sayDeployment(serviceDeploymentArn)} takes longer than ${minutes} minutes`
    return [reason('deployment-timed-out', message)]
  }
  if (!isShifting(configuration)) return []
  const failed = Math.max(0, ...(found.deployments ?? []).map(({ failedTasks = 0 }) => failedTasks))
  const many = Math.min(mostFailures, Math.max(fewestFailures, Math.ceil((found.desiredCount ?? 0) / 2)))
  return failed < many ? [] : [reason('tasks-failed', `${failed} tasks in a row have stopped`)]
}

function countOf(
  { targetServiceRevision, sourceServiceRevisions = [] }: ServiceDeployment,
  { desiredCount = 0 }: Service,
) {
  const old = sourceServiceRevisions.reduce((sum, { runningTaskCount = 0 }) => sum + runningTaskCount, 0)
  return { ready: targetServiceRevision?.runningTaskCount ?? 0, desired: desiredCount, old }
}

const failedHookIn = ({ lifecycleHookDetails = [] }: ServiceDeployment): string | null => {
  const failed = lifecycleHookDetails.find(({ status }) => status === 'FAILED' || status === 'TIMED_OUT')
  if (failed === undefined) return null
  const what = failed.targetArn ?? 'a pause that nobody ended'
  return `${what} ${failed.status === 'FAILED' ? 'failed' : 'took too long'}`
}

const notGoneBack = (arn: string) =>
  erroredError('DEPLOYMENT_NOT_STOPPED', `${sayDeployment(arn)} goes back to what ran before, and does not end`, {
    hint: 'look at the service in the console of ECS, then try again',
  })
