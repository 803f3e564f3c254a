/**
 * Static sites: files in S3, shown by CloudFront. Only what changed is brought, documents last; what was brought stands
 * in an object that the public does not reach.
 */
import { passed, reason, refusedError, type SiteConfig } from '../../model/index.ts'
import type { Target } from '../../ports/index.ts'
import { type AwsTargetOptions, awsOf } from '../aws-target.ts'
import { findSiteDrift } from './drift.ts'
import { ensureSite, isAsItShouldBe, objectionsTo } from './ensure.ts'
import { examineSites } from './examine.ts'
import { readLive } from './objects.ts'
import { observeSites } from './observe.ts'
import { noVariables, type Parts, saySite, siteOf } from './parts.ts'
import { readRecord } from './record.ts'
import { removeSite } from './remove.ts'

export type SiteTargetOptions = AwsTargetOptions<SiteConfig>

const defaultLookEveryMs = 2000

/** Contacts nothing yet. */
export function createSiteTarget(options: SiteTargetOptions): Target {
  const { config, project, environment, clock, lookEveryMs = defaultLookEveryMs } = options
  const aws = awsOf(options)
  const parts: Parts = { config, project, environment, aws, clock, lookEveryMs }
  return {
    kind: 'site',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'conditional' },

    async observe(services, signal) {
      return { reachable: true, services: await observeSites(parts, services, signal) }
    },

    fingerprint: async (given) => Object.fromEntries(Object.keys(given).map((service) => [service, noVariables])),

    // What a site is made of is in the plan already.
    plan: async () => ({ previews: {} }),

    objectionsTo: async (request) => objectionsTo(request),
    ensure: (request, context) => ensureSite(parts, request, context),

    async verify(request, { signal }) {
      const site = siteOf(parts, request.service)
      const [{ record }, live] = await Promise.all([readRecord(parts, site, signal), readLive(parts, site, signal)])
      if (isAsItShouldBe(record, live, request)) return passed
      return { ok: false, reasons: [reason('not-what-was-ensured', `${saySite(site)} is not what was brought there`)] }
    },

    remove: (service, context) => removeSite(parts, service, context),

    async runJob({ name }) {
      throw refusedError('NO_PLACE_FOR_JOBS', `${name} has no place to run: a static site is files`, {
        hint: 'give it a service that runs somewhere',
      })
    },
    jobOutcome: async () => ({ kind: 'never-started' }),

    // biome-ignore lint/correctness/useYield: it has nothing to say, and says so.
    async *logs({ service }) {
      throw refusedError('NO_LOGS', `${service} is files, which write no logs`, {
        hint: 'CloudFront writes down who asked for what where its distribution says so',
      })
    },

    findDrift: (services, signal) => findSiteDrift(parts, services, signal),
    examine: (services, signal) => examineSites(parts, services, signal),
    close: () => aws.close(),
  }
}
