import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { EnvironmentRecipe, RolloutStrategy, Verification } from '../../src/model/index.ts'
import { environmentOf, planDeployment, rolloutFor, whyInStages } from '../../src/planning/index.ts'
import { factsFor, release, run } from './releases.ts'

const http = (name: string, service: string, path = '/'): Verification => ({
  ...{ kind: 'http', name, service, path, status: 200, contains: null, env: {}, timeoutMs: 1000 },
})
const command: Verification = { kind: 'command', name: 'checkout works', run: 'make e2e', env: {}, timeoutMs: 1000 }

const canary = (weight = 10, verify: string[] | null = null): RolloutStrategy => ({
  kind: 'canary',
  stages: [
    { weight, verify, pauseMs: 120_000 },
    { weight: 100, verify: null, pauseMs: 0 },
  ],
})
const recipeOf = (rollout: RolloutStrategy, change: Partial<EnvironmentRecipe> = {}) => ({
  stage: { rollout, verify: [command, http('web answers', 'web'), http('api answers', 'api')], ...change },
})
const rolledOut = (
  recipe: ReturnType<typeof recipeOf>,
  direction: 'forward' | 'back' = 'forward',
  change: Parameters<typeof release>[2] = {},
) => {
  const given = release({ web: 1, api: 2 }, recipe, change)
  const { web } = given.services
  assert.ok(web)
  return rolloutFor('web', web, environmentOf(given, 'stage'), direction)
}

describe('how a service is rolled out', () => {
  test('a stage that names nothing is verified by the probes of the service itself', () => {
    const { strategy, verifications } = rolledOut(recipeOf(canary()))
    assert.ok(typeof strategy !== 'string')
    assert.deepEqual(
      strategy.stages.map(({ verify }) => verify),
      [['web answers'], ['web answers']],
    )
    assert.deepEqual(
      verifications.map(({ name }) => name),
      ['web answers'],
    )
  })

  test('a stage is verified by what it names, and by nothing where it says so', () => {
    const named = rolledOut(recipeOf(canary(10, ['checkout works', 'api answers'])))
    assert.deepEqual(
      named.verifications.map(({ name }) => name),
      ['checkout works', 'web answers', 'api answers'],
    )
    const { strategy } = rolledOut(recipeOf(canary(10, [])))
    assert.ok(typeof strategy !== 'string')
    assert.deepEqual(strategy.stages[0]?.verify, [])
  })

  test('a way back has no stages, and neither has a service that serves nothing', () => {
    assert.equal(rolledOut(recipeOf(canary()), 'back').strategy, 'all-at-once')
    const worker = rolledOut(recipeOf(canary()), 'forward', { web: { run: { ...run, port: null } } })
    assert.equal(worker.strategy, 'one-at-a-time')
    assert.equal(rolledOut(recipeOf('half'), 'back').strategy, 'half')
  })

  test('a service may be rolled out in a way of its own', () => {
    assert.equal(rolledOut(recipeOf(canary(), { rollouts: { web: 'half' } })).strategy, 'half')
    assert.notEqual(rolledOut(recipeOf('half', { rollouts: { web: canary() } })).strategy, 'half')
  })

  test('people read the stages in one sentence', () => {
    const sentence = (strategy: RolloutStrategy) => typeof strategy !== 'string' && whyInStages(strategy).message
    assert.equal(sentence(canary(10, ['it works'])), 'canary: 10 % for 2m (it works), 100 %')
    const stages = [
      { weight: 0, verify: ['it works'], pauseMs: 0 },
      { weight: 100, verify: ['it works'], pauseMs: 90_000 },
    ]
    assert.equal(
      sentence({ kind: 'blue-green', stages }),
      'blue-green: aside (it works), switched (it works), the old set kept for 90s',
    )
  })

  test('invariant 9: an approval covers the stages and what verifies them', () => {
    const steps = (recipe: ReturnType<typeof recipeOf>) =>
      planDeployment(factsFor(release({ web: 1, api: 2 }, recipe))).covers['steps']
    const base = steps(recipeOf(canary(10)))
    assert.equal(steps(recipeOf(canary(10))), base)
    const changed = [
      recipeOf(canary(20)),
      recipeOf(canary(10, [])),
      recipeOf(canary(10), { verify: [command, http('web answers', 'web', '/other'), http('api answers', 'api')] }),
    ]
    for (const recipe of changed) assert.notEqual(steps(recipe), base)
  })

  test('releases that use a simple name have the id they always had', () => {
    const stage = environmentOf(release({ web: 1 }, { stage: { rollout: 'half' } }), 'stage')
    assert.equal(stage.rollout, 'half')
    assert.equal('rollouts' in stage, false)
  })
})
