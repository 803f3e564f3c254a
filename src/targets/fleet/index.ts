/** The fleet: services as processes on hosts of one's own, behind Trunkline's agent and router. */
import {
  type EnvironmentName,
  type FleetConfig,
  isStaged,
  type Reason,
  reason,
  type ServiceName,
  TrunklineError,
  type Verdict,
} from '../../model/index.ts'
import type { ObservedService, RolloutRequest, Target, TargetContext } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'
import type { Scope } from './agent/protocol.ts'
import { bringArtifact } from './artifact-transfer.ts'
import { type FleetHost, joinVerdicts, onEachHost, onHost } from './fleet-host.ts'
import { type PreparedHost, rollOutOverHosts } from './fleet-rollout.ts'
import { followLogs } from './follow-logs.ts'
import { deployInPlace, look, removeInPlace } from './in-place-rollout.ts'
import { referencedServices, templateOf } from './instance-template.ts'
import { outcomeOfJob, runJobOnce } from './job-runner.ts'
import { isRunning, judge, observedOverHosts, observedService, unknownService } from './observation.ts'
import { type HostSurroundings, openHosts } from './open-hosts.ts'
import { rollOutNothing } from './rollout-driver.ts'

export * from './administration.ts'

export type FleetTargetOptions = HostSurroundings & {
  config: FleetConfig
  project: string
  environment: EnvironmentName
}

/** An instance that was just restarted, or a router that was, gets this long before `verify` says so. */
const verifyPatienceMs = 5000
const verifyEveryMs = 250

