/**
 * A service that is deployed in place, over the hosts of a fleet: host after host, half of them, or all at once. When
 * one host fails, those that have changed get back what they ran, by its own scripts.
 */
import {
  type Reason,
  reason,
  type ServiceName,
  type SurgeStrategy,
  TrunklineError,
  type Verdict,
} from '../../model/index.ts'
import type { JobOutcome, TargetContext } from '../../ports/index.ts'
import type { AgentClient } from './agent/client.ts'
import type { JobStatus, Scope, ServiceStatus } from './agent/protocol.ts'
import { type FleetHost, onEachHost, saidBy } from './fleet-host.ts'
import { batchesOf, type PreparedHost } from './fleet-rollout.ts'

export type InPlaceRollout = {
  hosts: readonly PreparedHost[]
  scope: Scope
  service: ServiceName
  strategy: SurgeStrategy
  context: TargetContext
}

type Place = Pick<InPlaceRollout, 'scope' | 'service' | 'context'>

const waitMs = 10_000
const stopTimeoutMs = 3000

export async function deployInPlace(rollout: InPlaceRollout): Promise<Verdict> {
  const { hosts, strategy, context } = rollout
  const before = await onEachHost(hosts, (host) => onAgentOf(host, rollout, (agent) => look(agent, rollout)))
  const statuses = new Map(hosts.map((host, index) => [host, before[index]]))
  const moved: PreparedHost[] = []
  let done = 0
  context.report({ ready: done, desired: hosts.length, old: hosts.length })
  for (const batch of batchesOf(hosts, strategy)) {
    moved.push(...batch)
    const verdicts = await onEachHost(batch, async (host) => {
      const status = statuses.get(host)
      if (status && runsAlone(status, host.template.generation)) return { ok: true } satisfies Verdict
      return change(host, rollout, host.template.generation)
    })
    const failed = batch.flatMap((host, index) => {
      const verdict = verdicts[index]
      return verdict && !verdict.ok ? [{ host, verdict }] : []
    })
    if (failed.length > 0) {
      const reasons = failed.flatMap(({ host, verdict }) => saidBy(host, verdict.reasons))
      const logTail = failed.flatMap(({ host, verdict }) =>
        (verdict.logTail ?? []).map((line) => `${host.prefix}${line}`),
      )
      const ways = await onEachHost(moved, (host) => goBack(host, rollout, statuses.get(host)))
      return { ok: false, reasons: [...reasons, ...ways.flat()], logTail }
    }
    done += batch.length
    context.report({ ready: done, desired: hosts.length, old: hosts.length - done })
  }
  return { ok: true }
}

/** Stops the service by its own scripts and takes its files away. Nothing in place: nothing happens. */
export function removeInPlace(host: FleetHost, place: Place): Promise<Verdict> {
  return change(host, place, null)
}

export const look = (agent: AgentClient, { scope, service, context }: Place): Promise<ServiceStatus> =>
  agent.call('service', { scope, service, after: null, waitMs: 0 }, context.signal)

const runsAlone = (status: ServiceStatus, generation: string): boolean =>
  status.inPlace !== null && !status.inPlace.isChanging && status.stable?.generation === generation

/** A generation that did not run in place before is nothing to go back to in place. */
async function goBack(
  host: PreparedHost,
  rollout: InPlaceRollout,
  before: ServiceStatus | undefined,
): Promise<Reason[]> {
  const { context } = rollout
  const generation = before?.inPlace ? (before.stable?.generation ?? null) : null
  context.log(
    `${host.prefix}${generation === null ? 'taking away what did not come up' : 'going back to what ran before'}`,
  )
  try {
    const verdict = await change(host, rollout, generation)
    if (!verdict.ok) {
      return saidBy(host, [reason('not-restored', 'what ran before could not be restored'), ...verdict.reasons])
    }
  } catch (error) {
    if (!(error instanceof TrunklineError) || error.kind === 'cancelled') throw error
    return saidBy(host, [reason('not-restored', `what ran before could not be restored: ${error.message}`)])
  }
  return saidBy(host, [
    generation === null
      ? reason('stopped', 'nothing ran before; nothing of this is left')
      : reason('restored', 'what ran before runs again'),
  ])
}

/** Runs one lifecycle to its end, or joins it, and writes down what then runs. */
function change(host: FleetHost, place: Place, wanted: string | null): Promise<Verdict> {
  const { scope, service, context } = place
  const { epoch, signal } = context
  return onAgentOf(host, place, async (agent) => {
    let outcome = await followLifecycle(agent, host, place, wanted)
    // It had been told to stop, for a controller that was cancelled: nobody has failed.
    if (outcome.kind === 'unknown') outcome = await followLifecycle(agent, host, place, wanted)
    if (outcome.kind === 'ended' && outcome.exitCode === 0) {
      await agent.call('settle', { scope, epoch, service, generation: wanted }, signal)
      return { ok: true }
    }
    const logTail = 'logTail' in outcome ? outcome.logTail : []
    const why = outcome.kind === 'ended' ? (logTail.at(-1) ?? 'it failed') : `its lifecycle ended as ${outcome.kind}`
    return { ok: false, reasons: [reason('lifecycle-failed', `${service}: ${why}`)], logTail }
  })
}

/** Cancelled, it tells the lifecycle to stop: how far it came is then unknown. */
async function followLifecycle(
  agent: AgentClient,
  host: FleetHost,
  { scope, service, context }: Place,
  generation: string | null,
): Promise<JobOutcome> {
  const { epoch, signal } = context
  const show = (lines: readonly string[]): void => {
    for (const line of lines) context.log(`${host.prefix}${line}`)
  }
  const { key, ...begun } = await agent.call('startLifecycle', { scope, epoch, service, generation }, signal)
  let status: JobStatus = begun
  show(status.lines)
  try {
    while (status.outcome.kind === 'running' || status.outcome.kind === 'never-started' || status.lines.length > 0) {
      status = await agent.call('job', { scope, key, offset: status.offset, waitMs }, signal)
      show(status.lines)
    }
    return status.outcome
  } catch (error) {
    if (signal.aborted) {
      const late = AbortSignal.timeout(stopTimeoutMs)
      await agent.call('stopJob', { scope, epoch, key }, late).catch(() => {})
    }
    throw error
  }
}

const onAgentOf = <T>(host: FleetHost, { context }: Place, work: (agent: AgentClient) => Promise<T>): Promise<T> =>
  host.link.withAgent(work, context.signal)
