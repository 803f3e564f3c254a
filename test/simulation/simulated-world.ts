/** A whole world from a story: remote, store, platforms, people's machines; and engines for the processes in it. */
import { combinePolicyAndRecipe } from '../../src/config/combine.ts'
import { parseProjectOrThrow } from '../../src/config/parse-project.ts'
import type { Engine } from '../../src/delivery/index.ts'
import { createLedger } from '../../src/ledger/index.ts'
import {
  type Actor,
  type CommitId,
  type Digest,
  type EnvironmentName,
  type Project,
  passed,
  reason,
  usageError,
} from '../../src/model/index.ts'
import type { LeaseHolder, World } from '../../src/ports/index.ts'
import { type Chance, createChance } from './chance.ts'
import { type Chronicle, emptyChronicle } from './chronicle.ts'
import { ciKey, keyOfPerson } from './keys.ts'
import type { Sabotage } from './sabotage.ts'
import { createScheduler, type Scheduler } from './scheduler.ts'
import { secretMark, shapeOf } from './shop.ts'
import { type Bytes, createBuilder } from './simulated-builder.ts'
import { createFleet } from './simulated-fleet.ts'
import { createHost, type SimulatedHost } from './simulated-host.ts'
import { createProcess, type FaultRates, type SimulatedProcess } from './simulated-process.ts'
import { createRemote, type SimulatedRemote } from './simulated-remote.ts'
import { createSource, type SimulatedSource } from './simulated-source.ts'
import { createStore, type SimulatedStore } from './simulated-store.ts'
import { createTarget } from './simulated-target.ts'
import { calm, type Story } from './story.ts'

/** Ada and Dan write; Ben and Cleo manage. Dan's machine does not know the secrets of `prod`. */
export const people: readonly Actor[] = [
  { name: 'Ada', email: 'ada@example.com' },
  { name: 'Ben', email: 'ben@example.com' },
  { name: 'Cleo', email: 'cleo@example.com' },
  { name: 'Dan', email: 'dan@example.com' },
]
export const personOf = (who: number): Actor => people[who % people.length] ?? { name: 'Ada', email: 'ada@example.com' }

/** A Monday, 10:00 UTC. */
export const startMs = Date.UTC(2026, 2, 2, 10)

export type SimulatedWorld = {
  readonly story: Story
  readonly scheduler: Scheduler
  readonly chronicle: Chronicle
  readonly chance: Chance
  readonly remote: SimulatedRemote
  readonly source: SimulatedSource
  readonly store: SimulatedStore
  readonly hosts: ReadonlyMap<EnvironmentName, SimulatedHost>
  /** All of an environment: several where its platform is a fleet. */
  hostsOf(environment: EnvironmentName): readonly SimulatedHost[]
  readonly bytes: Map<Digest, Bytes>
  readonly processes: SimulatedProcess[]
  /** Faults stop. */
  calmDown(): void
  wallJumpMs: number
  changeSecret(environment: EnvironmentName): void
  start(name: string): SimulatedProcess
  engine(process: SimulatedProcess, who: number, machine: string | null): Engine
}

/** Configurations are few, and reading one takes milliseconds. */
const projects = new Map<string, Project | Error>()

export function parseConfiguration(text: string): Project {
  let known = projects.get(text)
  if (known === undefined) {
    known = parseProjectOrThrow({ text, file: 'trunkline.yaml' })
    projects.set(text, known)
  }
  if (known instanceof Error) throw known
  return known
}