/** The fleet under one environment. Contacts nothing yet. */
export function createFleetTarget(options: FleetTargetOptions): Target {
  const { config, project, environment, clock } = options
  const scope: Scope = { project, environment }
  const hosts = openHosts(config.hosts, options)

  const reserveAddresses = async (agent: AgentClient, request: RolloutRequest, context: TargetContext) => {
    const own = request.desired.run.port === null ? [] : [request.service]
    const services = [...new Set([...own, ...referencedServices(request.desired)])]
    const { addresses } = await agent.call(
      'reserveAddresses',
      {
        scope,
        epoch: context.epoch,
        listen: config.listen,
        router: config.router ?? { kind: 'built-in' },
        services: services.map((service) => ({ service, port: config.ports[service] ?? null })),
      },
      context.signal,
    )
    return addresses
  }

  /** Everything a host needs before the first of its instances starts. Nothing changes for those that serve. */
  const prepare = (host: FleetHost, request: RolloutRequest, context: TargetContext): Promise<PreparedHost> =>
    host.link.withAgent(async (agent) => {
      const { service, desired } = request
      const { epoch, signal } = context
      await bringArtifact(desired.artifact, context.artifacts, agent, signal)
      const addresses = await reserveAddresses(agent, request, context)
      const template = templateOf(request, addresses, config.replicas)
      await agent.call('prepareGeneration', { scope, epoch, service, template }, signal)
      return { ...host, template }
    }, context.signal)

  const observeHost = async (host: FleetHost, services: readonly ServiceName[], signal: AbortSignal) => {
    const answer = await host.link.askAgent((agent) => agent.call('observe', { scope }, signal), signal)
    const hostName = answer === null ? undefined : await host.publicName(signal)
    const known = new Map((answer?.services ?? []).map((status) => [status.service, status]))
    return new Map(
      services.map((service) => {
        const status = known.get(service)
        return [service, status ? observedService(status, config.replicas, hostName) : unknownService]
      }),
    )
  }

  const verifyHost = async ({ link }: FleetHost, { service, desired }: RolloutRequest, signal: AbortSignal) => {
    const deadlineMs = clock.monotonicMs() + verifyPatienceMs
    return link.withAgent(async (agent) => {
      for (;;) {
        const status = await agent.call('service', { scope, service, after: null, waitMs: 0 }, signal)
        const verdict = judge(service, status, desired, config.replicas)
        // Missing health may come back; another generation does not become this one.
        if (verdict.ok || !isRunning(status, desired) || clock.monotonicMs() >= deadlineMs) return verdict
        await clock.sleep(verifyEveryMs, signal)
      }
    }, signal)
  }

  const endInstances = (host: FleetHost, service: ServiceName, context: TargetContext): Promise<Verdict> =>
    host.link.withAgent((agent) => {
      const own = { ...context, log: (line: string) => context.log(`${host.prefix}${line}`) }
      return rollOutNothing({ agent, clock, scope, service, strategy: 'all-at-once', context: own })
    }, context.signal)

  /** A service that was deployed in place until now gives way before its instances start. */
  const leavePlace = async (host: FleetHost, service: ServiceName, context: TargetContext): Promise<Verdict> => {
    const place = { scope, service, context }
    const status = await host.link.withAgent((agent) => look(agent, place), context.signal)
    return status.inPlace === null ? { ok: true } : removeInPlace(host, place)
  }

  const removeFrom = async (host: FleetHost, service: ServiceName, context: TargetContext): Promise<Verdict> => {
    const verdict = await host.link.askAgent(async (agent) => {
      const left = await leavePlace(host, service, context)
      if (!left.ok) return left
      const ended = await endInstances(host, service, context)
      if (ended.ok) await agent.call('removeService', { scope, epoch: context.epoch, service }, context.signal)
      return ended
    }, context.signal)
    return verdict ?? { ok: true }
  }

  return {
    kind: 'fleet',
    environment,
    capabilities: { drift: true, canary: true, trafficSplit: true, fencing: 'strict' },

    async observe(services, signal) {
      const answers = await Promise.allSettled(
        hosts.map((host) => onHost(host, (asked) => observeHost(asked, services, signal))),
      )
      const reasons = answers.flatMap((answer, index) =>
        answer.status === 'rejected' ? [unreachable(answer.reason, hosts[index]?.name ?? '', signal)] : [],
      )
      if (reasons.length > 0) return { reachable: false, reasons }
      const seen = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
      const observed = services.map((service): [ServiceName, ObservedService] => {
        const each = hosts.map(({ name }, index) => ({ name, observed: seen[index]?.get(service) ?? unknownService }))
        return [service, observedOverHosts(each)]
      })
      return { reachable: true, services: Object.fromEntries(observed) }
    },

    // The key lies at the first host; the others are told the fingerprints with what they run.
    async fingerprint(variables, signal) {
      const [first] = hosts
      const { fingerprints } = await onHost(first, ({ link }) =>
        link.withAgent((agent) => agent.call('fingerprint', { scope, variables }, signal), signal),
      )
      return fingerprints
    },

    // An agent changes nothing that is not in the plan already.
    plan: async () => ({ previews: {} }),

    async ensure(request, context) {
      const { service, strategy } = request
      // All of them first: a host that is not there keeps any of them from moving.
      const prepared = await onEachHost(hosts, (host) => prepare(host, request, context))
      if (request.desired.run.kind === 'appspec') {
        const surge = isStaged(strategy) ? 'one-at-a-time' : strategy
        const verdict = await deployInPlace({ hosts: prepared, scope, service, strategy: surge, context })
        // What ran as instances of ours until now.
        if (verdict.ok) await onEachHost(hosts, (host) => endInstances(host, service, context))
        return verdict
      }
      await onEachHost(hosts, (host) => leavePlace(host, service, context))
      return rollOutOverHosts({ hosts: prepared, scope, service, strategy, clock, context })
    },

    async remove(service, context) {
      return joinVerdicts(hosts, await onEachHost(hosts, (host) => removeFrom(host, service, context)))
    },

    async verify(request, { signal }) {
      return joinVerdicts(hosts, await onEachHost(hosts, (host) => verifyHost(host, request, signal)))
    },

    runJob: (job, context) => runJobOnce(hosts, scope, job, context),
    jobOutcome: (key, signal) => outcomeOfJob(hosts, scope, key, signal),
    logs: (query, signal) => followLogs(hosts, scope, query, signal),
  }
}

/** A host that does not answer, by name; anything else is thrown. */
function unreachable(error: unknown, host: string, signal: AbortSignal): Reason {
  if (!(error instanceof TrunklineError)) throw error
  if (error.kind !== 'cancelled') return reason('target-unreachable', error.message)
  const isOutOfTime = signal.reason instanceof DOMException && signal.reason.name === 'TimeoutError'
  if (!isOutOfTime || host === 'local') throw error
  return reason('target-unreachable', `the host ${host} did not answer in time`)
}
