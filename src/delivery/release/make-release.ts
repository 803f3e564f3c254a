/**
 * From a commit to its release: every check green, every artifact there, all or nothing. What exists is reused; what is
 * new is built once, whoever else builds it at the same moment (invariants 1 and 2).
 */
import type { CheckRecord, Reason } from '../../model/index.ts'
import { erroredError, reason } from '../../model/index.ts'
import type { ReleasePlan, ReleaseStep } from '../../planning/index.ts'
import type { Engine } from '../engine.ts'
import { runGraph } from '../step-graph.ts'
import { placeArtifacts } from './place-artifacts.ts'
import { planReleaseOf } from './plan-release-of.ts'
import { keepWhatIsDone, recordFailure, recordRelease } from './record-release.ts'
import type { MadeRelease, ReleaseOptions } from './recorded-release.ts'
import { carryOutReleaseStep, type Learned } from './release-steps.ts'
import { retryHint } from './retry-hint.ts'
import type { Study } from './study.ts'

/** How often the bytes that builds were made from may turn out not to count. */
const maxTurns = 5

export async function makeRelease(
  engine: Engine,
  study: Study,
  plan: ReleasePlan,
  options: ReleaseOptions,
  turn = 1,
): Promise<MadeRelease> {
  const red = plan.red[0]
  if (red !== undefined) return await recordFailure(engine, study, redOnRecord(red), [], [], options)
  if (!options.mayBuild && plan.steps.length > 0) return { kind: 'missing', reasons: whatIsMissing(study, plan) }

  const learned: Learned = { builds: new Map(), checks: [], artifacts: { ...plan.artifacts }, red: null }
  const steps = options.checksOnly ? plan.steps.filter((step) => step.kind === 'check') : plan.steps
  engine.world.progress({ kind: 'release-planned', commit: study.commit.id, services: plan.services, steps })
  try {
    await runGraph<ReleaseStep>(steps, {
      concurrency: engine.world.builder.atOnce ?? engine.concurrency,
      signal: options.signal,
      run: (step, signal) => carryOutReleaseStep(engine, study, step, learned, signal),
    })
  } catch (error) {
    await keepWhatIsDone(engine, learned)
    throw error
  }
  if (learned.red !== null) {
    return await recordFailure(engine, study, learned.red, [...learned.builds.values()], learned.checks, options)
  }
  if (!options.checksOnly) await placeArtifacts(engine, study.project, learned.artifacts, options.signal)
  await engine.world.boundary('built')
  const made = await recordRelease(engine, study, learned, options)
  if (made.kind !== 'spoiled') return made
  if (turn >= maxTurns) throw erroredError('RECORDS_BUSY', 'the build records kept changing; run it again')
  const message = `${made.services.join(', ')}: built again, from the bytes that count`
  engine.world.progress({ kind: 'note', message })
  return await makeRelease(engine, study, await planReleaseOf(engine, study, options), options, turn + 1)
}

function redOnRecord(record: CheckRecord): { step: string; reasons: Reason[]; logTail: string[] } {
  return {
    step: `check:${record.service}/${record.check}`,
    reasons: [
      reason(
        'check-red',
        `check ${record.check} of ${record.service} was red for the same inputs at ${record.commit.slice(0, 7)}`,
        {
          commit: record.commit,
          hint: retryHint,
        },
      ),
    ],
    logTail: record.logTail ?? [],
  }
}

function whatIsMissing(study: Study, plan: ReleasePlan): Reason[] {
  const services = plan.services.filter((service) => service.action === 'build').map((service) => service.name)
  const what =
    services.length > 0
      ? `${services.join(', ')} ${services.length === 1 ? 'was' : 'were'} never built from its inputs`
      : 'some of its checks have not run'
  return [
    reason(
      'no-release',
      `commit ${study.commit.id.slice(0, 7)} has no release: ${what}, and a promotion builds nothing`,
      {
        commit: study.commit.id,
        hint: 'deliver it to the first environment of its way, then it moves on by itself',
      },
    ),
  ]
}
