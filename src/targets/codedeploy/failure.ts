/** A deployment that did not go well: why, and what ran before is brought back, by CodeDeploy itself where it does that. */
import { type Reason, reason, type Verdict } from '../../model/index.ts'
import type { TargetContext } from '../../ports/index.ts'
import { beginOrJoin } from './begin.ts'
import { createDeployment, type Group, readDeployment } from './deployments.ts'
import { eventLine, eventsOf, firstFailure, scriptLines } from './instances.ts'
import { describeWayBack, wayBackIn } from './marker.ts'
import type { Parts } from './parts.ts'
import { sayRevision } from './revision.ts'
import { isThrough, readStanding } from './standing.ts'
import { type Watched, watchDeployment } from './watch.ts'

const logTailLines = 40
/** CodeDeploy begins its own way back in a moment. */
const ownWayBackMs = 60_000

export async function failedVerdict(
  parts: Parts,
  group: Group,
  watched: Watched,
  context: TargetContext,
): Promise<Verdict> {
  const failure = firstFailure(watched.instances)
  const events = eventsOf(watched.instances).map(eventLine)
  const logTail = [...events, ...(failure === null ? [] : scriptLines(failure))].slice(-logTailLines)
  return { ok: false, reasons: [causeOf(watched), await goBack(parts, group, watched, context)], logTail }
}

function causeOf({ deploymentId, info, instances, cut }: Watched): Reason {
  if (cut !== null) return cut
  const failure = firstFailure(instances)
  if (failure !== null) return reason('lifecycle-failed', eventLine(failure))
  if (info.status === 'Stopped') {
    return reason('deployment-stopped', `${deploymentId} was stopped, and not by Trunkline`)
  }
  const { code, message } = info.errorInformation ?? {}
  const hint = hints[code ?? '']
  const sentence = `${deploymentId} failed: ${message ?? 'no reason is given'}${code === undefined ? '' : ` (${code})`}`
  return reason('deployment-failed', sentence, hint === undefined ? {} : { hint })
}

const hints: Readonly<Record<string, string>> = {
  NO_INSTANCES: 'no instance has the tags, or is in the Auto Scaling group, that the deployment group names',
  HEALTH_CONSTRAINTS: 'too few instances were healthy: does the agent of CodeDeploy run there, and may it read S3?',
  HEALTH_CONSTRAINTS_INVALID: 'the deployment configuration asks for more healthy instances than there are',
  IAM_ROLE_MISSING: 'the service role of the deployment group is gone',
  IAM_ROLE_PERMISSIONS: 'the service role of the deployment group lacks permissions',
}

async function goBack(parts: Parts, group: Group, watched: Watched, context: TargetContext): Promise<Reason> {
  const own = await ownWayBack(parts, group, watched, context)
  const wayBack = own ?? (await ourWayBack(parts, group, watched, context))
  if (wayBack === null) return reason('nothing-before', 'nothing ran before that could be brought back')
  if (wayBack === 'done') return restored
  context.log(`${wayBack} brings back what ran before`)
  const { info, instances } = await watchDeployment(parts, wayBack, context)
  if (isThrough(info)) return restored
  const failure = firstFailure(instances)
  const why = failure === null ? (info.errorInformation?.message ?? `it ended as ${info.status}`) : eventLine(failure)
  return reason('not-restored', `what ran before could not be brought back (${wayBack}): ${why}`, {
    hint: 'instances run different revisions: look at them, then deliver again',
  })
}

const restored = reason('restored', 'what ran before runs again')

/** CodeDeploy's, where the group asks for it, or the deployment was stopped so. */
async function ownWayBack(
  parts: Parts,
  { info: group }: Group,
  { deploymentId, info, cut }: Watched,
  { signal }: TargetContext,
): Promise<string | null> {
  const known = info.rollbackInfo?.rollbackDeploymentId
  if (known !== undefined) return known
  const { enabled = false, events = [] } = group.autoRollbackConfiguration ?? {}
  const event = info.status === 'Stopped' ? 'DEPLOYMENT_STOP_ON_REQUEST' : 'DEPLOYMENT_FAILURE'
  const isAsked = cut !== null || (enabled && events.includes(event))
  if (!isAsked || group.lastSuccessfulDeployment?.deploymentId === undefined) return null
  const endMs = parts.clock.monotonicMs() + ownWayBackMs
  const look = async (): Promise<{ id: string | null } | null> => {
    const found = (await readDeployment(parts, deploymentId, signal))?.rollbackInfo
    if (found?.rollbackDeploymentId !== undefined) return { id: found.rollbackDeploymentId }
    // It says why it does nothing.
    const hasGivenUp = Boolean(found?.rollbackMessage) || parts.clock.monotonicMs() >= endMs
    return hasGivenUp ? { id: null } : null
  }
  const timeoutMs = 2 * ownWayBackMs
  const what = `the way back of ${deploymentId}`
  return (await parts.aws.waitFor({ what, look, timeoutMs, intervalMs: parts.lookEveryMs, signal })).id
}

/** The last revision that went well, deployed again as the failed one was; null: there is none. */
async function ourWayBack(
  parts: Parts,
  group: Group,
  { deploymentId: failedId, info: failed }: Watched,
  context: TargetContext,
): Promise<string | 'done' | null> {
  const { signal, log } = context
  const { last, marker, unfinished } = await readStanding(parts, group, signal)
  if (last?.revision === undefined) return null
  const { revision } = last
  // A controller that died has begun it, or seen it through.
  if (wayBackIn(last.description) === failedId) return 'done'
  if (wayBackIn(unfinished?.description) === failedId) return unfinished?.deploymentId ?? null
  return await beginOrJoin(parts, group.name, context, {
    isIt: (info) => wayBackIn(info.description) === failedId,
    begin: async () => {
      log(`${sayRevision(revision)} is deployed again`)
      const deploymentId = await createDeployment(
        parts,
        {
          ...{ name: group.name, revision, description: describeWayBack(marker, failedId) },
          configuration: failed.deploymentConfigName ?? 'CodeDeployDefault.OneAtATime',
          // What is to be stopped is what has just failed.
          ignoreStopFailures: true,
        },
        signal,
      )
      return deploymentId === null ? null : { deploymentId }
    },
  })
}
