/** Carries out a deployment's steps: each idempotent, each with its verdict; faults are thrown and retried with a bound. */
import { createMasker } from '../../masking/masker.ts'
import type {
  DeploymentStep,
  DesiredService,
  PassedStage,
  Reason,
  StepOutcome,
  TargetName,
  Verdict,
} from '../../model/index.ts'
import { isStaged, passed, reason, reasonOfError, TrunklineError } from '../../model/index.ts'
import type { RolloutRequest, Target, TargetContext } from '../../ports/index.ts'
import { resolveVariables } from '../../variables/resolve-variables.ts'
import { isOusted, StepFault } from '../fault.ts'
import { deployFilesOf } from '../release/deploy-files.ts'
import { retryErrored } from '../retry.ts'
import { type Lane, runGraph } from '../step-graph.ts'
import { changedByHand } from './changes-by-hand.ts'
import { runInCheckout } from './checkout-work.ts'
import { runHook } from './hooks.ts'
import { contextFor, type DeploymentRun, type StepContext, surroundingsNow } from './step-context.ts'
import { tagArtifacts } from './tag-artifacts.ts'
import { verify, verifyStage } from './verification.ts'

/** The step that said no, or null when all are done. `isPartial`: others had begun to change something. */
export type Execution = { step: DeploymentStep; verdict: Verdict & { ok: false }; isPartial: boolean } | null

export async function executeDeployment(run: DeploymentRun): Promise<Execution> {
  const { engine, session, plan } = run
  let failure: No | null = null as No | null
  const begun = new Map<DeploymentStep, 'under way' | 'done'>()
  const targets = await targetsOf(run)
  await runGraph(plan.steps, {
    concurrency: engine.concurrency,
    laneOf: (step) => laneOf(step, targets),
    needsOf: namesFirst(plan.steps),
    signal: session.signal,
    run: async (step, signal) => {
      if (step.kind !== 'tag' && step.kind !== 'verify') begun.set(step, 'under way')
      const verdict = await carryOut(run, step, signal)
      if (verdict.ok && begun.has(step)) begun.set(step, 'done')
      if (verdict.ok) return true
      begun.delete(step)
      failure ??= { step, verdict }
      return false
    },
  })
  return failure === null ? null : withPartial(failure, begun, targets)
}

/**
 * A name that another artifact has already is refused by a store whose tags cannot be moved: before anything is
 * changed. It is no part of the plan, which an approval binds to: names are for people.
 */
function namesFirst(steps: readonly DeploymentStep[]): (step: DeploymentStep) => readonly string[] {
  const naming = steps.filter(({ kind }) => kind === 'tag').map(({ id }) => id)
  return ({ kind, needs }) => (kind === 'tag' || needs.length > 0 ? needs : naming)
}

type StepTargets = ReadonlyMap<TargetName, Pick<Target, 'rolloutsAtOnce' | 'writesAtOnce'>>

async function targetsOf({ engine, policy, plan }: DeploymentRun): Promise<StepTargets> {
  const names = new Set(plan.steps.flatMap((step) => (step.kind === 'rollout' ? [step.target] : [])))
  return new Map(
    await Promise.all([...names].map(async (name) => [name, await engine.world.target(policy, name)] as const)),
  )
}

/** Rollouts on a platform that does them by itself are not bounded by what this machine can do at a time. */
function laneOf(step: DeploymentStep, targets: StepTargets): Lane | null {
  const width = step.kind === 'rollout' ? targets.get(step.target)?.rolloutsAtOnce : undefined
  return step.kind !== 'rollout' || width === undefined ? null : { name: `target ${step.target}`, width }
}

type No = { step: DeploymentStep; verdict: Verdict & { ok: false } }

/** With whether steps beside the one that said no may have changed something. */
function withPartial(
  failure: No,
  begun: ReadonlyMap<DeploymentStep, 'under way' | 'done'>,
  targets: StepTargets,
): Execution {
  const { step: no } = failure
  const isOneWriteWith = (other: DeploymentStep): boolean =>
    no.kind === 'rollout' &&
    other.kind === 'rollout' &&
    no.target === other.target &&
    targets.get(no.target)?.writesAtOnce === true
  const isPartial = [...begun].some(([other, state]) => state === 'done' || !isOneWriteWith(other))
  return { ...failure, isPartial }
}

