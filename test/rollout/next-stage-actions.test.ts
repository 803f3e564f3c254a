import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { StagedStrategy } from '../../src/model/index.ts'
import {
  nextRolloutActions,
  nextStageActions,
  type RolloutInstance,
  type StagedHost,
  type StagedSpec,
  type StageStatus,
  sizeAt,
} from '../../src/rollout/index.ts'
import { SimulatedHost } from './simulated-host.ts'

const canary: StagedStrategy = {
  kind: 'canary',
  stages: [
    { weight: 10, verify: null, pauseMs: 100 },
    { weight: 50, verify: null, pauseMs: 0 },
    { weight: 100, verify: null, pauseMs: 0 },
  ],
}
const blueGreen: StagedStrategy = {
  kind: 'blue-green',
  stages: [
    { weight: 0, verify: null, pauseMs: 0 },
    { weight: 100, verify: null, pauseMs: 200 },
  ],
}

const specOf = (change: Partial<StagedSpec> = {}): StagedSpec => ({
  replicas: 4,
  strategy: canary,
  startTimeoutMs: 1000,
  drainTimeoutMs: 500,
  maxExits: 3,
  patienceMs: 200,
  ...change,
})

const instance = (id: string, change: Partial<RolloutInstance> = {}): RolloutInstance => ({
  id,
  generation: 'old',
  phase: 'healthy',
  weight: 1,
  inFlight: 0,
  startedAtMs: 0,
  notHealthySinceMs: null,
  drainingSinceMs: null,
  exits: 0,
  ...change,
})

const serving = (count: number, generation: string) =>
  Array.from({ length: count }, (_, index) => instance(`${generation}-${index}`, { generation }))

/** Hosts in memory, and a controller that does what the state machines say, one look at a time. */
class SimulatedFleet {
  readonly hosts: SimulatedHost[]
  readonly spec: StagedSpec
  nowMs = 0
  /** Weights at which a verification was asked for, in order. */
  readonly verified: number[] = []

  constructor(spec: StagedSpec, hosts: SimulatedHost[]) {
    this.spec = spec
    this.hosts = hosts
  }

  observe(): StagedHost[] {
    return this.hosts.map((host, index) => ({
      name: `host-${index}`,
      generation: 'new',
      instances: host.observe(),
      split: host.split,
      nowMs: this.nowMs,
    }))
  }

  /** `cut`: the controller dies after so many actions of this look. */
  look(verdict: (weight: number) => boolean = () => true, cut = Number.POSITIVE_INFINITY): StageStatus | 'back' {
    const { actions, status } = nextStageActions(this.spec, this.observe())
    let left = cut
    this.hosts.forEach((host, index) => {
      const due = (actions.get(`host-${index}`) ?? []).slice(0, left)
      left -= due.length
      host.apply(due, this.nowMs)
    })
    if (status.kind === 'verify') {
      const weight = this.spec.strategy.stages[status.stage]?.weight ?? -1
      this.verified.push(weight)
      if (!verdict(weight)) return 'back'
      for (const host of this.hosts.slice(0, left)) {
        host.apply([{ kind: 'note-verified', generation: 'new', weight }], this.nowMs)
      }
    }
    return status
  }

  surgeTo(generation: 'old' | 'new'): 'done' | 'in-progress' {
    const { replicas, startTimeoutMs, drainTimeoutMs, maxExits } = this.spec
    const surge = { generation, replicas, startTimeoutMs, drainTimeoutMs, maxExits, strategy: 'all-at-once' } as const
    const ends = this.hosts.map((host) => {
      const { actions, status } = nextRolloutActions(surge, host.observe(), this.nowMs, host.split)
      host.apply(actions, this.nowMs)
      return status
    })
    return ends.every((status) => status === 'done') ? 'done' : 'in-progress'
  }

  /** Time passes: what starts gets healthy, requests end. */
  pass(ms = 20): void {
    this.nowMs += ms
    for (const host of this.hosts) {
      host.becomeHealthy()
      host.finishRequests()
    }
  }

  newShares(): number[] {
    return this.hosts.map((host) => {
      const shares = host.shares()
      const of = (generation: string) =>
        host.observe().reduce((sum, each) => sum + (each.generation === generation ? (shares.get(each.id) ?? 0) : 0), 0)
      return Math.round((100 * of('new')) / (of('new') + of('old')))
    })
  }
}

const fleetOf = (spec: StagedSpec, hosts = 1) =>
  new SimulatedFleet(
    spec,
    Array.from({ length: hosts }, () => new SimulatedHost(serving(spec.replicas, 'old'))),
  )

test('the new set is as large as its weight needs, and has at least one instance', () => {
  const sizes = (replicas: number, strategy: StagedStrategy) =>
    strategy.stages.map((stage) => sizeAt(strategy, stage, replicas))
  assert.deepEqual(sizes(1, canary), [1, 1, 1])
  assert.deepEqual(sizes(4, canary), [1, 2, 4])
  assert.deepEqual(sizes(20, canary), [2, 10, 20])
  assert.deepEqual(sizes(4, blueGreen), [4, 4])
})

