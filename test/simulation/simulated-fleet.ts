/**
 * A controller's way to a simulated fleet: the real rollouts over hosts, in stages too, talk to simulated agents. What
 * an agent answers and remembers is what the real one does; the instances behind it are the simulated host's.
 */
import {
  cancelledError,
  type Digest,
  type EnvironmentPolicy,
  erroredError,
  reason,
  type ServiceName,
} from '../../src/model/index.ts'
import type { ObservedService, RolloutRequest, Target, TargetContext } from '../../src/ports/index.ts'
import type { AgentClient } from '../../src/targets/fleet/agent/client.ts'
import type {
  Address,
  OperationInput,
  OperationName,
  OperationOutput,
  Scope,
  ServiceStatus,
} from '../../src/targets/fleet/agent/protocol.ts'
import { workThroughLosses } from '../../src/targets/fleet/agent-link.ts'
import { type FleetHost, joinVerdicts, onEachHost, onHost } from '../../src/targets/fleet/fleet-host.ts'
import { rollOutOverHosts } from '../../src/targets/fleet/fleet-rollout.ts'
import { referencedServices, templateOf } from '../../src/targets/fleet/instance-template.ts'
import { isRunning, judge, observedOverHosts, observedService } from '../../src/targets/fleet/observation.ts'
import { rollOutNothing } from '../../src/targets/fleet/rollout-driver.ts'
import type { Sabotage } from './sabotage.ts'
import type { SimulatedHost, Writer } from './simulated-host.ts'
import type { SimulatedProcess } from './simulated-process.ts'

const latencyMs = [1, 25] as const
/** As the fleet's own. */
const verifyPatienceMs = 5000
const verifyEveryMs = 1000

const address: Address = { host: '127.0.0.1', port: 20_000 }

type SimulatedFleetHost = FleetHost & { host: SimulatedHost }

/** `base` does what does not hang on the number of hosts: jobs, fingerprints. */
export function createFleet(
  policy: EnvironmentPolicy,
  machines: readonly SimulatedHost[],
  { process, base, sabotage }: { process: SimulatedProcess; base: Target; sabotage: Sabotage | null },
): Target {
  const [config] = Object.values(policy.targets)
  const replicas = config?.kind === 'fleet' ? config.fleet.replicas : 1
  const scope: Scope = { project: 'shop', environment: policy.name }
  const hosts = machines.map((host): SimulatedFleetHost => {
    const agent = agentOf(host, process, sabotage, (service) => host.wanted(service))
    const connection = host.connectionOf(process.id)
    const connect = async (signal: AbortSignal): Promise<AgentClient> => {
      if (!connection.isOpen) await reach(host, process, signal)
      connection.isOpen = true
      return agent
    }
    const withAgent: FleetHost['link']['withAgent'] = (work, signal) =>
      workThroughLosses(() => connect(signal), work, signal)
    return {
      name: host.name,
      prefix: machines.length > 1 ? `${host.name}: ` : '',
      link: { withAgent, askAgent: withAgent },
      publicName: async () => host.name,
      host,
    }
  })
  const prepare = (host: SimulatedFleetHost, request: RolloutRequest, context: TargetContext) =>
    host.link.withAgent(async (agent) => {
      const { service, desired } = request
      const addresses = Object.fromEntries(referencedServices(desired).map((name) => [name, address]))
      const template = templateOf(request, addresses, replicas)
      await agent.call('prepareGeneration', { scope, epoch: context.epoch, service, template }, context.signal)
      return { ...host, template }
    }, context.signal)

  const observe = (host: SimulatedFleetHost, services: readonly ServiceName[], signal: AbortSignal) =>
    host.link.withAgent(async (agent) => {
      const answer = await agent.call('observe', { scope }, signal)
      const known = new Map(answer.services.map((status) => [status.service, status]))
      return new Map(services.map((name) => [name, known.get(name)] as const))
    }, signal)

  const verify = ({ link }: FleetHost, { service, desired }: RolloutRequest, signal: AbortSignal) =>
    link.withAgent(async (agent) => {
      const deadlineMs = process.clock.monotonicMs() + verifyPatienceMs
      for (;;) {
        const status = await agent.call('service', { scope, service, after: null, waitMs: 0 }, signal)
        const verdict = judge(service, status, desired, replicas)
        if (verdict.ok || !isRunning(status, desired) || process.clock.monotonicMs() >= deadlineMs) return verdict
        await process.clock.sleep(verifyEveryMs, signal)
      }
    }, signal)

  return {
    ...base,
    capabilities: { ...base.capabilities, canary: true, trafficSplit: true },
    async observe(services, signal) {
      try {
        const seen = await onEachHost(hosts, async (host) => ({
          name: host.name,
          statuses: await onHost(host, (asked) => observe(asked, services, signal)),
        }))
        const observed: Record<ServiceName, ObservedService> = {}
        for (const service of services) {
          const each = seen.map(({ name, statuses }) => {
            const status = statuses.get(service) ?? emptyStatus(service)
            return { name, observed: observedService(status, replicas) }
          })
          observed[service] = observedOverHosts(each)
        }
        return { reachable: true, services: observed }
      } catch (error) {
        if (signal.aborted) throw error
        return { reachable: false, reasons: [reason('target-unreachable', `${policy.name} does not answer`)] }
      }
    },
    async ensure(request, context) {
      await context.artifacts.manifest(request.desired.artifact, context.signal)
      const { service, strategy } = request
      const prepared = await onEachHost(hosts, (host) => prepare(host, request, context))
      return rollOutOverHosts({ hosts: prepared, scope, service, strategy, clock: process.clock, context })
    },
    async remove(service, context) {
      const verdicts = await onEachHost(hosts, ({ link, host }) =>
        link.withAgent(async () => {
          // Nothing of it is needed any more.
          const agent = agentOf(host, process, sabotage, () => 0)
          const { clock } = process
          const ended = await rollOutNothing({ agent, clock, scope, service, strategy: 'all-at-once', context })
          if (ended.ok) {
            const { signal, epoch } = context
            await agent.call('removeService', { scope, epoch, service }, signal)
          }
          return ended
        }, context.signal),
      )
      return joinVerdicts(hosts, verdicts)
    },
    verify: async (request, { signal }) =>
      joinVerdicts(hosts, await onEachHost(hosts, (host) => verify(host, request, signal))),
  }
}

