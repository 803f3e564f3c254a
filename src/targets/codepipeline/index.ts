/**
 * AWS CodePipeline: Trunkline decides what goes where and when, a pipeline carries it. It is started with the revisions of
 * the release, watched to its end, and told of approvals. Nothing is remembered but by CodePipeline: an execution says in a
 * variable whose it is.
 */
import { knownFingerprints, openFingerprintKey } from '../../aws/fingerprint-key.ts'
import { type CodePipelineConfig, passed, reason, refusedError } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { findPipelineDrift } from './drift.ts'
import { ensureCarried } from './ensure.ts'
import { examinePipelines } from './examine.ts'
import { pipelineLogs } from './logs.ts'
import { observePipelines } from './observe.ts'
import { type Parts, pipelineOf, sayPipeline } from './parts.ts'
import { readPipeline } from './pipeline.ts'
import { objectionsOf } from './promises.ts'
import { assertFits } from './revisions.ts'

export type CodePipelineTargetOptions = AwsTargetOptions<CodePipelineConfig>

const defaultLookEveryMs = 3000
/** Pipelines are independent of each other, and CodePipeline does the work. */
const rolloutsAtOnce = 20

/** Contacts nothing yet. */
export function createCodePipelineTarget(options: CodePipelineTargetOptions): Target {
  const { config, project, environment, clock, lookEveryMs = defaultLookEveryMs } = options
  const aws = awsOf(options)
  const key = openFingerprintKey({ aws, project, environment })
  const parts: Parts = { config, project, environment, aws, clock, key, lookEveryMs }
  return {
    kind: 'codepipeline',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'lease-only' },
    rolloutsAtOnce,

    async observe(services, signal) {
      return { reachable: true, services: await observePipelines(parts, services, signal) }
    },

    async fingerprint(given, signal) {
      const isGiven = Object.values(given).some((variables) => Object.keys(variables).length > 0)
      return isGiven ? await knownFingerprints(key, withoutEmpty(given), signal) : {}
    },

    // What is brought is in the plan already; whether the pipeline can take it is asked here, where artifacts are known.
    async plan(requests, context) {
      for (const request of requests) {
        const pipeline = await readPipeline(parts, request.service, context.signal)
        if (pipeline !== null) await assertFits(parts, pipeline, request, context)
      }
      return { previews: {} }
    },

    async objectionsTo({ service, desired }, signal) {
      const pipeline = await readPipeline(parts, service, signal)
      // It may be made by a stack of the same delivery: it is looked at again then.
      return pipeline === null ? [] : objectionsOf(parts, pipeline, { service, env: desired.env })
    },

    ensure: (request, context) => ensureCarried(parts, request, context),

    async verify({ service, desired }, { signal }) {
      const { [service]: observed } = await observePipelines(parts, [service], signal)
      if (observed?.generation === desired.generation) return passed
      const why = observed?.detail === undefined ? '' : `: ${observed.detail}`
      const message = `${sayPipeline(pipelineOf(parts, service))} has not brought what was deployed last${why}`
      return { ok: false, reasons: [reason('not-what-was-ensured', message)] }
    },

    async remove(service, { signal }) {
      if ((await readPipeline(parts, service, signal)) === null) return passed
      throw refusedError(
        'PIPELINE_KEPT',
        `${service} stays where its pipeline has brought it: a pipeline takes nothing away`,
        {
          hint: `delete what it deployed, and ${sayPipeline(pipelineOf(parts, service))}, where they are described; then this goes through`,
        },
      )
    },

    async runJob({ name }) {
      throw refusedError('NO_PLACE_FOR_JOBS', `${name} has no place to run: a pipeline runs its own actions`, {
        hint: 'make it an action of the pipeline (CodeBuild), or give its service another target',
      })
    },
    jobOutcome: async () => ({ kind: 'never-started' }),
    logs: (query, signal) => pipelineLogs(parts, query, signal),
    findDrift: (services, signal) => findPipelineDrift(parts, services, signal),
    examine: (services, signal) => examinePipelines(parts, services, signal),
    close: () => aws.close(),
  }
}

/** Services that are given nothing have no fingerprint, and need no key. */
const withoutEmpty = <Given extends Readonly<Record<string, Record<string, string>>>>(given: Given) =>
  Object.fromEntries(Object.entries(given).filter(([, variables]) => Object.keys(variables).length > 0))
