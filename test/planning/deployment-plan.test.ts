/** The graph of steps that takes an environment to a release. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { initialState } from '../../src/ledger/index.ts'
import type { DeploymentPlan, EnvironmentState, Release } from '../../src/model/index.ts'
import {
  type DeploymentFacts,
  generationOf,
  planDeployment,
  rollbackCandidates,
  runningServices,
  viewOf,
} from '../../src/planning/index.ts'
import { factsFor, fingerprint, hook, policy, release, servicesOf } from './releases.ts'

const names = ['a', 'b', 'c', 'd']
const recipe = {
  before: [hook('migrate', 'a')],
  after: [hook('warm', 'b')],
  rollback: [hook('migrate', 'a'), hook('cool', 'b')],
  verify: [
    {
      kind: 'http' as const,
      name: 'answers',
      service: 'a',
      path: '/',
      status: 200,
      contains: null,
      env: {},
      timeoutMs: 1,
    },
  ],
}

/** Some of four services, each with one of three artifacts, after some of those before it. */
const anyRelease: fc.Arbitrary<Release> = fc
  .tuple(fc.subarray(names, { minLength: 1 }), fc.array(fc.nat(2), { minLength: 4, maxLength: 4 }), fc.nat())
  .map(([chosen, artifacts, seed]) =>
    release(
      Object.fromEntries(chosen.map((name, index) => [name, artifacts[index] ?? 0])),
      { stage: chosen.includes('a') && chosen.includes('b') ? recipe : {} },
      Object.fromEntries(
        chosen.map((name, index) => [
          name,
          { deployAfter: chosen.slice(0, index).filter((_, at) => (seed >> at) % 2 === 1) },
        ]),
      ),
    ),
  )

/** As if a deployment of it had succeeded. */
function runs(given: Release, change: Partial<DeploymentFacts> = {}): DeploymentFacts {
  const facts = factsFor(given, change)
  const services = runningServices(facts, {})
  const running = {
    ...{ release: given.id, view: viewOf(given, 'stage'), commit: '1'.repeat(40) as never, ref: null, version: 'one' },
    ...{ author: { name: 'Ada', email: 'ada@example.com' }, deployment: null, since: '', seq: 1, services },
  }
  const hooks = Object.fromEntries(
    planDeployment(facts).steps.flatMap((step) => (step.kind === 'hook' ? [[step.hook.name, step.key]] : [])),
  )
  const state: EnvironmentState = { ...initialState('stage'), running, history: [running], hooks }
  const seen = Object.fromEntries(
    servicesOf(given).map(([name, known]) => [
      name,
      {
        ...{ generation: generationOf(given, name, 'stage'), artifact: known.artifact, isHealthy: true },
        fingerprint: facts.fingerprints[name] ?? null,
      },
    ]),
  )
  return { ...facts, state, runningRelease: given, seen, isVerified: true }
}

/** From one release that runs to another. */
const moving = (from: Release, to: Release): DeploymentFacts => {
  const before = runs(from)
  return { ...before, ...factsFor(to), state: before.state, runningRelease: from, seen: before.seen }
}

function assertAcyclic({ steps }: DeploymentPlan): void {
  const done = new Set<string>()
  const ids = new Set(steps.map((step) => step.id))
  assert.equal(ids.size, steps.length, 'ids are unique')
  for (let left = [...steps]; left.length > 0; ) {
    const ready = left.filter((step) => step.needs.every((need) => done.has(need)))
    assert.ok(ready.length > 0, `these wait for each other: ${left.map((step) => step.id).join(', ')}`)
    for (const step of ready) done.add(step.id)
    left = left.filter((step) => !done.has(step.id))
  }
}

const kinds = (plan: DeploymentPlan) => plan.steps.map((step) => step.id.replace('stage/', ''))

