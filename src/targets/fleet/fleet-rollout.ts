/**
 * One service's rollout over the hosts of a fleet: host after host, half of them, or all at once, as its strategy says;
 * on each host the same strategy over its instances. In stages all hosts go in step, and once the last stage has passed
 * the old instances leave all of them at once. When one host fails, those that have moved go back, and those that have
 * not are left alone.
 */
import {
  isStaged,
  type Reason,
  type RolloutStrategy,
  type ServiceName,
  type SurgeStrategy,
  TrunklineError,
  type Verdict,
} from '../../model/index.ts'
import type { Clock, TargetContext } from '../../ports/index.ts'
import { batchSize } from '../../rollout/index.ts'
import type { Scope, StableGeneration, Template } from './agent/protocol.ts'
import { type FleetHost, joinVerdicts, onEachHost, saidBy } from './fleet-host.ts'
import { goBack, moveTo, type RolloutDriver, settle, stableOf } from './rollout-driver.ts'
import { rollOutInStages } from './staged-rollout.ts'

/** A host whose agent knows the generation wanted: its addresses of other services make it the host's own. */
export type PreparedHost = FleetHost & { template: Template }

export type FleetRollout = {
  hosts: readonly PreparedHost[]
  scope: Scope
  service: ServiceName
  strategy: RolloutStrategy
  clock: Clock
  context: TargetContext
}

export type OnHost = <T>(host: PreparedHost, work: (driver: RolloutDriver) => Promise<T>) => Promise<T>

/** Rolls the service out on every host. On a failed verdict what served before serves again, wherever it had moved. */
export async function rollOutOverHosts(rollout: FleetRollout): Promise<Verdict> {
  const { hosts, context, strategy } = rollout
  const surge = isStaged(strategy) ? 'all-at-once' : strategy
  const contexts = contextsOf(hosts, context)
  const drive: OnHost = (host, work) =>
    host.link.withAgent(
      (agent) => work({ ...rollout, strategy: surge, agent, context: contexts.get(host) ?? context }),
      context.signal,
    )
  const stable = await onEachHost(hosts, (host) => drive(host, stableOf))
  const before = new Map(hosts.map((host, index) => [host, stable[index] ?? null]))

  // Those of a rollout in stages move again when the old instances leave: each goes back once all the same.
  const moved = new Set<PreparedHost>()
  try {
    if (isStaged(strategy)) {
      for (const host of hosts) moved.add(host)
      const verdict = await rollOutInStages({ ...rollout, strategy, before, drive })
      if (!verdict.ok)
        return { ...verdict, reasons: [...verdict.reasons, ...(await goBackOn([...moved], before, drive))] }
    }
    for (const batch of batchesOf(hosts, surge)) {
      for (const host of batch) moved.add(host)
      const verdicts = await onEachHost(batch, (host) => drive(host, (driver) => moveTo(driver, host.template)))
      const verdict = joinVerdicts(batch, verdicts)
      if (verdict.ok) continue
      return { ...verdict, reasons: [...verdict.reasons, ...(await goBackOn([...moved], before, drive))] }
    }
  } catch (error) {
    if (hosts.length > 1 && mayGoBack(error)) await goBackWherePossible([...moved], before, drive, context)
    throw error
  }
  await onEachHost(hosts, (host) => drive(host, (driver) => settle(driver, host.template.generation)))
  return { ok: true }
}

/** Hosts that move together. */
export function batchesOf(hosts: readonly PreparedHost[], strategy: SurgeStrategy): PreparedHost[][] {
  const size = batchSize(strategy, hosts.length)
  const count = Math.ceil(hosts.length / size)
  return Array.from({ length: count }, (_, index) => hosts.slice(index * size, (index + 1) * size))
}

export type Before = ReadonlyMap<PreparedHost, StableGeneration | null>

async function goBackOn(moved: readonly PreparedHost[], before: Before, drive: OnHost): Promise<Reason[]> {
  const ways = await onEachHost(moved, async (host) => {
    const reasons = await drive(host, (driver) => goBack(driver, before.get(host) ?? null, host.template))
    return saidBy(host, reasons)
  })
  return ways.flat()
}

/** One host is lost: the others are not left half-way. What cannot go back now, the next delivery finds and finishes. */
async function goBackWherePossible(
  moved: readonly PreparedHost[],
  before: Before,
  drive: OnHost,
  context: TargetContext,
): Promise<void> {
  await Promise.all(
    moved.map(async (host) => {
      try {
        for (const { message } of await goBackOn([host], before, drive)) context.log(message)
      } catch (error) {
        if (!(error instanceof TrunklineError)) throw error
        context.log(`${host.prefix}cannot go back now: ${error.message}`)
      }
    }),
  )
}

/** Whoever was cancelled, or has lost the lease, changes nothing any more. */
const mayGoBack = (error: unknown): boolean => error instanceof TrunklineError && error.kind === 'errored'

/** Each host's own lines have its name, and what is reported is the sum. */
function contextsOf(hosts: readonly PreparedHost[], context: TargetContext): Map<FleetHost, TargetContext> {
  const desired = hosts.reduce((sum, host) => sum + host.template.replicas, 0)
  const counts = new Map<FleetHost, { ready: number; old: number }>()
  const total = (key: 'ready' | 'old') => [...counts.values()].reduce((sum, each) => sum + each[key], 0)
  return new Map(
    hosts.map((host): [FleetHost, TargetContext] => [
      host,
      {
        ...context,
        log: (line) => context.log(`${host.prefix}${line}`),
        report: (update) => {
          counts.set(host, update)
          context.report(
            hosts.length === 1
              ? update
              : { ready: total('ready'), desired: Math.max(desired, update.desired), old: total('old') },
          )
        },
      },
    ]),
  )
}
