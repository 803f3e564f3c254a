import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../../src/clock/index.ts'
import { homeAt } from '../../../src/home/index.ts'
import type { RolloutStrategy, ServiceName } from '../../../src/model/index.ts'
import type { Target } from '../../../src/ports/index.ts'
import { createAgentClient, localConnection } from '../../../src/targets/fleet/agent/client.ts'
import { findMarked } from '../../../src/targets/fleet/agent/detached-process.ts'
import { fleetPathsAt } from '../../../src/targets/fleet/agent/fleet-paths.ts'
import { createFleetTarget, type FleetTargetOptions, shutDownFleet } from '../../../src/targets/fleet/index.ts'
import { createRouterClient, routerSocketPath } from '../../../src/targets/fleet/router/index.ts'
import { MemoryStore } from '../memory-store.ts'
import type { TargetUnderTest } from '../target.contract.ts'

export type FleetUnderTest = TargetUnderTest & {
  home: ReturnType<typeof homeAt>
  paths: ReturnType<typeof fleetPathsAt>
  /** Another controller of the same fleet. */
  anotherTarget(change?: Partial<FleetTargetOptions>): Target
  agentPid(): Promise<number>
  routerPid(): Promise<number>
  url(service: ServiceName): Promise<string>
}

const neverAborted = new AbortController().signal

/** A fleet in a folder of its own, with real agent, router and instances. `close` ends them all. */
export async function openFleet(replicas = 2): Promise<FleetUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'trunkline-fleet-'))
  const home = homeAt({ TRUNKLINE_HOME: folder })
  const paths = fleetPathsAt(home.fleet)
  const artifacts = new MemoryStore()
  const options: FleetTargetOptions = {
    config: { hosts: ['local'], replicas, ports: {}, listen: '127.0.0.1' },
    project: 'shop',
    environment: 'stage',
    home,
    clock: systemClock,
  }
  const target = createFleetTarget(options)
  const client = createAgentClient(localConnection(paths.socket))
  return {
    target,
    artifacts,
    replicas,
    home,
    paths,
    bundle: (files) => artifacts.addBundle(files),
    context(epoch = 1) {
      const lines: string[] = []
      return { signal: neverAborted, epoch, artifacts, report: () => {}, log: (line) => lines.push(line), lines }
    },
    anotherTarget: (change = {}) => createFleetTarget({ ...options, ...change }),
    agentPid: async () => (await client.call('describe', {}, neverAborted)).pid,
    async routerPid() {
      const router = createRouterClient(routerSocketPath(paths.router))
      const { pid } = await router.health()
      router.close()
      return pid
    },
    async url(service) {
      const observation = await target.observe([service], neverAborted)
      const url = observation.reachable ? observation.services[service]?.url : null
      if (!url) throw new Error(`${service} has no address`)
      return url
    },
    async close() {
      try {
        await shutDownFleet({ home, clock: systemClock }, 'stop', AbortSignal.timeout(60_000))
      } finally {
        for (const { pid } of findMarked(paths.fleetId)) process.kill(pid, 'SIGKILL')
        await rm(folder, { recursive: true, force: true })
      }
    },
  }
}

export const strategies: RolloutStrategy[] = ['one-at-a-time', 'half', 'all-at-once']
