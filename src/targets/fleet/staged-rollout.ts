/**
 * Takes a service through the stages of a canary or a blue-green rollout, on all its hosts in step: asks the state
 * machine, tells the agents, verifies what is reached, watches it, looks again. How far it has come stands on the hosts,
 * so that any controller goes on with it.
 */
import {
  type RolloutStage,
  reason,
  type StagedStrategy,
  type StageProgress,
  TrunklineError,
  type Verdict,
} from '../../model/index.ts'
import { nextRolloutActions, nextStageActions, type RolloutAction, type StageStatus } from '../../rollout/index.ts'
import type { ServiceStatus } from './agent/protocol.ts'
import { onEachHost, saidBy } from './fleet-host.ts'
import type { Before, FleetRollout, OnHost, PreparedHost } from './fleet-rollout.ts'
import { urlOf } from './instance-template.ts'
import {
  countInstances,
  driveBack,
  lookAtOnce,
  lookEveryMs,
  maxExits,
  outputOfFailing,
  type RolloutDriver,
  reportChanges,
  sentenceFor,
  slackMs,
  specFor,
} from './rollout-driver.ts'

export type StagedRollout = Omit<FleetRollout, 'strategy'> & {
  strategy: StagedStrategy
  before: Before
  drive: OnHost
}

/** An instance that ended is started again and asked for its health within this, where nothing is wrong with it. */
const patienceMs = 5000
/** Giving a share back is one call to an agent that is there. */
const returnTimeoutMs = 5000

type Looked = { host: PreparedHost; status: ServiceStatus }

/**
 * Answers ok when the old instances may go: every stage has passed, or there were none to share requests with. A failed
 * verdict leaves the weights as they are: going back is the caller's. Thrown upon (cancelled, a fault of the world), it
 * gives the new instances' share back first, since nobody looks at them any more.
 */
export async function rollOutInStages(rollout: StagedRollout): Promise<Verdict> {
  try {
    return (await abandonEarlier(rollout)) ?? (await goThroughStages(rollout))
  } catch (error) {
    if (!isOusted(error) && !isOusted(rollout.context.signal.reason)) await giveShareBack(rollout)
    throw error
  }
}

/** Whoever has lost the lease changes nothing any more; on an agent it could not. */
const isOusted = (error: unknown): boolean =>
  error instanceof TrunklineError && (error.code === 'LEASE_LOST' || error.code === 'STALE_CONTROLLER')

/** Another generation was on its way when its controller died: it never passed, and must not count as old. */
async function abandonEarlier({ hosts, context, before, drive }: StagedRollout): Promise<Verdict | null> {
  const reasons = await onEachHost(hosts, (host) =>
    drive(host, async (driver) => {
      const { split, stable } = await look(driver)
      if (split === null || split.generation === host.template.generation) return []
      if (split.generation === stable?.generation) return []
      context.log(`${host.prefix}an earlier rollout stopped on its way: it is taken back first`)
      const stuck = await driveBack(driver, before.get(host) ?? null, host.template)
      const { agent, scope, service } = driver
      const actions: RolloutAction[] = [{ kind: 'share-equally' }]
      if (stuck.length === 0) await agent.call('act', { scope, epoch: context.epoch, service, actions }, context.signal)
      return saidBy(host, stuck)
    }),
  )
  const stuck = reasons.flat()
  return stuck.length === 0 ? null : { ok: false, reasons: stuck }
}

const look = (driver: RolloutDriver): Promise<ServiceStatus> =>
  driver.agent.call('service', lookAtOnce(driver), driver.context.signal)

