/** What a test sees and does of a fleet from outside: its processes, its router's backends, and the end of all of them. */
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { homeAt } from '../../src/home/index.ts'
import { processStartTime } from '../../src/process/index.ts'
import { createAgentClient, localConnection } from '../../src/targets/fleet/agent/client.ts'
import { findMarked } from '../../src/targets/fleet/agent/detached-process.ts'
import { fleetPathsAt } from '../../src/targets/fleet/agent/fleet-paths.ts'
import type { InstanceStatus } from '../../src/targets/fleet/agent/protocol.ts'
import { createRouterClient, routerSocketPath } from '../../src/targets/fleet/router/index.ts'

/** How far the rollout of one service has come, in instances; all 0 but `old` where none is under way. */
export type RolloutPicture = {
  /** Of another generation than the one that was settled last. */
  begun: number
  /** Of these, how many take requests. */
  serving: number
  /** Of the settled generation. */
  old: number
  /** Of these, how many only finish what they have. */
  draining: number
}

export type FleetInside = {
  agentPid(): Promise<number>
  routerPid(): Promise<number>
  /** Live instances of a service. */
  instances(environment: string, service: string): Promise<InstanceStatus[]>
  rollout(environment: string, service: string): Promise<RolloutPicture>
  /** Pids of a service's instances, sorted. */
  pids(environment: string, service: string): Promise<number[]>
  /** Pids of all processes that carry the fleet's mark, whoever knows of them (Linux; elsewhere none). */
  marked(): number[]
}

export function lookInside(home: string, project: string): FleetInside {
  const paths = fleetPathsAt(homeAt({ TRUNKLINE_HOME: home }).fleet)
  const agent = createAgentClient(localConnection(paths.socket))
  const signal = () => AbortSignal.timeout(20_000)
  const look = async (environment: string, service: string) => {
    const { services } = await agent.call('observe', { scope: { project, environment } }, signal())
    const found = services.find((known) => known.service === service)
    const live = (found?.instances ?? []).filter(({ phase }) => phase !== 'stopped')
    return { live, settled: found?.stable?.generation ?? null }
  }
  const instances: FleetInside['instances'] = async (...of) => (await look(...of)).live
  return {
    instances,
    async rollout(environment, service) {
      const { live, settled } = await look(environment, service)
      const begun = live.filter(({ generation }) => generation !== settled)
      const old = live.filter(({ generation }) => generation === settled)
      return {
        begun: begun.length,
        serving: begun.filter(({ phase, weight }) => phase === 'healthy' && weight > 0).length,
        old: old.length,
        draining: old.filter(({ phase }) => phase === 'draining').length,
      }
    },
    agentPid: async () => (await agent.call('describe', {}, signal())).pid,
    async routerPid() {
      const router = createRouterClient(routerSocketPath(paths.router))
      try {
        return (await router.health()).pid
      } finally {
        router.close()
      }
    },
    async pids(environment, service) {
      const found = (await instances(environment, service)).map(({ pid }) => pid ?? 0)
      return found.sort((left, right) => left - right)
    },
    marked: () => findMarked(paths.fleetId).map(({ pid }) => pid),
  }
}

export type CapacityWatch = AsyncDisposable & {
  /** Every look at which a service had fewer instances taking requests than it should. */
  readonly breaches: readonly string[]
  readonly looks: number
  /** Looks away while `work` runs: what it does takes capacity by force. */
  lookAwayFrom(key: string, work: () => Promise<void>): Promise<void>
}

const lookEveryMs = 50

/** Asks the router, all the time, how many healthy instances of each service take requests. */
export function watchCapacity(home: string, wanted: ReadonlyMap<string, number>): CapacityWatch {
  const { router } = fleetPathsAt(homeAt({ TRUNKLINE_HOME: home }).fleet)
  const client = createRouterClient(routerSocketPath(router))
  const breaches: string[] = []
  const excepted = new Set<string>()
  let looks = 0
  let isOver = false

  const look = async (): Promise<void> => {
    const services = await client.services()
    looks += 1
    for (const [key, replicas] of wanted) {
      const backends = services.find((service) => service.key === key)?.backends ?? []
      const serving = backends.filter(({ state, accepting }) => accepting && state === 'healthy').length
      if (serving < replicas && !excepted.has(key) && !excepted.has('*'))
        breaches.push(`${key}: ${serving} of ${replicas}`)
    }
  }
  const watching = (async () => {
    while (!isOver) {
      await look().catch((error: unknown) => {
        if (!excepted.has('*')) breaches.push(`the router does not answer: ${error}`)
      })
      await sleep(lookEveryMs)
    }
  })()

  return {
    breaches,
    get looks() {
      return looks
    },
    async lookAwayFrom(key, work) {
      excepted.add(key)
      try {
        await work()
      } finally {
        // The look under way began with it.
        await sleep(2 * lookEveryMs)
        excepted.delete(key)
      }
    },
    async [Symbol.asyncDispose]() {
      isOver = true
      await watching
      client.close()
    },
  }
}

/** Ends a process and waits until it is gone. */
export async function killed(pid: number, signal: NodeJS.Signals): Promise<void> {
  process.kill(pid, signal)
  const deadline = performance.now() + 20_000
  while (isThere(pid)) {
    assert.ok(performance.now() < deadline, `process ${pid} does not end on ${signal}`)
    await sleep(20)
  }
}

/** A process that has ended and was not collected yet is gone, too. */
export const isThere = (pid: number): boolean => processStartTime(pid) !== null
