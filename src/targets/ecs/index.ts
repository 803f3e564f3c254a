/**
 * Services of AWS ECS: revisions of task definitions, which say by their tags what they are, and deployments that ECS
 * carries out. Nothing else is remembered.
 */
import { openAws } from '../../aws/index.ts'
import {
  type AwsAccess,
  type EcsConfig,
  type EnvironmentName,
  passed,
  reason,
  refusedError,
  usageError,
} from '../../model/index.ts'
import type { Clock, Target } from '../../ports/index.ts'
import { fingerprintWith, openFingerprintKey } from '../lambda/fingerprint-key.ts'
import { ensureService, objectionsTo } from './ensure.ts'
import { serviceLogs } from './logs.ts'
import { examineServices, findServiceDrift, observeServices } from './observe.ts'
import { type Parts, saySelf } from './parts.ts'
import { jobOutcome, runServiceJob } from './run-job.ts'
import { readService } from './service.ts'

export type EcsTargetOptions = {
  config: EcsConfig
  project: string
  environment: EnvironmentName
  clock: Clock
  variables: NodeJS.ProcessEnv
  aws: AwsAccess | null
  /** Pause between two looks at a deployment. */
  lookEveryMs?: number
}

const defaultLookEveryMs = 3000
/** Services are independent of each other, and ECS does the work. */
const rolloutsAtOnce = 20

/** Contacts nothing yet. */
export function createEcsTarget(options: EcsTargetOptions): Target {
  const { config, project, environment, clock, variables, aws: access, lookEveryMs = defaultLookEveryMs } = options
  if (access === null) {
    throw usageError('REGION_MISSING', `environment ${environment} does not say which region of AWS it is in`)
  }
  const aws = openAws(access, { variables, clock, user: `${project}/${environment}` })
  const parameterOfKey = `/trunkline/${project}/${environment}/fingerprint-key`
  const key = openFingerprintKey({ aws, project, environment, parameterOfKey })
  const parts: Parts = { config, project, environment, aws, clock, key, lookEveryMs }
  return {
    kind: 'ecs',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'lease-only' },
    rolloutsAtOnce,

    async observe(services, signal) {
      return { reachable: true, services: await observeServices(parts, services, signal) }
    },

    async fingerprint(given, signal) {
      const known = await key.known(signal)
      if (known === null) return {}
      return Object.fromEntries(
        Object.entries(given).map(([service, values]) => [service, fingerprintWith(known, values)]),
      )
    },

    // What a task is made of is in the plan already.
    plan: async () => ({ previews: {} }),

    objectionsTo: async (request) => objectionsTo(parts, request),
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
