/**
 * AWS CloudFormation: infrastructure as a stage. A change set is the preview that an approval binds to, and is executed
 * if it still is what would be done. What must be remembered is in the account: `inventory.ts`.
 */

import { fingerprintWith, openFingerprintKey } from '../../aws/fingerprint-key.ts'
import { type CloudFormationConfig, type Fingerprint, passed, reason, refusedError } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { findStackDrift } from './drift.ts'
import { ensureStacks } from './ensure.ts'
import { stackLogs } from './logs.ts'
import { observeStacks } from './observe.ts'
import type { Parts } from './parts.ts'
import { planServices } from './plan-services.ts'
import { removeStacks } from './remove.ts'

export type CloudFormationTargetOptions = AwsTargetOptions<CloudFormationConfig>

const defaultLookEveryMs = 2000

/** Of a service without variables: nobody needs to be asked for a key. */
const noVariables = 'none' as Fingerprint // The brand is given where the key lies.

/** Contacts nothing yet. */
export function createCloudFormationTarget(options: CloudFormationTargetOptions): Target {
  const { config, project, environment, clock, lookEveryMs = defaultLookEveryMs } = options
  const aws = awsOf(options)
  const parts: Parts = { config, project, environment, access: options.aws, aws, clock, lookEveryMs }
  const fingerprintKey = openFingerprintKey({ aws, project, environment })
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
        ? await fingerprintKey.made(signal)
        : null
      return Object.fromEntries(
        services.map(([service, values]) => [
          service,
          key === null || Object.keys(values).length === 0
            ? noVariables
            : fingerprintWith(key, { service, variables: values }),
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