async function goThroughStages(rollout: StagedRollout): Promise<Verdict> {
  const { hosts, strategy, clock, drive, context } = rollout
  const report = reportChanges(context)
  let looked = await lookAround(rollout)
  let deadline = { stage: -1, atMs: 0 }
  for (;;) {
    const { actions, status } = decide(rollout, looked)
    report(countOver(looked, status, strategy))
    if (status.kind === 'passed' || status.kind === 'not-needed') return { ok: true }
    if (status.kind === 'failed') return await failed(rollout, { ok: false, reasons: status.reasons })
    if (deadline.stage !== status.stage) {
      deadline = { stage: status.stage, atMs: clock.monotonicMs() + maxDurationMs(rollout, status.stage) }
    }
    const stage = stageAt(strategy, status.stage)
    if (clock.monotonicMs() > deadline.atMs) {
      const late = `the stage of ${stage.weight} % did not come to an end in the time it may take`
      return { ok: false, reasons: [reason('rollout-timeout', late)] }
    }
    const due = new Map(actions)
    if (status.kind === 'verify' && isReadyToVerify(looked, stage)) {
      const verdict = await verifyWatching(rollout, stage, looked)
      if (!verdict.ok) return await failed(rollout, verdict)
      await context.stagePassed?.({ service: rollout.service, weight: stage.weight })
      for (const host of hosts) {
        const { generation } = host.template
        due.set(host.name, [...(due.get(host.name) ?? []), { kind: 'note-verified', generation, weight: stage.weight }])
      }
      // The time its verification took is not the stage's.
      deadline.atMs = clock.monotonicMs() + maxDurationMs(rollout, status.stage)
    }
    looked = await onEachHost(hosts, async (host) => ({
      host,
      status: await drive(host, (driver) => actOrWait(driver, due.get(host.name) ?? [], looked)),
    }))
  }
}

const lookAround = ({ hosts, drive }: StagedRollout): Promise<Looked[]> =>
  onEachHost(hosts, async (host) => ({ host, status: await drive(host, look) }))

function decide({ hosts, strategy }: StagedRollout, looked: readonly Looked[]) {
  const [first] = hosts
  if (first === undefined) throw new Error('a fleet has at least one host')
  const { replicas, startTimeoutMs, drainTimeoutMs } = first.template
  return nextStageActions(
    { strategy, replicas, startTimeoutMs, drainTimeoutMs, maxExits, patienceMs },
    looked.map(({ host, status: { instances, split, nowMs } }) => ({
      name: host.name,
      generation: host.template.generation,
      ...{ instances, split, nowMs },
    })),
  )
}

function stageAt({ stages }: StagedStrategy, index: number): RolloutStage {
  const stage = stages[index]
  if (stage === undefined) throw new Error(`there is no stage ${index}`)
  return stage
}

/** Starts and pauses, and as much again for instances that come and go. */
function maxDurationMs({ hosts, strategy }: StagedRollout, stage: number): number {
  const { startTimeoutMs = 0, drainTimeoutMs = 0 } = hosts[0]?.template ?? {}
  return 2 * (startTimeoutMs + drainTimeoutMs + stageAt(strategy, stage).pauseMs) + slackMs
}

/** The limits of time are the machine's, so it is looked at often; sooner where something changes. */
async function actOrWait(
  driver: RolloutDriver,
  actions: readonly RolloutAction[],
  looked: readonly Looked[],
): Promise<ServiceStatus> {
  const { agent, scope, service, context } = driver
  const { epoch, signal } = context
  for (const action of actions) context.log(sentenceFor(action))
  if (actions.length > 0) return await agent.call('act', { scope, epoch, service, actions: [...actions] }, signal)
  // Over several hosts nobody waits for one of them: the others may have changed.
  const after = looked.length === 1 ? (looked[0]?.status.revision ?? null) : -1
  if (after !== -1) return await agent.call('service', { scope, service, after, waitMs: lookEveryMs }, signal)
  await driver.clock.sleep(lookEveryMs / 2, signal)
  return await look(driver)
}

/** The router says where a preview is a moment after it was told to have one. */
const isReadyToVerify = (looked: readonly Looked[], { weight, verify }: RolloutStage): boolean =>
  weight === 100 || verify?.length === 0 || looked.every(({ status }) => status.preview !== null)

