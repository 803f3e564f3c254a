/**
 * AWS CodeDeploy: fleets of virtual machines. A revision is the artifact itself, in S3; its `appspec.yml` says what the
 * agent on each instance does. Nothing is remembered but by CodeDeploy: its deployments say whose they are.
 */
import { type CodeDeployConfig, passed, reason, refusedError } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { readGroup } from './deployments.ts'
import { findGroupDrift } from './drift.ts'
import { ensureDeployed } from './ensure.ts'
import { examineGroups } from './examine.ts'
import { noVariables } from './fingerprint.ts'
import { groupLogs } from './logs.ts'
import { observeGroups } from './observe.ts'
import { groupOf, type Parts, sayGroup } from './parts.ts'
import { objectionsOf } from './promises.ts'

export type CodeDeployTargetOptions = AwsTargetOptions<CodeDeployConfig>

const defaultLookEveryMs = 2000
/** Groups are independent of each other, and CodeDeploy does the work. */
const rolloutsAtOnce = 20

const insteadOfStages =
  'CodeDeploy shares out requests of ECS and Lambda, not of machines: choose one-at-a-time or half, whose first instances are watched like a canary, or make the deployment group itself blue-green'

/** Contacts nothing yet. */
export function createCodeDeployTarget(options: CodeDeployTargetOptions): Target {
  const { config, project, environment, clock, lookEveryMs = defaultLookEveryMs } = options
  const aws = awsOf(options)
  const parts: Parts = { config, project, environment, aws, clock, lookEveryMs }
  return {
    kind: 'codedeploy',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'lease-only' },
    rolloutsAtOnce,
    insteadOfStages,

    async observe(services, signal) {
      return { reachable: true, services: await observeGroups(parts, services, signal) }
    },

    fingerprint: async (given) => Object.fromEntries(Object.keys(given).map((service) => [service, noVariables])),

    // What a revision is made of is in the plan already.
    plan: async () => ({ previews: {} }),

    async objectionsTo(request, signal) {
      const group = await readGroup(parts, request.service, signal)
      // It may be made by a stack of the same delivery: it is looked at again then.
      return group === null ? [] : await objectionsOf(parts, group, request, signal)
    },

    ensure: (request, context) => ensureDeployed(parts, request, context),

    async verify({ service, desired }, { signal }) {
      const { [service]: observed } = await observeGroups(parts, [service], signal)
      if (observed?.generation === desired.generation) return passed
      const why = observed?.detail === undefined ? '' : `: ${observed.detail}`
      const message = `${sayGroup(groupOf(parts, service))} does not run what was deployed${why}`
      return { ok: false, reasons: [reason('not-what-was-ensured', message)] }
    },

    async remove(service, { signal }) {
      if ((await readGroup(parts, service, signal)) === null) return passed
      throw refusedError(
        'INSTANCES_KEPT',
        `${service} stays on its instances: CodeDeploy cannot take a revision away`,
        {
          hint: `delete ${sayGroup(groupOf(parts, service))} with its instances, where they are described; then this goes through`,
        },
      )
    },

    async runJob({ name }) {
      throw refusedError(
        'NO_PLACE_FOR_JOBS',
        `${name} has no place to run: CodeDeploy runs the scripts of its appspec.yml`,
        {
          hint: 'make it a script of the lifecycle (`BeforeInstall`, `AfterInstall`), or give its service another target',
        },
      )
    },
    jobOutcome: async () => ({ kind: 'never-started' }),
    logs: (query, signal) => groupLogs(parts, query, signal),
    findDrift: (services, signal) => findGroupDrift(parts, services, signal),
    examine: (services, signal) => examineGroups(parts, services, signal),
    close: () => aws.close(),
  }
}