test('a canary goes from weight to weight, each verified and watched, and keeps every old instance until the end', () => {
  const fleet = fleetOf(specOf())
  const story: string[] = []
  for (let turn = 0; turn < 60; turn++) {
    const status = fleet.look()
    assert.ok(status !== 'back')
    const [host] = fleet.hosts
    const line = `${status.kind} ${fleet.newShares()[0]}% of ${host?.observe().filter((each) => each.generation === 'new').length}`
    if (story.at(-1) !== line) story.push(line)
    if (status.kind === 'passed') break
    assert.equal(host?.alive().filter((each) => each.generation === 'old').length, 4)
    fleet.pass()
  }
  assert.deepEqual(story, [
    'moving 0% of 1',
    'moving 10% of 1',
    'verify 10% of 1',
    'watched 10% of 1',
    'moving 10% of 2',
    'moving 50% of 2',
    'verify 50% of 2',
    'moving 50% of 4',
    'moving 100% of 4',
    'verify 100% of 4',
    'passed 100% of 4',
  ])
  assert.deepEqual(fleet.verified, [10, 50, 100])
})

test('a blue-green rollout is verified in full before it takes any request, and switches at once', () => {
  const fleet = fleetOf(specOf({ strategy: blueGreen }))
  const seen: Array<[string, number]> = []
  for (let turn = 0; turn < 60; turn++) {
    const status = fleet.look()
    assert.ok(status !== 'back')
    seen.push([status.kind, fleet.newShares()[0] ?? -1])
    if (status.kind === 'passed') break
    fleet.pass()
  }
  const first = seen.findIndex(([kind]) => kind === 'verify')
  assert.ok(seen.slice(0, first + 1).every(([, share]) => share === 0))
  assert.deepEqual([...new Set(seen.map(([, share]) => share))], [0, 100])
  assert.ok(seen.filter(([kind]) => kind === 'watched').length >= 9, 'the old set is kept for a while')
  assert.deepEqual(fleet.verified, [0, 100])
})

test('every host reaches a stage before it is verified, and the stage is verified once for all', () => {
  const fleet = fleetOf(specOf(), 3)
  const [slow] = fleet.hosts
  for (let turn = 0; turn < 6; turn++) {
    assert.ok(fleet.verified.length === 0)
    assert.deepEqual(fleet.newShares(), [0, 0, 0])
    fleet.look()
    fleet.nowMs += 20
    for (const host of fleet.hosts) if (host !== slow) host.becomeHealthy()
  }
  for (let turn = 0; turn < 80 && fleet.verified.length < 3; turn++) {
    fleet.pass()
    fleet.look()
    const shares = fleet.newShares()
    assert.equal(new Set(shares).size, 1, `in step: ${shares}`)
  }
  assert.deepEqual(fleet.verified, [10, 50, 100])
})

test('the pause of a stage begins when it was verified, and whoever comes later waits for the rest of it only', () => {
  const spec = specOf()
  const instances = [...serving(4, 'old'), ...serving(1, 'new')]
  const at = (nowMs: number): StagedHost => ({
    ...{ name: 'one', generation: 'new', instances, nowMs },
    split: { generation: 'new', weight: 10, verifiedAtMs: 1000 },
  })
  assert.deepEqual(nextStageActions(spec, [at(1060)]).status, { kind: 'watched', stage: 0, leftMs: 40 })
  assert.deepEqual(nextStageActions(spec, [at(1100)]).status, { kind: 'moving', stage: 1 })
})

test('a host that went ahead before its controller died is followed, and what has passed is not verified again', () => {
  const ahead = new SimulatedHost([...serving(4, 'old'), ...serving(2, 'new')], {
    ...{ generation: 'new', weight: 50, verifiedAtMs: null },
  })
  const behind = new SimulatedHost([...serving(4, 'old'), ...serving(2, 'new')], {
    ...{ generation: 'new', weight: 10, verifiedAtMs: 0 },
  })
  const fleet = new SimulatedFleet(specOf(), [ahead, behind])
  for (let turn = 0; turn < 20 && fleet.verified.length === 0; turn++) {
    fleet.look()
    fleet.pass()
  }
  assert.deepEqual(fleet.verified, [50])
  assert.deepEqual(fleet.newShares(), [50, 50])
})

