import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { SurgeStrategy } from '../../src/model/index.ts'
import { nextRolloutActions, type RolloutInstance, type RolloutSpec, type Split } from '../../src/rollout/index.ts'
import { SimulatedHost } from './simulated-host.ts'

const strategies: SurgeStrategy[] = ['one-at-a-time', 'half', 'all-at-once']

const specOf = (change: Partial<RolloutSpec> = {}): RolloutSpec => ({
  generation: 'new',
  replicas: 4,
  strategy: 'one-at-a-time',
  startTimeoutMs: 1000,
  drainTimeoutMs: 500,
  maxExits: 3,
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

test('each strategy starts a batch of its size beside the old instances', () => {
  const started = strategies.map(
    (strategy) => nextRolloutActions(specOf({ strategy, replicas: 5 }), serving(5, 'old'), 0).actions,
  )
  assert.deepEqual(
    started,
    [1, 3, 5].map((count) => [{ kind: 'start', generation: 'new', count }]),
  )
})

test('a batch takes traffic only when all of it is healthy', () => {
  const fresh = [
    instance('a', { generation: 'new', weight: 0 }),
    instance('b', { generation: 'new', weight: 0, phase: 'starting', notHealthySinceMs: 0 }),
  ]
  const spec = specOf({ strategy: 'half' })
  assert.deepEqual(nextRolloutActions(spec, [...serving(4, 'old'), ...fresh], 10).actions, [])
  const healthy = fresh.map((each) => ({ ...each, phase: 'healthy' as const, notHealthySinceMs: null }))
  assert.deepEqual(
    nextRolloutActions(spec, [...serving(4, 'old'), ...healthy], 10).actions.map((action) => action.kind),
    ['admit', 'admit'],
  )
})

test('where capacity is missing a healthy instance takes traffic at once, whatever its batch does', () => {
  const observed = [
    ...serving(1, 'old'),
    instance('a', { generation: 'new', weight: 0 }),
    instance('b', { generation: 'new', weight: 0, phase: 'starting', notHealthySinceMs: 0 }),
  ]
  const { actions } = nextRolloutActions(specOf({ strategy: 'half' }), observed, 10)
  assert.deepEqual(
    actions.filter((action) => action.kind === 'admit'),
    [{ kind: 'admit', instance: 'a' }],
  )
})

test('as many old instances drain as new ones took over, the unhealthy first', () => {
  const old = serving(4, 'old').map((each) =>
    each.id === 'old-2' ? { ...each, phase: 'unhealthy' as const, notHealthySinceMs: 0 } : each,
  )
  const { actions } = nextRolloutActions(specOf(), [...old, ...serving(1, 'new')], 10)
  assert.deepEqual(
    actions.filter((action) => action.kind === 'drain'),
    [{ kind: 'drain', instance: 'old-2' }],
  )
})

test('a draining instance stops when its last request ended, or when its time is up', () => {
  const draining = instance('old-9', { phase: 'draining', drainingSinceMs: 100, inFlight: 1 })
  const decide = (change: Partial<RolloutInstance>, nowMs: number) =>
    nextRolloutActions(specOf(), [...serving(4, 'new'), { ...draining, ...change }], nowMs)
  assert.deepEqual(decide({}, 200).actions, [])
  assert.equal(decide({}, 200).status, 'in-progress')
  assert.deepEqual(decide({ inFlight: 0 }, 200).actions, [{ kind: 'stop', instance: 'old-9' }])
  assert.deepEqual(decide({}, 600).actions, [{ kind: 'stop', instance: 'old-9' }])
})

test('an instance that is not healthy in time, or ends again and again, fails the rollout with the reason', () => {
  const late = instance('late', { generation: 'new', weight: 0, phase: 'starting', notHealthySinceMs: 0 })
  const failed = (observed: RolloutInstance, nowMs: number) => {
    const { status } = nextRolloutActions(specOf(), [...serving(4, 'old'), observed], nowMs)
    return typeof status === 'object' ? status.failed.map((each) => each.code) : status
  }
  assert.equal(failed(late, 1000), 'in-progress')
  assert.deepEqual(failed(late, 1001), ['health-not-reached'])
  assert.deepEqual(failed({ ...late, exits: 3 }, 1), ['instance-exits'])
})

test('going back lets drained instances in again, starts the missing ones and stops the ones that never served', () => {
  const observed = [
    ...serving(2, 'old'),
    instance('old-drained', { phase: 'draining', drainingSinceMs: 0, inFlight: 3 }),
    instance('new-serving', { generation: 'new' }),
    instance('new-broken', { generation: 'new', weight: 0, phase: 'unhealthy', notHealthySinceMs: 0 }),
  ]
  const { actions } = nextRolloutActions(specOf({ generation: 'old' }), observed, 10)
  assert.deepEqual(actions, [
    { kind: 'stop', instance: 'new-broken' },
    { kind: 'admit', instance: 'old-drained' },
    { kind: 'start', generation: 'old', count: 1 },
  ])
})

const splitAt = (weight: number, verifiedAtMs: number | null = null): Split => ({
  generation: 'new',
  weight,
  verifiedAtMs,
})

test('going back from a canary gives its share to the old instances at once, and then lets it drain', () => {
  const observed = [...serving(4, 'old'), ...serving(2, 'new')]
  const { actions } = nextRolloutActions(specOf({ generation: 'old' }), observed, 10, splitAt(50))
  assert.deepEqual(actions, [
    { kind: 'weigh', generation: 'new', weight: 0 },
    { kind: 'drain', instance: 'new-1' },
    { kind: 'drain', instance: 'new-0' },
  ])
})

test('what has passed all stages goes on until enough old instances are back', () => {
  const observed = [...serving(2, 'old'), ...serving(4, 'new')]
  const { actions } = nextRolloutActions(
    specOf({ generation: 'old', strategy: 'all-at-once' }),
    observed,
    10,
    splitAt(100, 5),
  )
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['share-equally', 'start', 'drain', 'drain'],
  )
})

test('what has not passed its stages gets nothing any more, however few of the old are left', () => {
  const observed = [...serving(1, 'old'), ...serving(4, 'new')]
  const { actions } = nextRolloutActions(specOf({ generation: 'old' }), observed, 10, splitAt(50))
  assert.deepEqual(actions[0], { kind: 'weigh', generation: 'new', weight: 0 })
})

test('after a switch the old instances, which get nothing any more, drain without taking the share of the new', () => {
  const observed = [...serving(4, 'old'), ...serving(4, 'new')]
  const { actions } = nextRolloutActions(specOf({ strategy: 'all-at-once' }), observed, 10, splitAt(100))
  assert.deepEqual(
    actions.map(({ kind }) => kind),
    ['drain', 'drain', 'drain', 'drain'],
  )
})

test('a failed first deployment leaves nothing running', () => {
  const host = new SimulatedHost([instance('a', { generation: 'new', weight: 0, phase: 'unhealthy' })])
  const spec = specOf({ generation: null })
  host.apply(nextRolloutActions(spec, host.observe(), 0).actions)
  assert.equal(nextRolloutActions(spec, host.observe(), 1).status, 'done')
  assert.deepEqual(
    host.observe().filter((each) => each.phase !== 'stopped'),
    [],
  )
})

const phases = fc.constantFrom('starting', 'healthy', 'unhealthy', 'draining', 'stopped')
const anyInstance = fc
  .record({
    id: fc.uuid(),
    generation: fc.constantFrom('older', 'old', 'new'),
    phase: phases,
    weight: fc.constantFrom(0, 1),
    inFlight: fc.nat(3),
    startedAtMs: fc.nat(100),
  })
  .map((each) =>
    instance(each.id, {
      ...each,
      weight: each.phase === 'draining' ? 1 : each.weight,
      notHealthySinceMs: each.phase === 'healthy' ? null : 0,
      drainingSinceMs: each.phase === 'draining' ? 0 : null,
    }),
  )
const anySpec = fc
  .record({
    generation: fc.option(fc.constantFrom('old', 'new')),
    replicas: fc.integer({ min: 1, max: 6 }),
    strategy: fc.constantFrom(...strategies),
  })
  .map((each) => specOf(each))
const anySplit = fc.option(
  fc.record({
    generation: fc.constantFrom('old', 'new'),
    weight: fc.constantFrom(0, 10, 50, 100),
    verifiedAtMs: fc.constantFrom(null, 0),
  }),
)
const anyObservation = fc.uniqueArray(anyInstance, { maxLength: 14, selector: (each) => each.id })

test('invariant 7: no decision, from whatever is observed, takes healthy serving capacity below the minimum', () => {
  fc.assert(
    fc.property(anySpec, anyObservation, anySplit, fc.nat(600), (spec, observed, split, nowMs) => {
      const host = new SimulatedHost(observed, split)
      const before = host.capacity()
      host.apply(nextRolloutActions(spec, observed, nowMs, split).actions)
      const wanted = spec.generation === null ? 0 : spec.replicas
      assert.ok(host.capacity() >= Math.min(wanted, before))
    }),
    { numRuns: 2000 },
  )
})

test('the number of instances stays within the surge', () => {
  fc.assert(
    fc.property(anySpec, anyObservation, (spec, observed) => {
      const host = new SimulatedHost(observed)
      const before = host.alive().length
      host.apply(nextRolloutActions(spec, observed, 0).actions)
      const surge = spec.replicas + (spec.strategy === 'one-at-a-time' ? 1 : spec.replicas)
      assert.ok(host.alive().length <= Math.max(before, surge))
    }),
    { numRuns: 1000 },
  )
})

test('deciding twice on one observation gives one answer, whatever the order of the instances', () => {
  fc.assert(
    fc.property(anySpec, anyObservation, (spec, observed) => {
      const sorted = (actions: object[]) => actions.map((action) => JSON.stringify(action)).sort()
      assert.deepEqual(
        sorted(nextRolloutActions(spec, observed, 0).actions),
        sorted(nextRolloutActions(spec, [...observed].reverse(), 0).actions),
      )
    }),
  )
})

const anyDisturbance = fc.constantFrom('nothing', 'die', 'forget', 'late', 'back', 'forth')

test('from any start, through deaths, late health, lost controllers and changes of mind, every rollout ends', () => {
  fc.assert(
    fc.property(
      anySpec,
      anyObservation,
      anySplit,
      fc.array(anyDisturbance, { maxLength: 25 }),
      fc.nat(),
      (spec, from, split, story, seed) => {
        const host = new SimulatedHost(
          from.map((each) => ({ ...each, startedAtMs: 0, exits: 0 })),
          split,
        )
        let wanted = spec
        let nowMs = 0
        const step = (disturbance: string) => {
          nowMs += 20
          if (disturbance === 'die') host.killOne(seed + nowMs, nowMs)
          if (disturbance === 'back') wanted = { ...spec, generation: 'old' }
          if (disturbance === 'forth') wanted = spec
          const before = host.capacity()
          const { actions, status } = nextRolloutActions(wanted, host.observe(), nowMs, host.split)
          // A controller that dies between two actions leaves the rest undone: the next one sees just that.
          host.apply(disturbance === 'forget' ? actions.slice(0, 1) : actions, nowMs)
          assert.ok(host.capacity() >= Math.min(wanted.generation === null ? 0 : wanted.replicas, before))
          if (disturbance !== 'late') host.becomeHealthy()
          host.finishRequests()
          return status
        }
        for (const disturbance of story) step(disturbance)
        let status = step('nothing')
        for (let turn = 0; turn < 60 && status !== 'done'; turn++) status = step('nothing')
        assert.equal(status, 'done')
        const alive = host.alive()
        assert.ok(alive.every((each) => each.generation === wanted.generation && each.phase === 'healthy'))
        assert.equal(alive.length, wanted.generation === null ? 0 : wanted.replicas)
        assert.deepEqual(nextRolloutActions(wanted, host.observe(), nowMs, host.split).actions, [])
      },
    ),
    { numRuns: 500 },
  )
})
