/**
 * One service brought to its desired generation: a revision of its task definition, and a deployment of ECS that is
 * watched to its end. Each step looks first: a revision says by its tags what it is, and a service says what it runs.
 */
import type { Deployment, Service } from '@aws-sdk/client-ecs'
import { fingerprintWith } from '../../aws/fingerprint-key.ts'
import { passed, type Reason, reason, TrunklineError, type Verdict } from '../../model/index.ts'
import type { RolloutRequest, TargetContext } from '../../ports/index.ts'
import { openSecrets, sayOpen, secretHint } from './container.ts'
import { reasonsOf } from './failure.ts'
import { type Parts, sayDefinition, saySelf } from './parts.ts'
import { knownService, primaryOf, settledOf, updateService } from './service.ts'
import { definitionFor, ensureRevision, markerFor } from './task-definition.ts'
import { type Ended, watchDeployment } from './watch.ts'

const wayBackMs = 60_000

export async function ensureService(parts: Parts, given: RolloutRequest, context: TargetContext): Promise<Verdict> {
  const { service } = given
  const { signal, log } = context
  const objections = objectionsTo(parts, given)
  if (objections.length > 0) return { ok: false, refused: true, reasons: objections }
  const [found, request] = await Promise.all([
    knownService(parts, service, signal),
    withFingerprint(parts, given, signal),
  ])
  const definition = await definitionFor(parts, request, context)
  const revision = await ensureRevision(parts, definition, markerFor(request, definition), context)
  const before = settledOf(found)?.taskDefinition ?? null
  const begun = await beginOrJoin(parts, { request, found, revision }, context)
  if (begun === null) return passed
  try {
    const ended = await watchDeployment(parts, service, { begun, before }, context)
    if (ended.kind === 'through') {
      log(`${saySelf(parts, service)} runs ${sayDefinition(revision)}`)
      return passed
    }
    return await failedVerdict(parts, request, { ended, revision, before }, context)
  } catch (error) {
    if (isCancelled(signal)) await takeBack(parts, request, before, context)
    throw error
  }
}

export function objectionsTo({ config }: Parts, { service, desired }: RolloutRequest): Reason[] {
  const open = openSecrets(config.secrets, desired.env)
  return open.length === 0 ? [] : [reason('secret-in-the-open', sayOpen(service, open), { hint: secretHint(open) })]
}

/** The first deployment makes the key; a plan before it had none. */
async function withFingerprint(parts: Parts, request: RolloutRequest, signal: AbortSignal): Promise<RolloutRequest> {
  if (request.desired.fingerprint !== null) return request
  const fingerprint = fingerprintWith(await parts.key.made(signal), request.variables)
  return { ...request, desired: { ...request.desired, fingerprint } }
}

type Beginning = { request: RolloutRequest; found: Service; revision: string }

/** null: it runs already. */
async function beginOrJoin(
  parts: Parts,
  { request, found, revision }: Beginning,
  { signal, log, report }: TargetContext,
): Promise<Deployment | null> {
  const primary = primaryOf(found)
  if (primary?.taskDefinition === revision && primary.rolloutState === 'COMPLETED') {
    report({ ready: found.runningCount ?? 0, desired: found.desiredCount ?? 0, old: 0 })
    return null
  }
  if (primary?.taskDefinition === revision && primary.rolloutState !== 'FAILED') {
    log(`goes on with ${primary.id}, which is in progress`)
    return primary
  }
  const begun = await updateService(parts, request.service, found, revision, signal)
  log(`${begun?.id} brings ${sayDefinition(revision)} to ${saySelf(parts, request.service)}`)
  return begun
}

type Failed = { ended: Exclude<Ended, { kind: 'through' }>; revision: string; before: string | null }

async function failedVerdict(
  parts: Parts,
  request: RolloutRequest,
  { ended, revision, before }: Failed,
  context: TargetContext,
): Promise<Verdict> {
  const { service } = request
  if (ended.kind === 'superseded') return { ok: false, reasons: [reason('superseded', ended.why)] }
  const causes = await reasonsOf(parts, service, revision, context.signal)
  const back = await wayBack(parts, request, { before, revision }, context)
  const [cause = ended.why, ...others] = causes
  return {
    ok: false,
    reasons: [reason('deployment-failed', `${cause}; ${back}`)],
    logTail: [ended.why, ...causes.slice(0, 1), ...others],
  }
}

/** By ECS itself where it does that, and never twice. */
async function wayBack(
  parts: Parts,
  { service }: RolloutRequest,
  { before, revision }: { before: string | null; revision: string },
  context: TargetContext,
): Promise<string> {
  if (before === null || before === revision) return 'nothing ran before'
  const found = await knownService(parts, service, context.signal)
  const primary = primaryOf(found)
  const isBack = primary !== null && primary.taskDefinition === before
  const begun = isBack ? primary : await updateService(parts, service, found, before, context.signal)
  if (begun === null) return 'what ran before could not be brought back'
  const ended = await watchDeployment(parts, service, { begun, before: null }, context)
  return ended.kind === 'through' ? 'what ran before runs again' : `what ran before does not run again: ${ended.why}`
}

const isCancelled = ({ aborted, reason: why }: AbortSignal): boolean =>
  aborted && !(why instanceof TrunklineError && (why.code === 'LEASE_LOST' || why.code === 'STALE_CONTROLLER'))

/** Who is cancelled has little time: ECS goes on with it by itself. */
async function takeBack(
  parts: Parts,
  { service }: RolloutRequest,
  before: string | null,
  { log }: TargetContext,
): Promise<void> {
  if (before === null) return
  const signal = AbortSignal.timeout(wayBackMs)
  await updateService(parts, service, await knownService(parts, service, signal), before, signal)
  log(`ECS brings back ${sayDefinition(before)}`)
}
