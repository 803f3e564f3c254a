/** One history: a story in its world, to the end and beyond, until everything that may move has moved. */
import { type RefName, TrunklineError } from '../../src/model/index.ts'
import { begin, type Pushes, type Running } from './carry-out.ts'
import type { ActionRun } from './chronicle.ts'
import { foundShop } from './push-changes.ts'
import type { Sabotage } from './sabotage.ts'
import type { SimulatedHost } from './simulated-host.ts'
import { createWorld, policyAt, type SimulatedWorld } from './simulated-world.ts'
import { type Act, type Action, noFate, type Story, type WorldFault } from './story.ts'

export type History = { world: SimulatedWorld; calmAtMs: number; endMs: number; stuck: Running[] }

/** Longer than the lease's time, and than any deployment without faults. At most six rounds of `advance`. */
const hourMs = 3_600_000
const advanceRounds = 6

export function simulateHistory(story: Story, sabotage: Sabotage | null = null): History {
  const world = createWorld(story, sabotage)
  const { scheduler } = world
  foundShop(world)
  const pushes: Pushes = new Map()
  const running: Running[] = []
  const start = (action: Action): void => {
    const begun = begin(world, action, pushes)
    if (begun !== null) running.push(begun)
  }
  let endMs = 0
  for (const action of story.actions) {
    endMs = Math.max(endMs, action.atMs)
    scheduler.at(action.atMs, 0, () => start(action))
  }
  for (const fault of story.faults) befall(world, fault)
  scheduler.run(endMs + 30_000, () => false)

  world.calmDown()
  const calmAtMs = scheduler.nowMs()
  const isIdle = () => running.every(({ run }) => run.outcome.kind !== 'running')
  const settle = (): void => scheduler.run(scheduler.nowMs() + hourMs, isIdle)
  settle()
  let next = story.actions.reduce((most, action) => Math.max(most, action.id), 0) + 1
  const extra = (act: Action['act'], who = 1): void => {
    const action: Action = { id: next++, atMs: scheduler.nowMs(), who, act, fate: noFate }
    start(action)
    settle()
  }
  // CI tries again what it could not end, and what nobody delivered.
  for (const push of undelivered(world, pushes)) extra({ kind: 'deliver', push })
  for (const { who, act } of unheardRetries(world)) extra(act, who)
  for (let round = 0; round < advanceRounds; round++) {
    // Windows open in between.
    scheduler.run(scheduler.nowMs() + 240_000, () => false)
    const before = histories(world)
    extra({ kind: 'advance' })
    if (before === histories(world) && !hasWindows(world)) break
  }
  const stuck = running.filter(({ run }) => run.outcome.kind === 'running')
  bury(world, running)
  return { world, calmAtMs, endMs: scheduler.nowMs(), stuck }
}

/** Where the environments' histories stand. */
const histories = ({ remote }: SimulatedWorld): string =>
  [...remote.refs].flatMap(([ref, tip]) => (ref.startsWith('refs/trunkline/env/') ? [`${ref} ${tip}`] : [])).join()

/** What waits for a window moves without anything else having moved. */
function hasWindows(world: SimulatedWorld): boolean {
  const trunk = world.remote.refs.get('refs/heads/main')
  const environments = trunk === undefined ? {} : policyAt(world, trunk).environments
  return Object.values(environments).some(({ windows }) => windows.length > 0)
}

/** Pushes whose ref still is where they put it, and whose delivery nobody ended. */
function undelivered(world: SimulatedWorld, pushes: Pushes): number[] {
  const last = new Map<RefName, number>()
  for (const [id, { ref, commit }] of pushes) if (world.remote.refs.get(ref) === commit) last.set(ref, id)
  const done = new Set<number>()
  const thrown = new Set<number>()
  const lost = new Set<number>()
  const red = new Set<number>()
  for (const { action, outcome } of world.chronicle.runs) {
    if (action.act.kind !== 'deliver') continue
    // Of two jobs for one push each is its own: one that ended does not excuse the other.
    if (outcome.kind === 'threw') thrown.add(action.act.push)
    if (outcome.kind === 'died') lost.add(action.act.push)
    if (outcome.kind !== 'answered') continue
    const answer = outcome.answer as { outcome?: string; environments?: Array<{ outcome: string }> } | null
    // What failed in one environment may not have been able to look at another.
    const isErrored = answer?.environments?.some((environment) => environment.outcome === 'errored')
    if (answer?.outcome === 'errored' || isErrored) thrown.add(action.act.push)
    else done.add(action.act.push)
    if (answer?.outcome === 'failed') red.add(action.act.push)
  }
  // One job of a push was red, and the runner of another was lost: who looks at that runs the lost one again.
  for (const id of lost) if (red.has(id)) thrown.add(id)
  return [...last.values()].filter((id) => !done.has(id) || thrown.has(id)).sort((one, other) => one - other)
}

