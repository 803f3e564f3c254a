/** The steps of a release, one by one: a check with its verdict, a build whose bytes are stored with their provenance. */
import { provenanceStatement } from '../../artifacts/provenance.ts'
import type { BuildRecord, CheckRecord, Digest, Reason, ServiceName, StepOutcome } from '../../model/index.ts'
import { erroredError, reason, short } from '../../model/index.ts'
import type { BuildStep, CheckStep, ReleaseStep } from '../../planning/index.ts'
import type { WorkContext } from '../../ports/index.ts'
import type { Engine } from '../engine.ts'
import { retryErrored } from '../retry.ts'
import { attachMaterials } from './attach-materials.ts'
import type { Study } from './study.ts'
import { buildRequest, checkRequest } from './work-requests.ts'

/** What the steps of a release found out so far. */
export type Learned = {
  builds: Map<ServiceName, BuildRecord>
  checks: CheckRecord[]
  artifacts: Record<ServiceName, Digest>
  /** The first verdict that says no. */
  red: { step: string | null; reasons: Reason[]; logTail: string[] } | null
}

/** Answers whether it succeeded; what it found out stands in `learned`. Faults of the world are retried, then thrown. */
export async function carryOutReleaseStep(
  engine: Engine,
  study: Study,
  step: ReleaseStep,
  learned: Learned,
  signal: AbortSignal,
): Promise<boolean> {
  const { world } = engine
  const startedMs = world.clock.monotonicMs()
  world.progress({
    kind: 'step-started',
    step: step.id,
    environment: null,
    title: step.kind === 'check' ? `check ${step.service}/${step.check}` : `build ${step.service}`,
  })
  await world.boundary(`before ${step.id}`)
  const end = (outcome: StepOutcome, detail: { reasons?: Reason[]; logTail?: string[] } = {}) =>
    world.progress({
      kind: 'step-ended',
      step: step.id,
      environment: null,
      outcome,
      durationMs: world.clock.monotonicMs() - startedMs,
      ...detail,
    })
  const context: WorkContext = {
    signal,
    secrets: [],
    log: (line) => world.progress({ kind: 'step-log', step: step.id, line }),
  }
  try {
    const verdict = await retryErrored(
      () =>
        step.kind === 'check'
          ? runCheck(engine, study, step, learned, context)
          : runBuild(engine, study, step, learned, context),
      {
        clock: world.clock,
        random: world.random,
        signal,
        onRetry: (attempt, delayMs, error) =>
          world.progress({ kind: 'retrying', step: step.id, attempt, delayMs, message: error.message }),
      },
    )
    await world.boundary(`after ${step.id}`)
    if (verdict === null) {
      end('succeeded')
      return true
    }
    learned.red ??= { step: step.id, ...verdict }
    end('failed', verdict)
    return false
  } catch (error) {
    end(signal.aborted ? 'cancelled' : 'errored', {
      reasons: signal.aborted ? [] : [reason('step-errored', error instanceof Error ? error.message : String(error))],
    })
    throw error
  }
}

type Red = { reasons: Reason[]; logTail: string[] }

async function runCheck(
  engine: Engine,
  study: Study,
  step: CheckStep,
  learned: Learned,
  context: WorkContext,
): Promise<Red | null> {
  const { world, ledger } = engine
  const startedMs = world.clock.monotonicMs()
  const verdict = await world.builder.check(checkRequest(study, step), context)
  const record: CheckRecord = {
    version: 1,
    checkHash: step.hash,
    service: step.service,
    check: step.check,
    verdict: verdict.ok ? 'green' : 'red',
    commit: study.commit.id,
    builder: world.builder.identity,
    at: ledger.at(),
    durationMs: Math.round(world.clock.monotonicMs() - startedMs),
  }
  if (verdict.ok) {
    learned.checks.push(record)
    return null
  }
  const logTail = verdict.logTail ?? []
  // Where `prepare` failed the check itself has said nothing, and its hash must not carry a verdict on.
  const hasRun = verdict.reasons.every((known) => known.code !== 'prepare-failed')
  if (hasRun) learned.checks.push({ ...record, logTail })
  const why = reason('check-red', `check ${step.check} of ${step.service} is red`, { commit: study.commit.id })
  return { reasons: [why, ...verdict.reasons], logTail }
}

async function runBuild(
  engine: Engine,
  study: Study,
  step: BuildStep,
  learned: Learned,
  context: WorkContext,
): Promise<Red | null> {
  const { world, ledger } = engine
  const startedMs = world.clock.monotonicMs()
  const request = buildRequest(study, step, learned.artifacts)
  const result = await world.builder.build(request, context)
  if (result.kind === 'failed') {
    const why = reason('build-failed', `the build of ${step.service} failed`, { commit: study.commit.id })
    return { reasons: [why, ...result.verdict.reasons], logTail: result.verdict.logTail ?? [] }
  }
  const { artifact } = result
  try {
    if (step.restores !== null && artifact.digest !== step.restores) {
      throw erroredError(
        'ARTIFACT_LOST',
        `the bytes of ${step.service} (${short(step.restores)}) are lost, and building it again gave others (${short(artifact.digest)})`,
        {
          hint: `its build is not reproducible; set another \`rebuild\` on ${step.service} in trunkline.yaml to release new bytes`,
        },
      )
    }
    const store = world.artifacts.forService(step.service)
    await store.put(artifact, context.signal)
    const provenance = await store.attach(
      artifact.digest,
      provenanceStatement({
        artifact: artifact.digest,
        name: step.service,
        inputHash: step.hash,
        commit: study.commit.id,
        repository: world.state.location,
        builder: world.builder.identity,
        recipe: { run: request.run, artifact: request.recipe, env: request.env, tools: request.tools },
        inputs: request.files.map(({ path, oid }) => ({ path, oid })),
        startedAt: result.startedAt,
        endedAt: result.endedAt,
      }),
      context.signal,
    )
    await attachMaterials(engine, step.service, artifact.digest, request, context.signal)
    learned.artifacts[step.service] = artifact.digest
    if (step.restores === null) {
      learned.builds.set(step.service, {
        version: 1,
        inputHash: step.hash,
        service: step.service,
        artifact: artifact.digest,
        commit: study.commit.id,
        builder: world.builder.identity,
        at: ledger.at(),
        durationMs: Math.round(world.clock.monotonicMs() - startedMs),
        provenance,
      })
    }
    world.progress({ kind: 'built', service: step.service, artifact: artifact.digest, sizeBytes: artifact.sizeBytes })
    return null
  } finally {
    await world.builder.discard(artifact)
  }
}
