/** What a person asks for by name: deploy this revision there, try that again, stop it. */
import type { CommitId, EnvironmentName, RefName } from '../../model/index.ts'
import { erroredError, reason, usageError } from '../../model/index.ts'
import { branchRef, matchPattern, versionOf, viewOf } from '../../planning/index.ts'
import { common, deliver } from '../deliver.ts'
import { ends, withFollowUps } from '../delivery-result.ts'
import { deployAttempt } from '../deployment/deploy-attempt.ts'
import { resultOf } from '../deployment/deploy-request.ts'
import { deployTo } from '../deployment/deploy-to.ts'
import { lastFailure } from '../deployment/last-failure.ts'
import type { HookDecision } from '../deployment/step-context.ts'
import type { DeliveryResult, Engine } from '../engine.ts'
import { followUp } from '../follow-up.ts'
import { releaseFor } from '../release/release-for.ts'
import { hintedFor } from '../release/retry-hint.ts'
import { openScene, requirePolicy, type Scene } from '../scene.ts'
import { rollback } from './rollback.ts'

export type DeployOptions = {
  environment: EnvironmentName
  commit: CommitId /** The ref the person named, if any. */
  ref: RefName | null
  signal: AbortSignal
}

/** Any commit to any environment, past its routes but not past its gates. Builds only where nothing stands upstream. */
export async function deployRevision(engine: Engine, options: DeployOptions): Promise<DeliveryResult> {
  const { commit, environment, signal } = options
  const scene = await openScene(engine, commit, null, signal)
  const policy = requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('builder')
  const made = await releaseFor(engine, scene, { mayBuild: policy.after.length === 0, retriesRed: false, signal })
  if (made.kind !== 'made') {
    const outcome = made.kind === 'failed' ? (made.step === null ? 'refused' : 'failed') : 'refused'
    const reasons = hintedFor(scene.project, environment, made.reasons)
    return ends(null, { commit }, null, reasons, [resultOf(engine, { policy }, outcome, reasons, null)])
  }
  const result = await deployTo(engine, {
    ...common(scene, policy, made, { hookDecision: 'ask', signal }),
    trigger: 'deploy',
    candidate: {
      release: made.release.id,
      view: viewOf(made.release, policy.name),
      commit,
      // Routes are for refs that move; a person's word stands until the next.
      ref: options.ref,
      version: versionOf(options.ref, capturesOf(scene, options.ref), commit),
      author: { name: scene.commit.author.name, email: scene.commit.author.email },
    },
  })
  return await followUp(engine, scene, ends(null, { commit }, made.release, [], [result]), signal)
}

function capturesOf(scene: Scene, ref: RefName | null): Record<string, string> {
  if (ref === null) return {}
  for (const environment of Object.values(scene.project.environments)) {
    for (const route of environment.routes) {
      const prefix = route.kind === 'branch' ? branchRef('') : 'refs/tags/'
      const captures = ref.startsWith(prefix) ? matchPattern(route.pattern, ref.slice(prefix.length)) : null
      if (captures !== null) return captures
    }
  }
  return {}
}

export type RetryDeploymentOptions = { environment: EnvironmentName; hookDecision: HookDecision; signal: AbortSignal }

/** The last attempt that failed, errored or was cancelled, once more; red checks and failed builds run again. */
export async function retryDeployment(
  engine: Engine,
  scene: Scene,
  options: RetryDeploymentOptions,
): Promise<DeliveryResult> {
  const policy = requirePolicy(scene.project, options.environment)
  await engine.ledger.trust.require('builder')
  const snapshot = await engine.ledger.refresh(options.signal)
  const { state } = await engine.ledger.environment(snapshot, policy.name)
  if (state.deployment?.trigger === 'rollback') {
    const { environment, signal } = options
    return await rollback(engine, scene, { environment, to: null, force: [], signal })
  }
  const attempt = state.deployment?.candidate ?? (await lastFailure(engine, snapshot, state))?.candidate ?? null
  if (attempt === null) {
    throw usageError('NOTHING_TO_RETRY', `nothing in ${policy.name} failed, errored or was cancelled`, {
      hint: `see: trunkline log ${policy.name}`,
    })
  }
  const result = await deployAttempt(engine, scene, policy, {
    attempt,
    trigger: 'retry',
    arrival: 'again',
    hookDecision: options.hookDecision,
    retriesRed: true,
    signal: options.signal,
  })
  const retried = ends(null, { commit: attempt.commit }, null, [], [result])
  const followed = await followUp(engine, scene, retried, options.signal)
  const isMade = result.deployment !== null || ['succeeded', 'waiting', 'nothing'].includes(result.outcome)
  if (attempt.release !== null || attempt.ref === null || !isMade) return followed
  // What had failed was the release itself, and now there is one: it goes wherever its ref leads.
  const elsewhere = await deliver(
    engine,
    { commit: attempt.commit, ref: attempt.ref },
    { signal: options.signal, hookDecision: 'ask', except: followed.environments.map(({ name }) => name) },
  )
  return withFollowUps(followed, elsewhere.environments)
}

/** Stops the deployment under way (its controller notices through the ledger) and takes what waits out of the queue. */
export async function cancelDeployment(
  engine: Engine,
  scene: Scene,
  environment: EnvironmentName,
  signal: AbortSignal,
): Promise<string[]> {
  const policy = requirePolicy(scene.project, environment)
  await engine.ledger.trust.require('either')
  for (let attempt = 0; attempt < 10; attempt++) {
    const snapshot = await engine.ledger.refresh(signal)
    const position = await engine.ledger.environment(snapshot, policy.name)
    const { deployment, waiting } = position.state
    const why = [reason('cancelled', `${engine.world.actor.name} cancelled it`)]
    const done: string[] = []
    const events = []
    if (deployment?.phase === 'running' || deployment?.phase === 'errored') {
      events.push({ kind: 'aborted' as const, deployment: deployment.id, reasons: why })
      done.push(`${deployment.candidate.version} is cancelled`)
    }
    if (waiting !== null) {
      events.push({ kind: 'rejected' as const, plan: waiting.plan, candidate: null, reasons: why })
      done.push(`${waiting.candidate.version} waits no more`)
    }
    if (events.length === 0) {
      throw usageError('NOTHING_TO_CANCEL', `nothing is under way or waiting in ${policy.name}`)
    }
    if ((await engine.ledger.append(position, events, null, signal)).kind === 'appended') return done
  }
  throw erroredError('LEDGER_BUSY', `the ledger of ${policy.name} kept moving`, { hint: 'run it again' })
}
