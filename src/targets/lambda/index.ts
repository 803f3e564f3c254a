/**
 * AWS Lambda: zips in S3 by content, published versions, and an alias that leads to one of them, or for a while to two.
 * What must be remembered is beside the zips.
 */

import { knownFingerprints, openFingerprintKey } from '../../aws/fingerprint-key.ts'
import { isStaged, type LambdaConfig, reason } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { ensureFunction, type Opened } from './ensure.ts'
import { findFunctionDrift } from './find-drift.ts'
import { functionLogs } from './logs.ts'
import { observeFunctions } from './observe.ts'
import { placeOf } from './place.ts'
import { openRecordBook } from './record/record-book.ts'
import { jobOutcome, runFunctionJob } from './run-job.ts'
import { removeFunction, verifyFunction } from './verify.ts'
import { openZips } from './zips.ts'

export type LambdaTargetOptions = AwsTargetOptions<LambdaConfig>

/** With it comes the client of CloudFormation, which functions do without. */
const ofStacks = () => import('./serverless/ensure-stack.ts')

/** Contacts nothing yet. */
export function createLambdaTarget(options: LambdaTargetOptions): Target {
  const { config, project, environment, clock, variables } = options
  const aws = awsOf(options)
  const endpoint = options.aws.endpoint ?? (variables['AWS_ENDPOINT_URL'] || null)
  const place = placeOf({ aws, access: options.aws, endpoint, clock, config, project, environment })
  const opened: Opened = { place, book: openRecordBook(place), zips: openZips(place), key: openFingerprintKey(place) }
  const { book, key } = opened
  return {
    kind: 'lambda',
    environment,
    capabilities: { drift: true, canary: true, trafficSplit: true, fencing: 'conditional' },
    repairsDrift: config.drift === 'repair',

    observe: async (services, signal) => ({
      reachable: true,
      services: await observeFunctions(place, book, services, signal),
    }),

    fingerprint: (given, signal) => knownFingerprints(key, given, signal),

    // What functions are made of is in the plan already.
    plan: async () => ({ previews: {} }),

    objectionsTo: async ({ service, desired, strategy }) =>
      isStaged(strategy) && desired.run.kind === 'serverless'
        ? [reason('not-in-stages', `${service} is deployed by its serverless.yml as a whole`)]
        : [],

    async ensure(request, context) {
      const { run } = request.desired
      if (run.kind !== 'serverless') return await ensureFunction(opened, request, context)
      const { ensureStack } = await ofStacks()
      return await ensureStack(opened, request, run, context)
    },
    async verify(request, context) {
      if (request.desired.run.kind !== 'serverless') return await verifyFunction(opened, request, context)
      const { verifyStack } = await ofStacks()
      return await verifyStack(opened, request, context.signal)
    },
    remove: (service, context) => removeFunction(opened, service, context),
    runJob: (job, context) => runFunctionJob(opened, job, context),
    jobOutcome: (jobKey, signal) => jobOutcome(place, jobKey, signal),
    logs: (query, signal) => functionLogs(place, book, query, signal),
    findDrift: (services, signal) => findFunctionDrift(place, book, services, signal),
    close: () => aws.close(),
  }
}
