/**
 * One service brought to its deployment group. Each step looks first, so that whoever comes after a controller that died
 * goes on where it was: a deployment says in its description whose it is.
 */
import type { DeploymentInfo, RevisionLocation } from '@aws-sdk/client-codedeploy'
import { isStaged, passed, type RolloutStrategy, refusedError, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { beginOrJoin } from './begin.ts'
import { createDeployment, type Group, readDeployment, readGroup } from './deployments.ts'
import { failedVerdict } from './failure.ts'
import { describe, type Marker, markerIn, wayBackIn } from './marker.ts'
import { appspecRunOf, groupOf, type Parts, sayGroup } from './parts.ts'
import { objectionsOf, shortDraining } from './promises.ts'
import { ensureRevision, registerRevision, sayRevision } from './revision.ts'
import { countOf, isThrough, readStanding } from './standing.ts'
import { watchDeployment } from './watch.ts'

export async function ensureDeployed(parts: Parts, request: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { service, desired } = request
  const { signal } = context
  appspecRunOf(service, desired.run)
  const objections = await objectionsOf(parts, await knownGroup(parts, service, signal), request, signal)
  if (objections.length > 0) return { ok: false, refused: true, reasons: objections }
  const revision = await ensureRevision(parts, request, context)
  const marker = markerFor(request, context)
  const begun = await beginOrJoin(parts, groupOf(parts, service), context, {
    isIt: (info) => wayBackIn(info.description) === null && isSame(markerIn(info.description), marker),
    begin: () => begin(parts, request, { revision, marker }, context),
  })
  if (begun === null) return passed
  const watched = await watchDeployment(parts, begun, context)
  if (isThrough(watched.info)) return passed
  return failedVerdict(parts, await knownGroup(parts, service, signal), watched, context)
}

/** Missing: refused `NO_DEPLOYMENT_GROUP`. */
async function knownGroup(parts: Parts, service: string, signal: AbortSignal): Promise<Group> {
  const group = await readGroup(parts, service, signal)
  if (group !== null) return group
  throw refusedError('NO_DEPLOYMENT_GROUP', `there is no such thing as ${sayGroup(groupOf(parts, service))}`, {
    hint: 'instances and groups are infrastructure: make them with a stack, or name others (`application`, `deploymentGroup`)',
  })
}

const markerFor = ({ service, desired }: RolloutRequest, { deployment }: TargetContext): Marker => ({
  service,
  generation: desired.generation,
  artifact: desired.artifact,
  deployment: deployment?.id ?? '-',
})

const isSame = (left: Marker | null, right: Marker): boolean =>
  left?.service === right.service && left.generation === right.generation && left.artifact === right.artifact

/** `as-it-should-be`, the id of a deployment to watch, or null: another one was faster. */
async function begin(
  parts: Parts,
  request: RolloutRequest,
  { revision, marker }: { revision: RevisionLocation; marker: Marker },
  context: TargetContext,
): Promise<'as-it-should-be' | { deploymentId: string } | null> {
  const { service, desired } = request
  const { signal, log } = context
  const group = await knownGroup(parts, service, signal)
  const standing = await readStanding(parts, group, signal)
  if (standing.unfinished === null && isSame(standing.marker, marker)) {
    context.report({ ...countOf(standing.last), old: 0 })
    return 'as-it-should-be'
  }
  const failed = await failedBefore(parts, standing.unfinished ?? standing.last, marker, signal)
  if (failed !== null) return { deploymentId: failed }
  for (const line of await shortDraining(parts, group, signal)) log(line)
  await registerRevision(parts, service, revision, context)
  const deploymentId = await createDeployment(
    parts,
    {
      ...{ name: group.name, revision, description: describe(marker) },
      configuration: parts.config.configuration ?? configurationFor(request.strategy),
      ignoreStopFailures: appspecRunOf(service, desired.run).ignoreStopFailures,
    },
    signal,
  )
  if (deploymentId === null) return null
  log(`${deploymentId} brings ${sayRevision(revision)} to ${sayGroup(group.name)}`)
  return { deploymentId }
}

/** The same deployment of Trunkline failed here, and its controller died before it could say so: it counts. */
async function failedBefore(
  parts: Parts,
  newest: DeploymentInfo | null,
  marker: Marker,
  signal: AbortSignal,
): Promise<string | null> {
  const triggered = wayBackIn(newest?.description) ?? newest?.rollbackInfo?.rollbackTriggeringDeploymentId ?? null
  const info = triggered === null ? newest : await readDeployment(parts, triggered, signal)
  const known = markerIn(info?.description)
  if (info?.status !== 'Failed' || marker.deployment === '-' || wayBackIn(info.description) !== null) return null
  return isSame(known, marker) && known?.deployment === marker.deployment ? (info.deploymentId ?? null) : null
}

function configurationFor(strategy: RolloutStrategy): string {
  if (strategy === 'half') return 'CodeDeployDefault.HalfAtATime'
  // Stages were refused when planning.
  return isStaged(strategy) || strategy === 'one-at-a-time'
    ? 'CodeDeployDefault.OneAtATime'
    : 'CodeDeployDefault.AllAtOnce'
}
