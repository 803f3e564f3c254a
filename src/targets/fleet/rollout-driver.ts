/** Carries out a rollout: asks the state machine, tells the agent, looks again. Whoever comes after can go on with it. */
import { type Reason, reason, type ServiceName, type SurgeStrategy, type Verdict } from '../../model/index.ts'
import type { Clock, TargetContext } from '../../ports/index.ts'
import { batchSize, nextRolloutActions, type RolloutAction, type RolloutSpec } from '../../rollout/index.ts'
import type { AgentClient } from './agent/client.ts'
import type { Scope, ServiceStatus, StableGeneration, Template } from './agent/protocol.ts'

export type RolloutDriver = {
  agent: AgentClient
  clock: Clock
  scope: Scope
  service: ServiceName
  strategy: SurgeStrategy
  context: TargetContext
}

/** The limits of time are the machine's, so it is asked at least this often. */
export const lookEveryMs = 500
/** With restarts after 0.25, 0.5 and 1 s this is about two seconds of a program that ends at once. */
export const maxExits = 4
/** For everything that is not waiting for health or for requests to end. */
export const slackMs = 60_000
const tailLines = 30
/** Requests of what serves though its rollout never came to its end get this long: the usual time. */
const unsettledDrainMs = 30_000

type End = 'done' | { failed: Reason[] }

/** What the service goes back to on this host; null: nothing has served there yet. */
export async function stableOf(driver: RolloutDriver): Promise<StableGeneration | null> {
  return (await driver.agent.call('service', lookAtOnce(driver), driver.context.signal)).stable
}

/**
 * Rolls the service to a generation the agent knows. If that fails, both generations may be there: `goBack`. The verdict
 * has the end of the failing instances' output.
 */
export async function moveTo(driver: RolloutDriver, wanted: Template): Promise<Verdict> {
  const end = await drive(driver, specFor(driver, wanted))
  if (end === 'done') return { ok: true }
  const logTail = await outputOfFailing(driver, wanted.generation)
  return { ok: false, reasons: end.failed, ...(logTail.length > 0 ? { logTail } : {}) }
}

/** From now on this is what the service goes back to on this host. */
export async function settle(
  { agent, scope, service, context }: RolloutDriver,
  generation: string | null,
): Promise<void> {
  await agent.call('settle', { scope, service, epoch: context.epoch, generation }, context.signal)
}

/** Drains and stops all instances of the service. */
export async function rollOutNothing(driver: RolloutDriver): Promise<Verdict> {
  const stable = await stableOf(driver)
  const end = await drive(driver, specFor(driver, null, stable?.drainTimeoutMs ?? unsettledDrainMs))
  return end === 'done' ? { ok: true } : { ok: false, reasons: end.failed }
}

/** After a failure: what served before serves again in full. Answers what is to be added to the verdict. */
export async function goBack(
  driver: RolloutDriver,
  stable: StableGeneration | null,
  failed: Pick<Template, 'generation' | 'drainTimeoutMs'>,
): Promise<Reason[]> {
  if (stable?.generation === failed.generation) return []
  driver.context.log(stable ? 'going back to what served before' : 'stopping what did not come up')
  const stuck = await driveBack(driver, stable, failed)
  if (stuck.length > 0) return stuck
  await settle(driver, stable?.generation ?? null)
  return stable
    ? [reason('restored', 'what served before serves again in full')]
    : [reason('stopped', 'nothing served before; nothing of this is running any more')]
}

/**
 * As `goBack`, with nothing settled: generations that are known stay known. Answers why it could not, if so. Where there
 * is nothing to go back to, some of what failed may serve all the same: its requests get the time it gives them.
 */
export async function driveBack(
  driver: RolloutDriver,
  stable: StableGeneration | null,
  failed: Pick<Template, 'drainTimeoutMs'>,
): Promise<Reason[]> {
  const end = await drive(driver, specFor(driver, stable, failed.drainTimeoutMs))
  return end === 'done'
    ? []
    : [reason('not-restored', 'what served before could not be restored in full'), ...end.failed]
}