test('an instance of the new set that loses its health fails the stage soon, with the host that has it', () => {
  const ill = instance('new-0', { generation: 'new', phase: 'unhealthy', notHealthySinceMs: 0 })
  const hosts = (nowMs: number): StagedHost[] =>
    ['here', 'there'].map((name) => ({
      name,
      generation: 'new',
      instances: name === 'there' ? [...serving(4, 'old'), ill] : [...serving(4, 'old'), ...serving(1, 'new')],
      split: { generation: 'new', weight: 10, verifiedAtMs: 0 },
      nowMs,
    }))
  assert.equal(nextStageActions(specOf(), hosts(200)).status.kind, 'moving')
  const { status, actions } = nextStageActions(specOf(), hosts(201))
  assert.deepEqual(status, {
    kind: 'failed',
    reasons: [{ code: 'health-lost', message: 'there: instance new-0 was healthy, and is not any more' }],
  })
  assert.equal(actions.size, 0)
})

test('where there is nothing to share with, there are no stages', () => {
  const fleet = new SimulatedFleet(specOf(), [new SimulatedHost([])])
  assert.deepEqual(fleet.look(), { kind: 'not-needed' })
})

const anyStrategy = fc.oneof(
  fc.constant(blueGreen),
  fc.uniqueArray(fc.integer({ min: 1, max: 99 }), { maxLength: 4 }).map(
    (weights): StagedStrategy => ({
      kind: 'canary',
      stages: [...weights.sort((left, right) => left - right), 100].map((weight) => ({
        weight,
        verify: null,
        pauseMs: weight % 3 === 0 ? 50 : 0,
      })),
    }),
  ),
)
const anyTrouble = fc.constantFrom('nothing', 'die', 'late', 'cut 0', 'cut 1', 'cut 2')

test('invariant 7: through deaths, late health and lost controllers, over any hosts, capacity stays and stages end', () => {
  fc.assert(
    fc.property(
      anyStrategy,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.array(anyTrouble, { maxLength: 30 }),
      fc.nat(),
      (strategy, replicas, count, story, seed) => {
        const fleet = fleetOf(specOf({ strategy, replicas, patienceMs: 1000 }), count)
        const step = (trouble: string): StageStatus => {
          const victim = fleet.hosts[seed % count]
          if (trouble === 'die') victim?.killOne(seed + fleet.nowMs, fleet.nowMs)
          const before = fleet.hosts.map((host) => host.serving().length)
          const status = fleet.look(undefined, trouble.startsWith('cut') ? Number(trouble.slice(4)) : undefined)
          assert.ok(status !== 'back' && status.kind !== 'failed', JSON.stringify(status))
          fleet.hosts.forEach((host, index) => {
            assert.ok(host.serving().length >= Math.min(replicas, before[index] ?? 0))
            const old = host.alive().filter(({ generation }) => generation === 'old')
            assert.equal(old.length, replicas, 'the old set stays whole')
            if (host.split === null) return
            const size = Math.ceil((replicas * host.split.weight) / 100)
            assert.ok(host.alive().filter(({ generation }) => generation === 'new').length >= size)
          })
          if (trouble === 'late') fleet.nowMs += 20
          else fleet.pass()
          return status
        }
        let status: StageStatus = { kind: 'moving', stage: 0 }
        for (const trouble of story) if (status.kind !== 'passed') status = step(trouble)
        for (let turn = 0; turn < 80 && status.kind !== 'passed'; turn++) status = step('nothing')
        assert.equal(status.kind, 'passed')
        assert.deepEqual(
          [...new Set(fleet.verified)],
          strategy.stages.map(({ weight }) => weight),
          'no stage was left out',
        )
        for (let turn = 0; turn < 60 && fleet.surgeTo('new') !== 'done'; turn++) {
          fleet.pass()
          for (const host of fleet.hosts) assert.ok(host.capacity() >= replicas)
        }
        for (const host of fleet.hosts) {
          assert.ok(host.alive().every(({ generation, phase }) => generation === 'new' && phase === 'healthy'))
          assert.equal(host.alive().length, replicas)
        }
      },
    ),
    { numRuns: 400 },
  )
})

test('a stage that fails, whichever it is, gives everything back to the old set in one step', () => {
  fc.assert(
    fc.property(
      anyStrategy,
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 3 }),
      fc.nat(),
      (strategy, replicas, count, choice) => {
        const fleet = fleetOf(specOf({ strategy, replicas }), count)
        const failing = strategy.stages[choice % strategy.stages.length]?.weight
        let status: StageStatus | 'back' = { kind: 'moving', stage: 0 }
        for (let turn = 0; turn < 80 && status !== 'back'; turn++) {
          status = fleet.look((weight) => weight !== failing)
          if (status !== 'back') fleet.pass()
        }
        assert.equal(status, 'back')
        fleet.surgeTo('old')
        assert.ok(fleet.newShares().every((share) => share === 0))
        for (const host of fleet.hosts) assert.equal(host.capacity(), replicas)
        for (let turn = 0; turn < 60 && fleet.surgeTo('old') !== 'done'; turn++) fleet.pass()
        for (const host of fleet.hosts) {
          assert.ok(host.alive().every(({ generation }) => generation === 'old'))
          assert.equal(host.capacity(), replicas)
        }
      },
    ),
  )
})