/**
 * Retries that the world did not let through, once each. What a red check or a failure stopped waits for nobody but the
 * person who said `retry`, and was told by its end (`errored`, exit code 4) that nothing came of it.
 */
function unheardRetries(world: SimulatedWorld): Array<{ who: number; act: Act }> {
  return world.chronicle.runs.flatMap(({ action, outcome, environment }) => {
    const { act, who } = action
    if (act.kind !== 'retry' || !isErrored(outcome)) return []
    return [{ who, act: { ...act, environment: environment ?? act.environment } }]
  })
}

function isErrored(outcome: ActionRun['outcome']): boolean {
  if (outcome.kind === 'threw') return outcome.error instanceof TrunklineError && outcome.error.kind === 'errored'
  return outcome.kind === 'answered' && (outcome.answer as { outcome?: string } | null)?.outcome === 'errored'
}

function befall(world: SimulatedWorld, fault: WorldFault): void {
  const { scheduler, remote, store, chronicle } = world
  const during = (begins: () => void, ends: () => void, text: string): void => {
    scheduler.at(fault.atMs, 0, () => {
      chronicle.weather.push({ atMs: scheduler.nowMs(), text: `${text} for ${fault.forMs / 1000} s` })
      begins()
    })
    scheduler.at(fault.atMs + fault.forMs, 0, ends)
  }
  const once = (text: string, happens: () => void): void =>
    scheduler.at(fault.atMs, 0, () => {
      chronicle.weather.push({ atMs: scheduler.nowMs(), text })
      happens()
    })
  switch (fault.kind) {
    case 'remote-away':
      during(
        () => {
          remote.isAway = true
        },
        () => {
          remote.isAway = false
        },
        'the remote is away',
      )
      break
    case 'store-away':
      during(
        () => {
          store.isAway = true
        },
        () => {
          store.isAway = false
        },
        'the artifact store is away',
      )
      break
    case 'target-away': {
      const host = hostOf(world, fault)
      if (host === undefined) return
      during(
        () => {
          host.isAway = true
        },
        () => {
          host.isAway = false
        },
        `the platform of ${fault.environment} is away`,
      )
      break
    }
    case 'wall-clock-jump':
      once(`the wall clock jumps by ${fault.byMs / 1000} s`, () => {
        world.wallJumpMs += fault.byMs
      })
      break
    case 'instances-crash':
      once(`instances of a service in ${fault.environment} crash`, () => hostOf(world, fault)?.crashInstances())
      break
    case 'store-forgets':
      once('the artifact store forgets an artifact', () => {
        const artifacts = [...store.artifacts]
        const lost = artifacts[world.chance.below(artifacts.length)]
        if (lost !== undefined) store.artifacts.delete(lost)
      })
      break
  }
}

/** Of several hosts a fault befalls one. */
function hostOf(world: SimulatedWorld, fault: WorldFault & { environment: string }): SimulatedHost | undefined {
  const hosts = world.hostsOf(fault.environment)
  return hosts[fault.id % Math.max(1, hosts.length)]
}

/** Lets go of what dead processes hold on to: signals with listeners are never collected. */
function bury(world: SimulatedWorld, running: readonly Running[]): void {
  for (const { run, process, controller } of running) {
    if (run.outcome.kind !== 'died' && run.outcome.kind !== 'running') continue
    process.die()
    controller.abort(new Error('buried'))
  }
  world.scheduler.run(world.scheduler.nowMs(), () => false)
}
