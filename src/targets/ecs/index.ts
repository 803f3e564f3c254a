/**
 * Services of AWS ECS: revisions of task definitions, which say by their tags what they are, and deployments that ECS
 * carries out. Nothing else is remembered.
 */

import { knownFingerprints, openFingerprintKey } from '../../aws/fingerprint-key.ts'
import { type EcsConfig, passed, reason, refusedError } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { ensureService, objectionsTo } from './ensure.ts'
import { serviceLogs } from './logs.ts'
import { examineServices, findServiceDrift, observeServices } from './observe.ts'
import { type Parts, saySelf } from './parts.ts'
import { jobOutcome, runServiceJob } from './run-job.ts'
import { readService } from './service.ts'

export type EcsTargetOptions = AwsTargetOptions<EcsConfig>

const defaultLookEveryMs = 3000
/** Services are independent of each other, and ECS does the work. */
const rolloutsAtOnce = 20

/** Contacts nothing yet. */
export function createEcsTarget(options: EcsTargetOptions): Target {
  const { config, project, environment, clock, lookEveryMs = defaultLookEveryMs } = options
  const aws = awsOf(options)
  const key = openFingerprintKey({ aws, project, environment })
  const parts: Parts = { config, project, environment, aws, clock, key, lookEveryMs }
  return {
    kind: 'ecs',
    environment,
    capabilities: { drift: true, canary: true, trafficSplit: true, fencing: 'lease-only' },
    rolloutsAtOnce,

    async observe(services, signal) {
      return { reachable: true, services: await observeServices(parts, services, signal) }
    },

    fingerprint: (given, signal) => knownFingerprints(key, given, signal),

    // What a task is made of is in the plan already.
    plan: async () => ({ previews: {} }),

    objectionsTo: (request, signal) => objectionsTo(parts, request, signal),
    ensure: (request, context) => ensureService(parts, request, context),

    async verify({ service, desired }, { signal }) {
      const { [service]: observed } = await observeServices(parts, [service], signal)
      if (observed?.generation === desired.generation) return passed
      const why = observed?.detail === undefined ? '' : `: ${observed.detail}`
      const message = `${saySelf(parts, service)} does not run what was deployed${why}`
      return { ok: false, reasons: [reason('not-what-was-ensured', message)] }
    },

    async remove(service, { signal }) {
      if ((await readService(parts, service, signal)) === null) return passed
      throw refusedError('SERVICE_KEPT', `${saySelf(parts, service)} stays: Trunkline has not made it`, {
        hint: 'delete it where it is described; then this goes through',
      })
    },

    runJob: (job, context) => runServiceJob(parts, job, context),
    jobOutcome: (jobKey, signal) => jobOutcome(parts, { key: jobKey }, signal),
    logs: (query, signal) => serviceLogs(parts, query, signal),
    findDrift: (services, signal) => findServiceDrift(parts, services, signal),
    examine: (services, signal) => examineServices(parts, services, signal),
    close: () => aws.close(),
  }
}