/** One step with its announcement, boundaries and retries. */
async function carryOut(run: DeploymentRun, step: DeploymentStep, signal: AbortSignal): Promise<Verdict> {
  const { world } = run.engine
  const environment = run.policy.name
  const startedMs = world.clock.monotonicMs()
  const end = (outcome: StepOutcome, detail: { reasons?: Reason[]; logTail?: string[] } = {}) =>
    world.progress({
      kind: 'step-ended',
      step: step.id,
      environment,
      outcome,
      durationMs: world.clock.monotonicMs() - startedMs,
      ...detail,
    })
  const { mask } = run.gathered.masker
  const log = (line: string) => world.progress({ kind: 'step-log', step: step.id, line: mask(line) })
  world.progress({ kind: 'step-started', step: step.id, environment, title: titleOf(step) })
  await world.boundary(`before ${step.id}`)
  try {
    const attempt = () => orRefused(() => perform(step, { run, signal, log }))
    const verdict = await retryErrored(async () => maskedVerdict(await attempt(), mask), {
      clock: world.clock,
      random: world.random,
      signal,
      onRetry: (attempt, delayMs, error) =>
        world.progress({ kind: 'retrying', step: step.id, attempt, delayMs, message: mask(error.message) }),
    })
    await world.boundary(`after ${step.id}`)
    end(
      verdict.ok ? 'succeeded' : verdict.refused ? 'refused' : 'failed',
      verdict.ok ? {} : { reasons: verdict.reasons, logTail: verdict.logTail ?? [] },
    )
    return verdict
  } catch (error) {
    const isCancelled = signal.aborted || (error instanceof TrunklineError && error.kind === 'cancelled')
    const message = mask(error instanceof Error ? error.message : String(error))
    end(isCancelled ? 'cancelled' : 'errored', isCancelled ? {} : { reasons: [reason('step-errored', message)] })
    throw error instanceof Error && !isCancelled ? new StepFault(step.id, error) : error
  }
}

/** Policy's no is an answer, whether a target returns it or throws it; one that ousts this controller is not. */
async function orRefused(work: () => Promise<Verdict>): Promise<Verdict> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind !== 'refused' || isOusted(error)) throw error
    return { ok: false, refused: true, reasons: [reasonOfError(error)] }
  }
}

/** Adapters mask what they know of; nothing that got past them is written down either. */
const maskedVerdict = (verdict: Verdict, mask: (text: string) => string): Verdict =>
  verdict.ok
    ? verdict
    : {
        ...verdict,
        reasons: verdict.reasons.map((known) => ({ ...known, message: mask(known.message) })),
        logTail: (verdict.logTail ?? []).map(mask),
      }

export function titleOf(step: DeploymentStep): string {
  switch (step.kind) {
    case 'hook':
      return `${step.phase} hook ${step.hook.name}`
    case 'rollout':
      return `roll out ${step.service}`
    case 'remove':
      return `remove ${step.service}`
    case 'verify':
      return `verify ${step.verification.name}`
    case 'tag':
      return `tag artifacts ${step.tags.join(', ')}`
  }
}

function perform(step: DeploymentStep, context: StepContext): Promise<Verdict> {
  switch (step.kind) {
    case 'hook':
      return runHook(step, context)
    case 'rollout':
      return rollOut(step, context)
    case 'remove':
      return removeService(step, context)
    case 'verify':
      return verify(step.verification, context)
    case 'tag':
      return tagForPeople(step, context)
  }
}

type StepOf<Kind extends DeploymentStep['kind']> = Extract<DeploymentStep, { kind: Kind }>

