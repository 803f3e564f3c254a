/** The fleet: services as processes on hosts of one's own, behind Trunkline's agent and router. */
import { existsSync } from 'node:fs'
import type { Home } from '../../home/index.ts'
import { type EnvironmentName, type FleetConfig, reason, type ServiceName, TrunklineError } from '../../model/index.ts'
import type { Clock, ObservedService, RolloutRequest, Target, TargetContext } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'
import { fleetPathsAt } from './agent/fleet-paths.ts'
import type { Scope } from './agent/protocol.ts'
import { agentLinkFor } from './agent-link.ts'
import { bringArtifact } from './artifact-transfer.ts'
import { followLogs } from './follow-logs.ts'
import { referencedServices, templateOf } from './instance-template.ts'
import { runJobToItsEnd } from './job-runner.ts'
import { isRunning, judge, observedService, unknownService } from './observation.ts'
import { type RolloutDriver, rollOutNothing, rollOutOrReturn } from './rollout-driver.ts'

export * from './administration.ts'

export type FleetTargetOptions = {
  config: FleetConfig
  project: string
  environment: EnvironmentName
  home: Home
  clock: Clock
  /** Program and arguments that run the agent; default: this Node with the agent's source. */
  agentCommand?: readonly [string, ...string[]]
  /** Of this controller: an older agent is replaced. */
  version?: string
}

/** An instance that was just restarted, or a router that was, gets this long before `verify` says so. */
const verifyPatienceMs = 5000
const verifyEveryMs = 250

/** The fleet under one environment. Contacts nothing yet. Errored `NOT_AVAILABLE` for hosts other than `local`. */
export function createFleetTarget(options: FleetTargetOptions): Target {
  const { config, project, environment, home, clock } = options
  const scope: Scope = { project, environment }
  const paths = fleetPathsAt(home.fleet)
  const [link] = (config.hosts.length > 0 ? config.hosts : ['local']).map((host) =>
    agentLinkFor(host, {
      paths,
      clock,
      ...(options.agentCommand ? { command: options.agentCommand } : {}),
      ...(options.version ? { version: options.version } : {}),
    }),
  )
  if (link === undefined) throw new Error('a fleet has at least one host')
  /** Looking at a host that never ran anything starts nothing there. */
  const hasEverRun = () => existsSync(paths.services)

  const reserveAddresses = async (agent: AgentClient, request: RolloutRequest, context: TargetContext) => {
    const own = request.desired.run.port === null ? [] : [request.service]
    const services = [...new Set([...own, ...referencedServices(request.desired)])]
    const { addresses } = await agent.call(
      'reserveAddresses',
      {
        scope,
        epoch: context.epoch,
        listen: config.listen,
        services: services.map((service) => ({ service, port: config.ports[service] ?? null })),
      },
      context.signal,
    )
    return addresses
  }
  const driverFor = (agent: AgentClient, service: ServiceName, context: TargetContext): RolloutDriver => ({
    agent,
    clock,
    scope,
    service,
    strategy: 'all-at-once',
    context,
  })

  return {
    kind: 'fleet',
    environment,
    capabilities: { drift: true, canary: false, trafficSplit: false, fencing: 'strict' },

    async observe(services, signal) {
      try {
        const known = hasEverRun()
          ? await link.withAgent(async (agent) => (await agent.call('observe', { scope }, signal)).services, signal)
          : []
        const byName = new Map(known.map((status) => [status.service, status]))
        const observed: Record<ServiceName, ObservedService> = {}
        for (const service of services) {
          const status = byName.get(service)
          observed[service] = status ? observedService(status, config.replicas) : unknownService
        }
        return { reachable: true, services: observed }
      } catch (error) {
        if (!(error instanceof TrunklineError) || error.kind === 'cancelled') throw error
        return { reachable: false, reasons: [reason('target-unreachable', error.message)] }
      }
    },

    async fingerprint(variables, signal) {
      const { fingerprints } = await link.withAgent(
        (agent) => agent.call('fingerprint', { scope, variables }, signal),
        signal,
      )
      return fingerprints
    },

    // An agent changes nothing that is not in the plan already.
    plan: async () => ({ previews: {} }),

    ensure(request, context) {
      const { service, desired, strategy } = request
      return link.withAgent(async (agent) => {
        await bringArtifact(desired.artifact, context.artifacts, agent, context.signal)
        const addresses = await reserveAddresses(agent, request, context)
        const template = templateOf(request, addresses, config.replicas)
        const { epoch, signal } = context
        await agent.call('prepareGeneration', { scope, epoch, service, template }, signal)
        return rollOutOrReturn({ ...driverFor(agent, service, context), strategy }, template)
      }, context.signal)
    },

    async remove(service, context) {
      if (!hasEverRun()) return { ok: true }
      return link.withAgent(async (agent) => {
        const verdict = await rollOutNothing(driverFor(agent, service, context))
        if (verdict.ok) {
          await agent.call('removeService', { scope, epoch: context.epoch, service }, context.signal)
        }
        return verdict
      }, context.signal)
    },

    verify({ service, desired }, { signal }) {
      return link.withAgent(async (agent) => {
        const deadlineMs = clock.monotonicMs() + verifyPatienceMs
        for (;;) {
          const status = await agent.call('service', { scope, service, after: null, waitMs: 0 }, signal)
          const verdict = judge(service, status, desired, config.replicas)
          // Missing health may come back; another generation does not become this one.
          if (verdict.ok || !isRunning(status, desired) || clock.monotonicMs() >= deadlineMs) return verdict
          await clock.sleep(verifyEveryMs, signal)
        }
      }, signal)
    },

    runJob: (job, context) =>
      link.withAgent(async (agent) => {
        await bringArtifact(job.artifact, context.artifacts, agent, context.signal)
        return runJobToItsEnd(agent, scope, job, context)
      }, context.signal),

    async jobOutcome(key, signal) {
      if (!hasEverRun()) return { kind: 'never-started' }
      const { outcome } = await link.withAgent(
        (agent) => agent.call('job', { scope, key, offset: 0, waitMs: 0 }, signal),
        signal,
      )
      return outcome
    },

    async *logs(query, signal) {
      if (hasEverRun()) yield* followLogs(link, scope, query, signal)
    },
  }
}
