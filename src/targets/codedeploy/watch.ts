/** One deployment watched to its end: what its instances do is told, and one that comes no further is stopped. */
import { ContinueDeploymentCommand, type DeploymentInfo } from '@aws-sdk/client-codedeploy'
import { erroredError, type Reason, reason, TrunklineError } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { readDeployment, stopDeployment } from './deployments.ts'
import { eventLine, eventsOf, type Instance, readInstances, scriptLines } from './instances.ts'
import { codedeployOf, messageOf, type Parts } from './parts.ts'
import { isThrough } from './standing.ts'

export type Watched = {
  deploymentId: string
  info: DeploymentInfo
  instances: Instance[]
  /** Why it was stopped here. */
  cut: Reason | null
}

type Watching = Pick<TargetContext, 'signal' | 'log' | 'report'>

const ends: ReadonlySet<string | undefined> = new Set(['Succeeded', 'Failed', 'Stopped'])
const stopTimeoutMs = 30_000

/** Who is cancelled, stops it; who has lost the lease leaves it to whoever has it now. */
export async function watchDeployment(parts: Parts, deploymentId: string, context: Watching): Promise<Watched> {
  const { aws, config, lookEveryMs } = parts
  const { signal } = context
  const look = openWatch(parts, deploymentId, context)
  try {
    // What is stopped may end only when the scripts that are running do.
    const timeoutMs = 3 * config.timeoutMs
    const what = `the deployment ${deploymentId} to end`
    return await aws.waitFor({ what, look, timeoutMs, intervalMs: lookEveryMs, signal, log: context.log })
  } catch (error) {
    if (signal.aborted && !isOusted(signal.reason)) await stopAsAsked(parts, deploymentId, context)
    throw error
  }
}

function openWatch(parts: Parts, deploymentId: string, { signal, log, report }: Watching) {
  const { clock, config } = parts
  const told = new Set<string>()
  let standing = ''
  let movedMs = clock.monotonicMs()
  let endMs = movedMs + config.timeoutMs
  let cut: Reason | null = null
  let isContinued = false
  const tell = (instances: readonly Instance[]): void => {
    for (const said of eventsOf(instances)) {
      const line = eventLine(said)
      if (told.has(line)) continue
      told.add(line)
      log(line)
      if (said.event.status === 'Failed') for (const text of scriptLines(said)) log(`${said.instance}: ${text}`)
    }
  }
  return async (): Promise<Watched | null> => {
    // The status first: once it has ended, instances have said all.
    const info = await readDeployment(parts, deploymentId, signal)
    if (info === null) throw erroredError('DEPLOYMENT_GONE', `CodeDeploy knows no deployment ${deploymentId} any more`)
    const instances = await readInstances(parts, deploymentId, signal)
    tell(instances)
    report(countsOf(instances))
    if (ends.has(info.status) || isThrough(info)) return { deploymentId, info, instances, cut }
    if (info.status === 'Ready' && !isContinued) {
      log(`${deploymentId}: the new instances are ready, and get the requests now`)
      isContinued = await continueDeployment(parts, deploymentId, signal)
    }
    const now = clock.monotonicMs()
    const stands = [info.status, ...instances.map(standingOf)].join()
    if (stands !== standing) [standing, movedMs] = [stands, now]
    const why = stopReason(deploymentId, instances, {
      isStuck: now - movedMs >= config.stuckAfterMs,
      isLate: now >= endMs,
    })
    if (why === null) return null
    if (cut !== null) throw notStopped(deploymentId)
    log(`${why.message}: it is stopped`)
    await stopDeployment(parts, deploymentId, signal)
    cut = why
    movedMs = now
    endMs = now + config.timeoutMs
    return null
  }
}

/** In place an instance is old until it is new; blue-green old ones are others. */
function countsOf(instances: readonly Instance[]): { ready: number; desired: number; old: number } {
  const fresh = instances.filter(({ isOld }) => !isOld)
  const ready = fresh.filter(({ status }) => status === 'Succeeded' || status === 'Ready').length
  const left = instances.filter(({ isOld, status }) => isOld && status !== 'Succeeded').length
  const isBlueGreen = fresh.length < instances.length
  return { ready, desired: fresh.length, old: isBlueGreen ? left : fresh.length - ready }
}

const standingOf = ({ id, status, events }: Instance): string =>
  `${id} ${status} ${events.map((event) => event.status).join('/')}`

function stopReason(
  deploymentId: string,
  instances: readonly Instance[],
  { isStuck, isLate }: { isStuck: boolean; isLate: boolean },
): Reason | null {
  if (!isStuck && !isLate) return null
  const busy = instances.flatMap(({ id, events }) =>
    events
      .filter(({ status }) => status === 'InProgress')
      .map(
        ({ lifecycleEventName: name, startTime }) =>
          `${id} is at ${name} since ${startTime?.toISOString() ?? 'long ago'}`,
      ),
  )
  const where = busy.length > 0 ? busy.join(', ') : 'no instance has begun: does the agent of CodeDeploy run there?'
  return isStuck
    ? reason('deployment-stuck', `${deploymentId} comes no further: ${where}`)
    : reason('deployment-timed-out', `${deploymentId} takes longer than it may: ${where}`)
}

/** Of a blue-green group that waits for somebody's word: who approved the delivery has said it. */
async function continueDeployment(parts: Parts, deploymentId: string, signal: AbortSignal): Promise<boolean> {
  const { aws } = parts
  const command = new ContinueDeploymentCommand({ deploymentId, deploymentWaitType: 'READY_WAIT' })
  try {
    await aws.send(codedeployOf(parts), command, { signal, writes: true })
    return true
  } catch (error) {
    if (aws.isError(error, 'DeploymentIsNotInReadyStateException')) return false
    if (aws.isError(error, 'DeploymentAlreadyCompletedException')) return true
    throw error
  }
}

async function stopAsAsked(parts: Parts, deploymentId: string, { log }: Watching): Promise<void> {
  try {
    const isStopped = await stopDeployment(parts, deploymentId, AbortSignal.timeout(stopTimeoutMs))
    if (isStopped) log(`${deploymentId} is stopped; CodeDeploy brings back what ran before, where it knows of any`)
  } catch (error) {
    log(`${deploymentId} could not be stopped: ${messageOf(error)}`)
  }
}

const isOusted = (why: unknown): boolean =>
  why instanceof TrunklineError && (why.code === 'LEASE_LOST' || why.code === 'STALE_CONTROLLER')

const notStopped = (deploymentId: string) =>
  erroredError('DEPLOYMENT_NOT_STOPPED', `${deploymentId} was told to stop and does not`, {
    hint: 'an instance may be unreachable: look at it, then try again',
  })
