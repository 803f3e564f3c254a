/**
 * One service brought to its desired generation: a revision of its task definition, and a deployment of ECS that is
 * watched to its end. Each step looks first: a revision says by its tags what it is, and a service says what it runs.
 */
import { fingerprintWith } from '../../aws/fingerprint-key.ts'
import { isStaged, passed, type Reason, reason, TrunklineError, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { beginOrJoin } from './begin.ts'
import { openSecrets, sayOpen, secretHint } from './container.ts'
import { whyUndivided } from './division.ts'
import { failedVerdict } from './failure.ts'
import { type Parts, sayDefinition, saySelf } from './parts.ts'
import { knownService, readService } from './service.ts'
import { sayDeployment, stopDeployment } from './service-deployments.ts'
import { stageObjections } from './strategy.ts'
import { definitionFor, ensureRevision, markerFor } from './task-definition.ts'
import { watchDeployment } from './watch.ts'

const wayBackMs = 60_000

export async function ensureService(parts: Parts, given: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { service } = given
  const { signal, log } = context
  // A stack of this delivery may have made it since it was planned; by now it must be there.
  await knownService(parts, service, signal)
  const [objections, request] = await Promise.all([
    objectionsTo(parts, given, signal),
    withFingerprint(parts, given, signal),
  ])
  if (objections.length > 0) return { ok: false, refused: true, reasons: objections }
  const definition = await definitionFor(parts, request, context)
  const revision = await ensureRevision(parts, definition, markerFor(request, definition), context)
  const deployment = await beginOrJoin(parts, request, revision, context)
  if (deployment === null) return passed
  try {
    const watched = await watchDeployment(parts, request, deployment, context)
    if (watched.deployment.status !== 'SUCCESSFUL') {
      return await failedVerdict(parts, request, { watched, revision }, context)
    }
    log(`${saySelf(parts, service)} runs ${sayDefinition(revision)}`)
    return passed
  } catch (error) {
    if (isCancelled(signal)) await takeBack(parts, deployment, context)
    throw error
  }
}

/** A service that is not there yet is no objection: a stack may make it. */
export async function objectionsTo(
  parts: Parts,
  { service, desired, strategy }: RolloutRequest,
  signal: AbortSignal,
): Promise<Reason[]> {
  const open = openSecrets(parts.config.secrets, desired.env)
  if (open.length > 0) return [reason('secret-in-the-open', sayOpen(service, open), { hint: secretHint(open) })]
  if (!isStaged(strategy)) return []
  const found = await readService(parts, service, signal)
  return [...stageObjections(strategy), ...(found === null ? [] : whyUndivided(parts, service, found))]
}

/** The first deployment makes the key; a plan before it had none. */
async function withFingerprint(parts: Parts, request: RolloutRequest, signal: AbortSignal): Promise<RolloutRequest> {
  if (request.desired.fingerprint !== null) return request
  const fingerprint = fingerprintWith(await parts.key.made(signal), request.variables)
  return { ...request, desired: { ...request.desired, fingerprint } }
}

const isCancelled = ({ aborted, reason: why }: AbortSignal): boolean =>
  aborted && !(why instanceof TrunklineError && (why.code === 'LEASE_LOST' || why.code === 'STALE_CONTROLLER'))

/** Who is cancelled has little time: ECS goes on with it by itself. */
async function takeBack(parts: Parts, deployment: string, { log }: TargetContext): Promise<void> {
  const isStopped = await stopDeployment(parts, deployment, AbortSignal.timeout(wayBackMs))
  if (isStopped) log(`${sayDeployment(deployment)} is stopped: ECS brings back what ran before`)
}
