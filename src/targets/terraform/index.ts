/**
 * Terraform and OpenTofu: infrastructure as a stage. A plan is the preview that an approval binds to, and is applied if
 * it still is what would be done. What must be remembered is an output of the state: `state.ts`.
 */
import { join } from 'node:path'
import type { Home } from '../../home/index.ts'
import {
  type AwsAccess,
  type EnvironmentName,
  type Fingerprint,
  passed,
  reason,
  refusedError,
  type ServiceName,
  type TerraformConfig,
} from '../../model/index.ts'
import type { Clock, ObservedService, Target } from '../../ports/index.ts'
import { applyModule, previewFor } from './apply.ts'
import { driftOf } from './drift.ts'
import { openIdentity } from './identity.ts'
import { createProgram } from './program.ts'
import { fingerprintOf, type KnownState, newKey, readState } from './state.ts'
import type { Place } from './workspace.ts'

export type TerraformTargetOptions = {
  config: TerraformConfig
  project: string
  environment: EnvironmentName
  home: Home
  root: string
  variables: NodeJS.ProcessEnv
  clock: Clock
  /** Of the environment, where it says: what is applied there is applied as its role. */
  aws: AwsAccess | null
}

/** Of a service that has variables, as long as its state has no key to compare them with. */
const notYetKnown = 'unknown-yet' as Fingerprint // The brand is given where the key lies.

/** Starts nothing yet. */
export function createTerraformTarget(options: TerraformTargetOptions): Target {
  const { config, project, environment, home, root, variables, clock, aws } = options
  const providerCache = join(home.root, 'terraform-providers')
  const identity = openIdentity({ access: aws, variables, clock, user: `${project}/${environment}` })
  const program = createProgram({ name: config.program, variables, providerCache, identity })
  const place: Place = { config, program, names: { project, environment }, root, providerCache }
  /** What was last read: planning asks three times for the same. */
  const states = new Map<ServiceName, KnownState>()

  const look = async (service: ServiceName, signal: AbortSignal): Promise<KnownState> => {
    const state = await readState(place, service, signal)
    states.set(service, state)
    return state
  }
  const known = async (service: ServiceName, signal: AbortSignal) =>
    states.get(service) ?? (await look(service, signal))
  const fingerprint = (state: KnownState, service: ServiceName, values: Readonly<Record<string, string>>) =>
    fingerprintOf(state.record?.key ?? null, service, values) ?? notYetKnown

  return {
    kind: 'terraform',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'conditional' },

    async observe(services, signal) {
      const observed: Record<ServiceName, ObservedService> = {}
      for (const service of services) observed[service] = asObserved(await look(service, signal))
      return { reachable: true, services: observed }
    },

    async fingerprint(given, signal) {
      const fingerprints: Record<ServiceName, Fingerprint> = {}
      for (const [service, values] of Object.entries(given)) {
        fingerprints[service] = fingerprint(await known(service, signal), service, values)
      }
      return fingerprints
    },

    async plan(requests, context) {
      const previews: Awaited<ReturnType<Target['plan']>>['previews'] = {}
      for (const request of requests) {
        const { service, desired } = request
        const { record } = await known(service, context.signal)
        if (record?.generation === desired.generation && record.fingerprint === desired.fingerprint) continue
        const preview = await previewFor(place, request, context)
        if (preview !== null) previews[service] = preview
      }
      return { previews }
    },

    async ensure(request, context) {
      const { service, desired } = request
      const state = await look(service, context.signal)
      const key = state.record?.key ?? newKey()
      const own = fingerprintOf(key, service, request.variables) ?? notYetKnown
      const { record } = state
      if (record?.generation === desired.generation && record.fingerprint === own) return passed
      states.delete(service)
      await identity.assertAccount(context.signal)
      const { generation, artifact } = desired
      return await applyModule(place, request, { version: 1, generation, artifact, fingerprint: own, key }, context)
    },

    async verify({ service, desired }, { signal }) {
      const { record } = await look(service, signal)
      if (record?.generation === desired.generation) return passed
      return { ok: false, reasons: [reason('not-what-was-ensured', `the state of ${service} is not what was applied`)] }
    },

    async findDriftOf(requests, context) {
      const found = []
      for (const request of requests) found.push(...(await driftOf(place, request, context)))
      return found
    },

    /** What it made stays: who destroys databases has names for it, and says so by hand. */
    async remove(service, { log }) {
      log(`${service} is part of no release any more, and what it made is left as it is: ${config.program} destroy`)
      return passed
    },

    runJob: async ({ name }) => {
      throw refusedError('NO_PLACE_FOR_JOBS', `${name} has no place to run: infrastructure runs no commands`, {
        hint: 'give its service a target that runs something: a fleet, a cluster, functions',
      })
    },
    jobOutcome: async () => ({ kind: 'never-started' }),
    async *logs() {},
    close: () => identity.close(),
  }
}

const asObserved = ({ record, outputs }: KnownState): ObservedService => ({
  generation: record?.generation ?? null,
  artifact: record?.artifact ?? null,
  fingerprint: record?.fingerprint ?? null,
  instances: record === null ? { ready: 0, desired: 0 } : { ready: 1, desired: 1 },
  url: null,
  outputs,
})
