/**
 * AWS CloudFormation: infrastructure as a stage. A change set is the preview that an approval binds to, and is executed
 * if it still is what would be done. What must be remembered is in the account: `inventory.ts`.
 */
import { openAws } from '../../aws/index.ts'
import {
  type AwsAccess,
  type CloudFormationConfig,
  type EnvironmentName,
  passed,
  reason,
  refusedError,
  usageError,
} from '../../model/index.ts'
import type { Clock, Target } from '../../ports/index.ts'
import { findStackDrift } from './drift.ts'
import { ensureStacks } from './ensure.ts'
import { fingerprintKey, fingerprintWith, noVariables } from './fingerprint-key.ts'
import { stackLogs } from './logs.ts'
import { observeStacks } from './observe.ts'
import type { Parts } from './parts.ts'
import { planServices } from './plan-services.ts'
import { removeStacks } from './remove.ts'

export type CloudFormationTargetOptions = {
  config: CloudFormationConfig
  project: string
  environment: EnvironmentName
  clock: Clock
  variables: NodeJS.ProcessEnv
  aws: AwsAccess | null
  /** Pause between two looks at a stack; it grows. */
  lookEveryMs?: number
}

const defaultLookEveryMs = 2000

/** Contacts nothing yet. */
export function createCloudFormationTarget(options: CloudFormationTargetOptions): Target {
  const { config, project, environment, clock, variables, aws: access, lookEveryMs = defaultLookEveryMs } = options
  if (access === null) {
    throw usageError('REGION_MISSING', `environment \`${environment}\` is in AWS (cloudformation) and has no region`, {
      hint: 'for example `aws: { region: eu-west-1, account: "111122223333" }`',
    })
  }
  const aws = openAws(access, { variables, clock, user: `${project}/${environment}` })
  const parts: Parts = { config, project, environment, access, aws, clock, lookEveryMs }
  return {
    kind: 'cloudformation',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'conditional' },

    async observe(services, signal) {
      return { reachable: true, services: await observeStacks(parts, services, signal) }
    },

    async fingerprint(given, signal) {
      const services = Object.entries(given)
      const key = services.some(([, values]) => Object.keys(values).length > 0)
        ? await fingerprintKey(parts, signal)
        : null
      return Object.fromEntries(
        services.map(([service, values]) => [
          service,
          key === null || Object.keys(values).length === 0 ? noVariables : fingerprintWith(key, service, values),
        ]),
      )
    },

    plan: (requests, context) => planServices(parts, requests, context),

    ensure: (request, context) => ensureStacks(parts, request, context),

    async verify({ service, desired }, { signal }) {
      const { [service]: observed } = await observeStacks(parts, [service], signal)
      if (observed?.generation === desired.generation && observed.fingerprint === desired.fingerprint) return passed
      const why = observed?.detail === undefined ? '' : `: ${observed.detail}`
      return {
        ok: false,
        reasons: [reason('not-what-was-ensured', `the stack of ${service} is not what was deployed${why}`)],
      }
    },

    remove: (service, context) => removeStacks(parts, service, context),

    runJob: async ({ name }) => {
      throw refusedError('NO_PLACE_FOR_JOBS', `${name} has no place to run: a stack runs no commands`, {
        hint: 'give its service a target that runs something: a fleet, a cluster, functions',
      })
    },
    jobOutcome: async () => ({ kind: 'never-started' }),
    logs: (query, signal) => stackLogs(parts, query, signal),
    findDrift: (services, signal) => findStackDrift(parts, services, signal),
    close: () => aws.close(),
  }
}
