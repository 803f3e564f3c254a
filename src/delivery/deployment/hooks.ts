/**
 * A hook, run once: the ledger holds its start and end, and what happened in between is asked of the target, which
 * remembers jobs by their key (invariant 8).
 */
import type { DeploymentPlan, DeploymentStep, EnvironmentState, Hook, Verdict } from '../../model/index.ts'
import { erroredError, passed, reason } from '../../model/index.ts'
import type { Job, JobOutcome, Target } from '../../ports/index.ts'
import { resolveVariables } from '../../variables/resolve-variables.ts'
import { secretNames, withAddresses } from './service-variables.ts'
import { contextFor, type DeploymentRun, type StepContext, surroundingsNow } from './step-context.ts'

export type HookStep = Extract<DeploymentStep, { kind: 'hook' }>

/** Bound on how often a hook whose end nobody saw is begun again. */
const maxAttempts = 20

export async function runHook(step: HookStep, context: StepContext): Promise<Verdict> {
  const { run, signal } = context
  const { session, engine, policy } = run
  const { hook, key } = step
  const target = await engine.world.target(policy, step.target)
  const known = session.state().deployment?.hooks[key]
  if (known?.outcome === 'succeeded' || known?.outcome === 'assumed') return passed

  const firstKey = `${known?.startedBy ?? run.id}/${key}`
  const attempt = await findAttempt(target, firstKey, signal)
  if (attempt.isUnknown && run.hookDecision === 'assume-done') {
    await recordEnd(run, step, 'assumed', [])
    return passed
  }
  if (attempt.isUnknown && !hook.idempotent && run.hookDecision !== 'rerun') throw unknownOutcome(run, hook.name)

  if (known?.outcome !== 'running') {
    await session.append({
      kind: 'hook-started',
      deployment: run.id,
      hook: hook.name,
      key,
      service: hook.service,
      irreversible: hook.irreversible,
      phase: step.phase,
    })
    await engine.world.boundary(`started ${step.id}`)
  }
  const outcome = await target.runJob(
    await jobOf(step, attempt.key, context),
    contextFor(context, step.id, hook.service),
  )
  await engine.world.boundary(`ended ${step.id}`)
  const verdict = verdictOfJob(outcome, `hook ${hook.name}`, hook.timeoutMs)
  if (verdict === null) throw unknownOutcome(run, hook.name)
  const logTail = verdict.ok ? [] : (verdict.logTail ?? []).map(run.gathered.masker.mask)
  await recordEnd(run, step, verdict.ok ? 'succeeded' : 'failed', logTail)
  return verdict
}

/**
 * The key of the attempt to go on with: the first whose outcome the target can tell, or that never started. Keys count
 * up, so that two controllers that come back one after the other mean the same attempt.
 */
async function findAttempt(
  target: Target,
  firstKey: string,
  signal: AbortSignal,
): Promise<{ key: string; isUnknown: boolean }> {
  let isUnknown = false
  for (let attempt = 1; attempt <= maxAttempts; attempt++) {
    const key = attempt === 1 ? firstKey : `${firstKey}/${attempt}`
    const { kind } = await target.jobOutcome(key, signal)
    if (kind === 'never-started') return { key, isUnknown }
    if (kind !== 'unknown') return { key, isUnknown: false }
    isUnknown = true
  }
  throw erroredError('HOOK_ATTEMPTS', `nobody saw the end of ${maxAttempts} attempts`, { hint: 'look at the target' })
}

/** In the artifact, and with the variables, of the release that declares it: on the way back that is the one being left. */
async function jobOf({ hook, phase, artifact }: HookStep, key: string, { run, signal }: StepContext): Promise<Job> {
  const { facts, available } = run.gathered
  const release = phase === 'rollback' ? (facts.leaving?.release ?? facts.release) : facts.release
  const env = release.services[hook.service]?.env ?? {}
  const { addresses, outputs } = await surroundingsNow(run, signal)
  const resolved = resolveVariables(env, available, outputs)
  const absent = [...resolved.missing, ...resolved.awaited]
  if (absent.length > 0) {
    throw erroredError(
      'VARIABLE_MISSING',
      `hook ${hook.name} needs ${absent.join(', ')} in ${run.policy.name}, not set here`,
    )
  }
  return {
    key,
    name: hook.name,
    service: hook.service,
    artifact,
    run: hook.run,
    described: release.services[hook.service]?.run ?? null,
    variables: withAddresses(env, resolved.values, addresses),
    secrets: secretNames(env),
    timeoutMs: hook.timeoutMs,
  }
}

const recordEnd = (
  run: DeploymentRun,
  { hook, key }: HookStep,
  outcome: 'succeeded' | 'failed' | 'assumed',
  logTail: string[],
): Promise<void> =>
  run.session.append({ kind: 'hook-ended', deployment: run.id, hook: hook.name, key, outcome, logTail })

const unknownOutcome = (run: DeploymentRun, hook: Hook['name']) =>
  erroredError(
    'HOOK_OUTCOME_UNKNOWN',
    `hook ${hook} of ${run.policy.name} was started, and nobody can say how it ended`,
    {
      hint: `look what it did, then: trunkline retry ${run.policy.name} --assume-done, or --rerun; declare it idempotent to have it rerun by itself`,
    },
  )

/** null: nobody can say. */
export function verdictOfJob(outcome: JobOutcome, what: string, timeoutMs: number): Verdict | null {
  switch (outcome.kind) {
    case 'ended':
      if (outcome.exitCode === 0) return passed
      return {
        ok: false,
        reasons: [reason('job-failed', `${what} ended with exit code ${outcome.exitCode}`)],
        logTail: outcome.logTail,
      }
    case 'timed-out':
      return {
        ok: false,
        reasons: [reason('job-timed-out', `${what} ran longer than its limit of ${Math.round(timeoutMs / 1000)} s`)],
        logTail: outcome.logTail,
      }
    case 'running':
    case 'unknown':
    case 'never-started':
      return null
  }
}

/** Hook name to key once a plan is carried out: a rollback hook makes its namesake run again. */
export function hooksAfter(before: EnvironmentState['hooks'], plan: DeploymentPlan): EnvironmentState['hooks'] {
  const hooks = { ...before }
  for (const step of plan.steps) {
    if (step.kind !== 'hook') continue
    if (step.phase === 'rollback') delete hooks[step.hook.name]
    else hooks[step.hook.name] = step.key
  }
  return hooks
}