/** What the state machine works towards on this host. */
export function specFor(
  { strategy }: Pick<RolloutDriver, 'strategy'>,
  wanted: Pick<Template, 'generation' | 'replicas' | 'startTimeoutMs' | 'drainTimeoutMs'> | null,
  drainTimeoutMs = 0,
): RolloutSpec {
  return {
    strategy,
    maxExits,
    generation: wanted?.generation ?? null,
    replicas: wanted?.replicas ?? 0,
    startTimeoutMs: wanted?.startTimeoutMs ?? 0,
    drainTimeoutMs: wanted?.drainTimeoutMs ?? drainTimeoutMs,
  }
}

async function drive(driver: RolloutDriver, spec: RolloutSpec): Promise<End> {
  const { agent, clock, context, scope, service } = driver
  const { signal, epoch } = context
  let status = await agent.call('service', lookAtOnce(driver), signal)
  const deadlineMs = clock.monotonicMs() + maxDurationMs(spec, status)
  const report = reportChanges(context)
  for (;;) {
    const next = nextRolloutActions(spec, status.instances, status.nowMs, status.split)
    report(countInstances(status, spec))
    if (next.status !== 'in-progress') return next.status
    if (clock.monotonicMs() > deadlineMs) {
      return { failed: [reason('rollout-timeout', 'the rollout did not come to an end in the time it may take')] }
    }
    for (const action of next.actions) context.log(sentenceFor(action))
    status =
      next.actions.length > 0
        ? await agent.call('act', { scope, epoch, service, actions: next.actions }, signal)
        : await agent.call('service', { scope, service, after: status.revision, waitMs: lookEveryMs }, signal)
  }
}

/** Every batch may take its start and its drain; instances that come and go may double that. */
function maxDurationMs(
  { strategy, replicas, startTimeoutMs, drainTimeoutMs }: RolloutSpec,
  status: ServiceStatus,
): number {
  const batches = Math.ceil(Math.max(replicas, status.instances.length) / batchSize(strategy, replicas)) + 1
  return 2 * batches * (startTimeoutMs + drainTimeoutMs) + slackMs
}

/** It looks far more often than anything changes, and people read what it says. */
export function reportChanges({ report }: TargetContext): TargetContext['report'] {
  let told = ''
  return (counts) => {
    const text = JSON.stringify(counts)
    if (text !== told) report(counts)
    told = text
  }
}

export function countInstances({ instances }: ServiceStatus, spec: Pick<RolloutSpec, 'generation' | 'replicas'>) {
  const alive = instances.filter((instance) => instance.phase !== 'stopped')
  const wanted = alive.filter((instance) => instance.generation === spec.generation)
  return {
    ready: wanted.filter((instance) => instance.phase === 'healthy' && instance.weight > 0).length,
    desired: spec.replicas,
    old: alive.length - wanted.length,
  }
}

export function sentenceFor(action: RolloutAction): string {
  switch (action.kind) {
    case 'start':
      return `starting ${action.count} ${action.count === 1 ? 'instance' : 'instances'}`
    case 'admit':
      return `${action.instance} is healthy and takes requests`
    case 'drain':
      return `${action.instance} finishes its requests`
    case 'stop':
      return `${action.instance} stops`
    case 'weigh':
      return action.weight === 0
        ? 'the new instances get no requests'
        : `the new instances get ${action.weight} % of new requests`
    case 'share-equally':
      return 'all instances share new requests equally'
    case 'note-verified':
      return `verified at ${action.weight} %`
  }
}

/** The end of what the instances of the failed generation wrote, and how they ended. */
export async function outputOfFailing(driver: RolloutDriver, generation: string): Promise<string[]> {
  const { agent, scope, service, context } = driver
  const { instances } = await agent.call('service', lookAtOnce(driver), context.signal)
  const failing = instances.find(
    (instance) => instance.generation === generation && instance.phase !== 'healthy' && instance.phase !== 'stopped',
  )
  if (failing === undefined) return []
  const { lines } = await agent.call(
    'logs',
    { scope, service, instance: failing.id, lines: tailLines, cursor: null, waitMs: 0 },
    context.signal,
  )
  return [...lines.map((line) => line.text), ...(failing.lastEnd ? [`${failing.id} ${failing.lastEnd}`] : [])]
}

export const lookAtOnce = ({ scope, service }: RolloutDriver) => ({ scope, service, after: null, waitMs: 0 })