export function createWorld(story: Story, sabotage: Sabotage | null): SimulatedWorld {
  const scheduler = createScheduler()
  const chronicle = emptyChronicle()
  const chance = createChance(story.seed, 3)
  const remote = createRemote(scheduler, chronicle, sabotage)
  const source = createSource(remote)
  const store = createStore()
  const bytes = new Map<Digest, Bytes>()
  const processes: SimulatedProcess[] = []
  const machines = new Map<string, { process: SimulatedProcess; machine: string | null }>()
  const { environments, fencing, hosts: fleet } = shapeOf(story.shape)
  let rates: FaultRates = story.rates
  const isRough = () => rates !== calm && story.rates.slow > 0
  const platforms = new Map(
    [...environments, 'rogue'].map((environment, index) => [
      environment,
      (fleet ?? ['local']).map((name, which) =>
        createHost({
          name,
          environment,
          fencing,
          scheduler,
          chance: which === 0 ? createChance(story.seed, 5, index) : createChance(story.seed, 5, index, which),
          chronicle,
          bytes,
          isRough,
          sabotage,
        }),
      ),
    ]),
  )
  const hosts = new Map([...platforms].flatMap(([name, [first]]) => (first === undefined ? [] : [[name, first]])))
  const secrets = new Map<EnvironmentName, string>()
  const changeSecret = (environment: EnvironmentName): void => {
    const value = `${secretMark}-${environment}-${chronicle.secrets.length}`
    secrets.set(environment, value)
    chronicle.secrets.push({ atMs: scheduler.nowMs(), environment, value })
  }
  for (const environment of environments) changeSecret(environment)

  const world: SimulatedWorld = {
    story,
    scheduler,
    chronicle,
    chance,
    remote,
    source,
    store,
    hosts,
    hostsOf: (environment) => platforms.get(environment) ?? [],
    bytes,
    processes,
    wallJumpMs: 0,
    changeSecret,
    calmDown() {
      rates = calm
      remote.isAway = false
      store.isAway = false
      for (const host of [...platforms.values()].flat()) host.isAway = false
      for (const process of processes) process.wake()
    },
    start(name) {
      const process = createProcess({
        id: processes.length,
        name,
        seed: story.seed,
        scheduler,
        rates: () => rates,
        wallMs: () => startMs + world.wallJumpMs + Math.round(scheduler.nowMs()),
      })
      processes.push(process)
      return process
    },
    engine(process, who, machine) {
      const actor = personOf(who)
      const repository = source.repository(process)
      const knows = new Map(
        [...secrets].filter(([environment]) => !(who % people.length === 3 && environment === 'prod')),
      )
      const holder: LeaseHolder = {
        id: `h${process.id}`,
        label: `${process.name}`,
        host: machine,
        pid: 1000 + process.id,
        startedAt: String(process.id),
      }
      machines.set(holder.id, { process, machine })
      const own: World = {
        clock: process.clock,
        random: process.random,
        source: repository,
        async projectAt(commit) {
          const text = source.files(commit).get('trunkline.yaml')
          if (text === undefined) throw usageError('NO_CONFIG', `commit ${commit.slice(0, 7)} has no trunkline.yaml`)
          return parseConfiguration(text)
        },
        state: remote.stateStore(process),
        artifacts: store.store(process),
        builder: createBuilder({ process, scheduler, source, chronicle, bytes, variety: story.variety, isRough }),
        variables: {
          async read({ prefix }) {
            const environment = (prefix ?? '').slice(0, -1).toLowerCase()
            const value = knows.get(environment)
            return new Map(value === undefined ? [] : [['TOKEN', value]])
          },
        },
        probe: {
          probe: ({ url }, signal) =>
            process.call({
              latencyMs: [5, 50],
              signal,
              isLocal: true,
              lost: () => new Error('never') as never,
              effect: () => (url === '' ? { ok: false, reasons: [reason('no-url', 'no url')] } : passed),
            }),
        },
        notifier: {
          send: (notification) =>
            void chronicle.notifications.push({ atMs: scheduler.nowMs(), process: process.id, notification }),
          flush: async () => [],
        },
        async target(policy) {
          const host = hosts.get(policy.name)
          if (host === undefined) throw new Error(`no platform for ${policy.name}`)
          const target = createTarget(policy, host, process)
          return fleet === null
            ? target
            : createFleet(policy, world.hostsOf(policy.name), { process, base: target, sabotage })
        },
        environment: {},
        actor,
        holder,
        isHolderDead: (other) => {
          const known = machines.get(other.id)
          return machine !== null && known?.machine === machine && !known.process.isAlive()
        },
        progress: (event) => void chronicle.progress.push({ atMs: scheduler.nowMs(), process: process.id, event }),
        boundary: () => {},
      }
      const seen = sabotage?.world?.(own, process.chance) ?? own
      const ledger = createLedger({
        ...{ store: seen.state, prefix: 'refs/trunkline', clock: seen.clock, actor },
        findSigner: async () => (machine === null ? ciKey : keyOfPerson(who)),
      })
      const engine: Engine = { world: seen, ledger, concurrency: 4 }
      return sabotage?.engine?.(engine) ?? engine
    },
  }
  return world
}

/** What trunk says now. */
export function policyAt(world: SimulatedWorld, trunk: CommitId): Project {
  const text = world.source.files(trunk).get('trunkline.yaml') ?? ''
  return parseConfiguration(text)
}

export const recipeOf = (world: SimulatedWorld, trunk: CommitId, commit: CommitId): Project =>
  combinePolicyAndRecipe(policyAt(world, trunk), policyAt(world, commit)).project