async function rollOut(step: StepOf<'rollout'>, context: StepContext): Promise<Verdict> {
  const { run } = context
  const target = await run.engine.world.target(run.policy, step.target)
  const given = await whatItIsGiven(step, target, context)
  if (!given.ok) return given
  const { desired, variables, mask } = given
  const request: RolloutRequest = {
    service: step.service,
    desired,
    files: deployFilesOf(run.engine, run.gathered.snapshot, desired),
    variables,
    strategy: step.strategy,
    ...(step.preview === undefined ? {} : { preview: step.preview }),
    ...(step.reasons.some(({ code }) => code === changedByHand) ? { isRepair: true } : {}),
  }
  const targetContext: TargetContext = {
    ...contextFor({ ...context, log: (line) => context.log(mask(line)) }, step.id, step.service),
    verifyStage: (stage, signal) => verifyStage(stage, step.verifications ?? [], { ...context, signal }),
    stagePassed: ({ weight }) => recordStage(run, step, weight),
    inCheckout: (work, signal) => runInCheckout(work, { ...context, signal, log: (line) => context.log(mask(line)) }),
  }
  const verdict = await target.ensure(request, targetContext)
  return maskedVerdict(verdict.ok ? await target.verify(request, targetContext) : verdict, mask)
}

type Given = {
  ok: true
  desired: DesiredService
  variables: Record<string, string>
  /** Hides what infrastructure has said in secret since the plan was made. */
  mask(text: string): string
}

/** What infrastructure came to is known once that has been rolled out: a service with its outputs is told them now. */
async function whatItIsGiven(
  { service, desired }: StepOf<'rollout'>,
  target: Target,
  { run, signal }: StepContext,
): Promise<Given | (Verdict & { ok: false })> {
  const { gathered } = run
  const givers = Object.values(desired.env).flatMap((variable) =>
    variable.kind === 'output' ? [variable.service] : [],
  )
  if (givers.length === 0) {
    return { ok: true, desired, variables: gathered.variables[service]?.values ?? {}, mask: (text) => text }
  }
  const { outputs } = await surroundingsNow(run, signal, [...new Set(givers)])
  const resolved = resolveVariables(desired.env, gathered.available, outputs)
  if (resolved.awaited.length > 0) {
    const message = `${service} is given ${resolved.awaited.join(', ')}, and there is no such output in ${run.policy.name}`
    return { ok: false, reasons: [reason('output-missing', message)] }
  }
  const fingerprint = (await target.fingerprint({ [service]: resolved.values }, signal))[service] ?? null
  gathered.variables[service] = resolved
  if (fingerprint !== null) gathered.facts.fingerprints[service] = fingerprint
  const { mask } = createMasker(resolved.secrets)
  return { ok: true, desired: { ...desired, fingerprint }, variables: resolved.values, mask }
}

/** So that history tells how far a rollout came, and who looks now sees where it is. Once, whoever goes on with it. */
async function recordStage(
  run: DeploymentRun,
  { service, strategy }: StepOf<'rollout'>,
  weight: number,
): Promise<void> {
  if (!isStaged(strategy)) return
  const { stages } = strategy
  const index = stages.findIndex((stage) => stage.weight === weight)
  if (index < 0) throw new Error(`${service} has no stage of ${weight} %`)
  const stage: PassedStage = {
    ...{ service, weight, step: index + 1, of: stages.length },
    next: stages[index + 1]?.weight ?? null,
  }
  const { id: deployment, candidate, gathered } = run
  await run.session.appendOn(({ deployment: active }) =>
    (active?.stages?.[service]?.step ?? 0) >= stage.step
      ? []
      : [{ kind: 'verified', deployment, candidate, unyanks: gathered.unyanks, reasons: [], stage }],
  )
}

async function removeService(step: StepOf<'remove'>, context: StepContext): Promise<Verdict> {
  const target = await context.run.engine.world.target(context.run.policy, step.target)
  return await target.remove(step.service, contextFor(context, step.id, step.service))
}

async function tagForPeople(step: StepOf<'tag'>, { run, signal }: StepContext): Promise<Verdict> {
  await tagArtifacts(run.engine, run.gathered.facts.release, step, signal)
  return passed
}