const isLost = (host: SimulatedHost) => erroredError('AGENT_UNREACHABLE', `the agent on ${host.name} does not answer`)

/** The way to a host; one that is away is no lost agent. */
const reach = (host: SimulatedHost, process: SimulatedProcess, signal: AbortSignal): Promise<void> =>
  process.call({
    latencyMs,
    signal,
    connection: host.connectionOf(process.id),
    lost: () => isLost(host),
    effect: () => {
      if (host.isAway) throw erroredError('HOST_UNREACHABLE', `${host.name} does not answer`)
    },
  })

type Handlers = {
  [Name in OperationName]?: (input: OperationInput<Name>, signal: AbortSignal) => Promise<OperationOutput[Name]>
}

/** The agent of a host, as one process talks to it. */
function agentOf(
  host: SimulatedHost,
  process: SimulatedProcess,
  sabotage: Sabotage | null,
  wantedOf: (service: ServiceName) => number,
): AgentClient {
  const connection = host.connectionOf(process.id)
  const ask = async <Result>(signal: AbortSignal, effect: () => Result): Promise<Result> => {
    try {
      return await process.call({
        latencyMs,
        signal,
        connection,
        lost: () => isLost(host),
        effect: () => {
          if (host.isAway) throw isLost(host)
          return effect()
        },
      })
    } catch (error) {
      connection.isOpen = false
      // Whatever ended it, as the real way to an agent says it.
      throw signal.aborted ? cancelledError() : error
    }
  }
  const writer = (epoch: number): Writer => ({ process: process.id, epoch })
  const look = (service: ServiceName): ServiceStatus => statusOf(host, service, sabotage)
  const handlers: Handlers = {
    async service({ service, after, waitMs }, signal) {
      const status = await ask(signal, () => look(service))
      if (status.revision !== after) return status
      await process.clock.sleep(Math.min(waitMs, Math.max(20, host.status(service).nextChangeInMs)), signal)
      return ask(signal, () => look(service))
    },
    act: ({ service, epoch, actions }, signal) =>
      ask(signal, () => {
        const { revision } = host.status(service)
        host.act(writer(epoch), { service, actions, wanted: wantedOf(service), revision })
        return look(service)
      }),
    settle: ({ service, epoch, generation }, signal) =>
      ask(signal, () => {
        host.settle(writer(epoch), service, generation)
        return look(service)
      }),
    prepareGeneration: ({ service, epoch, template }, signal) =>
      ask(signal, () => {
        host.prepareGeneration(writer(epoch), service, { ...template, variables: template.env })
        return look(service)
      }),
    removeService: ({ service, epoch }, signal) =>
      ask(signal, () => {
        host.removeService(writer(epoch), service)
        return {}
      }),
    observe: (_input, signal) => ask(signal, () => ({ services: host.services().map(look) })),
    logs: (_input, signal) => ask(signal, () => ({ lines: [], cursor: {} })),
  }
  return {
    call(name, input, signal) {
      const handler = handlers[name]
      if (handler === undefined) throw new Error(`nothing asks a simulated agent for ${name}`)
      return handler(input, signal)
    },
    putBlob: async () => {},
  }
}

const emptyStatus = (service: ServiceName): ServiceStatus => ({
  service,
  revision: 0,
  nowMs: 0,
  stable: null,
  address: null,
  split: null,
  preview: null,
  instances: [],
  inPlace: null,
})

function statusOf(host: SimulatedHost, service: ServiceName, sabotage: Sabotage | null): ServiceStatus {
  const { revision, nowMs, stable, split: divided, instances, artifacts } = host.status(service)
  const split =
    divided !== null && sabotage?.saysVerified ? { ...divided, verifiedAtMs: divided.verifiedAtMs ?? nowMs } : divided
  return {
    ...emptyStatus(service),
    revision,
    nowMs,
    stable,
    split,
    address: instances.length > 0 ? address : null,
    preview: split !== null && split.weight < 100 ? address : null,
    instances: instances.map((instance, index) => ({
      ...instance,
      ...(sabotage?.saysHealthy && instance.phase === 'starting'
        ? { phase: 'healthy' as const, notHealthySinceMs: null }
        : {}),
      artifact: artifacts[index] ?? ('' as Digest), // One for each instance.
      pid: null,
      port: null,
      rssBytes: null,
      cpuPercent: null,
      lastEnd: null,
    })),
  }
}