describe('the plan of a deployment', () => {
  test('between any two releases the graph has no cycle, and every step and every thing not done has a reason', () => {
    fc.assert(
      fc.property(anyRelease, anyRelease, (from, to) => {
        const plan = planDeployment(moving(from, to))
        assertAcyclic(plan)
        for (const step of plan.steps) assert.ok(step.reasons.length > 0, step.id)
        for (const service of plan.services) assert.ok(service.reasons.length > 0, service.name)
        const planned = plan.services.map((service) => service.name).sort()
        assert.deepEqual(planned, [...new Set([...Object.keys(from.services), ...Object.keys(to.services)])].sort())
      }),
    )
  })

  test('what runs already needs nothing', () => {
    fc.assert(
      fc.property(anyRelease, (given) => {
        assert.deepEqual(planDeployment(runs(given)).steps, [])
      }),
    )
  })

  test('just what differs is rolled, and just what is gone is removed', () => {
    fc.assert(
      fc.property(anyRelease, anyRelease, (from, to) => {
        const plan = planDeployment(moving(from, to))
        const rolled = plan.steps.flatMap((step) => (step.kind === 'rollout' ? step.service : [])).sort()
        const differs = servicesOf(to).filter(([name]) => {
          const before = from.services[name]
          return before === undefined || generationOf(from, name, 'stage') !== generationOf(to, name, 'stage')
        })
        assert.deepEqual(rolled, differs.map(([name]) => name).sort())
        const removed = plan.steps.flatMap((step) => (step.kind === 'remove' ? step.service : [])).sort()
        assert.deepEqual(
          removed,
          Object.keys(from.services)
            .filter((name) => !(name in to.services))
            .sort(),
        )
      }),
    )
  })

  test('removals come after every rollout, and verification after everything', () => {
    fc.assert(
      fc.property(anyRelease, anyRelease, (from, to) => {
        const { steps } = planDeployment(moving(from, to))
        const byId = new Map(steps.map((step) => [step.id, step]))
        const before = (id: string): Set<string> => {
          const step = byId.get(id)
          return new Set((step?.needs ?? []).flatMap((need) => [need, ...before(need)]))
        }
        for (const step of steps) {
          if (step.kind !== 'remove' && step.kind !== 'verify') continue
          const done = before(step.id)
          const first = steps.filter(
            (known) => known.kind === 'rollout' || (step.kind === 'verify' && known.kind === 'remove'),
          )
          for (const known of first) assert.ok(done.has(known.id), `${step.id} comes after ${known.id}`)
        }
      }),
    )
  })

  test('its hash does not move with time, ledger position, commit, names, history or tags', () => {
    fc.assert(
      fc.property(anyRelease, anyRelease, (from, to) => {
        const facts = moving(from, to)
        const { running } = facts.state
        const later: DeploymentFacts = {
          ...facts,
          tags: ['v9'],
          policy: { ...facts.policy, routes: [{ kind: 'tag', pattern: 'x', reachableFrom: null }] },
          state: {
            ...facts.state,
            seq: 99,
            running: running && {
              ...running,
              seq: 98,
              since: 'later',
              version: 'other',
              commit: '2'.repeat(40) as never,
            },
            history: [],
            approvals: [{ actor: { name: 'Ben', email: 'b@example.com' }, plan: '3'.repeat(64) as never, at: '' }],
          },
        }
        assert.equal(planDeployment(later).hash, planDeployment(facts).hash)
      }),
    )
  })

  test('its hash moves with each thing it covers, and the parts say which', () => {
    const [from, to] = [release({ a: 1, b: 1 }, { stage: recipe }), release({ a: 2, b: 1 }, { stage: recipe })]
    const facts = moving(from, to)
    const plan = planDeployment(facts)
    const moved = (change: Partial<DeploymentFacts>): string[] => {
      const other = planDeployment({ ...facts, ...change })
      assert.notEqual(other.hash, plan.hash)
      return Object.keys(plan.covers).filter((part) => other.covers[part] !== plan.covers[part])
    }
    assert.deepEqual(moved({ previews: { a: { digest: 'change set', changes: [] } } }), ['previews'])
    assert.deepEqual(moved({ policy: policy('stage', { onFailure: [] }) }), ['policy'])
    assert.deepEqual(moved({ fingerprints: { ...facts.fingerprints, a: fingerprint('new') } }), ['variables'])
    assert.deepEqual(moved({ seen: { ...facts.seen, b: null } }), ['steps'])
    const { running } = facts.state
    assert.deepEqual(
      moved({ state: { ...facts.state, running: running && { ...running, release: '9'.repeat(64) as never } } }),
      ['from release'],
    )
  })

  test('a changed variable redeploys its user alone; an unknown one redeploys nobody', () => {
    const given = release({ a: 1, b: 1 })
    const facts = runs(given)
    const changed = planDeployment({ ...facts, fingerprints: { ...facts.fingerprints, b: fingerprint('new') } })
    assert.deepEqual(kinds(changed), ['rollout:b'])
    assert.deepEqual(
      changed.steps[0]?.reasons.map((known) => known.code),
      ['variables-changed'],
    )
    assert.deepEqual(planDeployment({ ...facts, fingerprints: {} }).steps, [])
  })

  test('hooks run when their definition or their service’s artifact changed, before and after the rollouts', () => {
    const [one, two] = [release({ a: 1, b: 1 }, { stage: recipe }), release({ a: 2, b: 1 }, { stage: recipe })]
    assert.deepEqual(kinds(planDeployment(factsFor(one))), [
      'hook:before/migrate',
      'rollout:a',
      'rollout:b',
      'hook:after/warm',
      'verify:answers',
    ])
    assert.deepEqual(kinds(planDeployment(moving(one, two))), ['hook:before/migrate', 'rollout:a', 'verify:answers'])
    const redefined = release(
      { a: 1, b: 1 },
      { stage: { ...recipe, before: [hook('migrate', 'a', { run: 'other' })] } },
    )
    assert.deepEqual(kinds(planDeployment(moving(one, redefined))), ['hook:before/migrate', 'verify:answers'])
  })

  test('a hook that comes after a service waits for it and what that comes after; all others wait for the hook', () => {
    const before = [hook('sync', 'c'), hook('migrate', 'a', { deployAfter: ['b'] }), hook('metadata', 'a')]
    const given = (artifacts: Record<string, number>) =>
      release(artifacts, { stage: { before, after: [hook('warm', 'c')] } }, { b: { deployAfter: ['a'] } })
    const one = given({ a: 1, b: 1, c: 1 })
    const needs = (plan: DeploymentPlan) =>
      Object.fromEntries(
        plan.steps.map((step) => [step.id.replace('stage/', ''), step.needs.map((id) => id.replace('stage/', ''))]),
      )
    assert.deepEqual(needs(planDeployment(factsFor(one))), {
      'hook:before/sync': [],
      'rollout:a': ['hook:before/sync'],
      'rollout:b': ['hook:before/sync', 'rollout:a'],
      'hook:before/migrate': ['hook:before/sync', 'rollout:a', 'rollout:b'],
      'hook:before/metadata': ['hook:before/migrate'],
      'rollout:c': ['hook:before/metadata'],
      'hook:after/warm': ['hook:before/metadata', 'rollout:a', 'rollout:b', 'rollout:c'],
    })
    assert.deepEqual(kinds(planDeployment(factsFor(one))), Object.keys(needs(planDeployment(factsFor(one)))))
    const late = moving(one, given({ a: 1, b: 2, c: 1 }))
    assert.deepEqual(needs(planDeployment(late)), { 'rollout:b': [] })
    const again = moving(one, given({ a: 2, b: 1, c: 1 }))
    assert.deepEqual(needs(planDeployment(again)), {
      'rollout:a': [],
      'hook:before/migrate': ['rollout:a'],
      'hook:before/metadata': ['hook:before/migrate'],
    })
  })

  test('a way back runs the rollback hooks of what is left in reverse, those named like a hook only if that ran', () => {
    const [one, two] = [release({ a: 1, b: 1 }, { stage: recipe }), release({ a: 2, b: 2 }, { stage: recipe })]
    const back = (hooksRun: string[]) =>
      kinds(
        planDeployment({
          ...moving(two, one),
          ...{ direction: 'back' as const, leaving: { release: two, hooksRun: new Set(hooksRun) } },
        }),
      )
    assert.deepEqual(back(['migrate']), [
      'rollout:a',
      'rollout:b',
      'hook:rollback/cool',
      'hook:rollback/migrate',
      'verify:answers',
    ])
    assert.deepEqual(back([]), ['rollout:a', 'rollout:b', 'hook:rollback/cool', 'verify:answers'])
  })

  test('a service rolls after those it is deployed after, also through one that does not roll', () => {
    const chain = { c: { deployAfter: ['b'] }, b: { deployAfter: ['a'] } }
    const one = release({ a: 1, b: 1, c: 1 }, { stage: {} }, chain)
    const two = release({ a: 2, b: 1, c: 2 }, { stage: {} }, chain)
    const plan = planDeployment(moving(one, two))
    const rollout = plan.steps.find((step) => step.id === 'stage/rollout:c')
    assert.deepEqual(rollout?.needs, ['stage/rollout:a'])
  })

  test('the way back leads to the newest release that was healthy, but not to the one that is left or passed over', () => {
    const state = runs(release({ a: 1 })).state
    const [first] = state.history
    assert.ok(first)
    const older = { ...first, release: '7'.repeat(64) as never }
    const known = { ...state, history: [first, older] }
    assert.deepEqual(rollbackCandidates(known, null), [first, older])
    assert.deepEqual(rollbackCandidates(known, first.release), [older])
    assert.deepEqual(rollbackCandidates({ ...known, passedOver: [older.release] }, first.release), [])
  })
})