/** Verifies a stage, and stops doing so when the new instances fail by themselves. */
async function verifyWatching(rollout: StagedRollout, stage: RolloutStage, looked: Looked[]): Promise<Verdict> {
  const { context, clock } = rollout
  const over = new AbortController()
  const signal = AbortSignal.any([context.signal, over.signal])
  const watching = (async (): Promise<Verdict | null> => {
    while (!signal.aborted) {
      await clock.sleep(lookEveryMs, signal)
      const { status } = decide(rollout, await lookAround(rollout))
      if (status.kind === 'failed') return { ok: false, reasons: status.reasons }
    }
    return null
  })().catch((error: unknown) => {
    if (over.signal.aborted) return null
    throw error
  })
  const verifying = verify(rollout, stage, looked, signal)
  try {
    const first = await Promise.race([verifying, watching])
    return first ?? (await verifying)
  } finally {
    over.abort()
    await Promise.allSettled([verifying, watching])
  }
}

/** The new set of each host by itself, or, when it has everything, the address that people use. */
async function verify(
  { service, context }: StagedRollout,
  { weight, verify: names }: RolloutStage,
  looked: readonly Looked[],
  signal: AbortSignal,
): Promise<Verdict> {
  if (context.verifyStage === undefined || names === null || names.length === 0) return { ok: true }
  for (const { host, status } of looked) {
    const address = weight === 100 ? status.address : status.preview
    context.log(`${host.prefix}verifying at ${weight} %: ${names.join(', ')}`)
    const url = address === null ? null : urlOf(address, await host.publicName(signal))
    const verdict = await context.verifyStage({ service, weight, verify: names, address: url }, signal)
    if (!verdict.ok) return verdict
  }
  return { ok: true }
}

/** With what the failing instances said. */
async function failed({ hosts, drive }: StagedRollout, verdict: Verdict & { ok: false }): Promise<Verdict> {
  if (verdict.logTail !== undefined) return verdict
  const tails = await onEachHost(hosts, (host) =>
    drive(host, async (driver) =>
      (await outputOfFailing(driver, host.template.generation)).map((line) => `${host.prefix}${line}`),
    ),
  )
  const logTail = tails.flat()
  return logTail.length === 0 ? verdict : { ...verdict, logTail }
}

/** What is reported: instances over all hosts, and the stage. */
function countOver(looked: readonly Looked[], status: StageStatus, strategy: StagedStrategy) {
  const counts = looked.map(({ host, status: seen }) =>
    countInstances(seen, { generation: host.template.generation, replicas: host.template.replicas }),
  )
  const sum = (key: 'ready' | 'desired' | 'old') => counts.reduce((total, each) => total + each[key], 0)
  const weights = looked.map(({ host, status: { split } }) =>
    split?.generation === host.template.generation ? split.weight : 0,
  )
  const stage: StageProgress | null =
    status.kind === 'not-needed' || status.kind === 'failed'
      ? null
      : {
          weight: status.kind === 'verify' ? stageAt(strategy, status.stage).weight : Math.min(...weights),
          phase: phases[status.kind],
        }
  return { ready: sum('ready'), desired: sum('desired'), old: sum('old'), ...(stage ? { stage } : {}) }
}

const phases = { moving: 'moving', verify: 'verifying', watched: 'watching', passed: 'moving' } as const

/** With a time of its own: the rollout's signal may be what ended it. What cannot be reached keeps its weights. */
async function giveShareBack({ hosts, scope, service, context, before }: StagedRollout): Promise<void> {
  const signal = AbortSignal.timeout(returnTimeoutMs)
  await Promise.all(
    hosts.map(async (host) => {
      try {
        await host.link.withAgent(async (agent) => {
          const { instances, split, nowMs } = await agent.call(
            'service',
            { scope, service, after: null, waitMs: 0 },
            signal,
          )
          const wanted = specFor({ strategy: 'all-at-once' }, before.get(host) ?? null)
          const { actions } = nextRolloutActions(wanted, instances, nowMs, split)
          const back = actions.filter(({ kind }) => kind === 'weigh')
          if (back.length === 0) return
          context.log(`${host.prefix}the old instances get all new requests again`)
          await agent.call('act', { scope, epoch: context.epoch, service, actions: back }, signal)
        }, signal)
      } catch (error) {
        if (!(error instanceof TrunklineError) && !signal.aborted) throw error
        context.log(`${host.prefix}its weights stay as they are: ${error instanceof Error ? error.message : error}`)
      }
    }),
  )
}
