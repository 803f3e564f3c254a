/** A release is its content: equal content has one id, and each environment sees its part. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { exitCodeOf, type OutcomeKind, worstOutcome } from '../../src/model/index.ts'
import { composeRelease, generationOf, viewOf } from '../../src/planning/index.ts'
import { digest, hook, project, release, service } from './releases.ts'

const recipes = { stage: {}, prod: {} }

describe('the identity of a release', () => {
  test('the order of services and environments makes no difference', () => {
    const artifacts = { a: 1, b: 2, c: 3 }
    fc.assert(
      fc.property(fc.shuffledSubarray(Object.entries(artifacts), { minLength: 3 }), (shuffled) => {
        assert.equal(release(Object.fromEntries(shuffled), recipes).id, release(artifacts, { prod: {}, stage: {} }).id)
      }),
    )
  })

  test('any other content has another id', () => {
    const given = release({ a: 1 }, recipes)
    const others = [
      release({ a: 2 }, recipes),
      release({ b: 1 }, recipes),
      release({ a: 1, b: 1 }, recipes),
      release({ a: 1 }, { stage: {} }),
      release({ a: 1 }, { ...recipes, stage: { rollout: 'half' } }),
      release({ a: 1 }, recipes, { a: { env: { X: { kind: 'value', value: 'x' } } } }),
      release({ a: 1 }, recipes, { a: { deployAfter: ['b'] } }),
    ]
    assert.equal(new Set([given.id, ...others.map((other) => other.id)]).size, others.length + 1)
  })

  test('an environment’s view moves with the services and its own part, and with nobody else’s', () => {
    const given = release({ a: 1 }, recipes)
    const prodOnly = release({ a: 1 }, { ...recipes, prod: { before: [hook('migrate', 'a')] } })
    assert.notEqual(prodOnly.id, given.id)
    assert.equal(viewOf(prodOnly, 'stage'), viewOf(given, 'stage'))
    assert.notEqual(viewOf(prodOnly, 'prod'), viewOf(given, 'prod'))
    assert.notEqual(viewOf(release({ a: 2 }, recipes), 'stage'), viewOf(given, 'stage'))
  })

  test('an overlay file is part of its environment’s view', () => {
    const parts = { project: project([service('a')], recipes), artifacts: { a: digest(1) }, deployInputs: {} }
    const oid = (digit: number): never => String(digit).repeat(40) as never
    const one = composeRelease({ ...parts, overlays: { prod: { 'deploy/prod.yaml': oid(1) } } })
    const two = composeRelease({ ...parts, overlays: { prod: { 'deploy/prod.yaml': oid(2) } } })
    assert.equal(viewOf(one, 'stage'), viewOf(two, 'stage'))
    assert.notEqual(viewOf(one, 'prod'), viewOf(two, 'prod'))
  })

  test('a new environment on trunk moves no other’s view', () => {
    const given = release({ a: 1 }, { stage: {} })
    assert.equal(viewOf(release({ a: 1 }, recipes), 'stage'), viewOf(given, 'stage'))
    assert.equal(
      viewOf(release({ a: 1 }, recipes), 'prod'),
      viewOf(given, 'prod'),
      'one without words of its own is empty',
    )
  })

  test('what instances are made of does not vary by what others are, or by order', () => {
    const [one, two] = [release({ a: 1, b: 1 }), release({ a: 1, b: 2 }, recipes, { a: { deployAfter: ['b'] } })]
    assert.equal(generationOf(one, 'a', 'stage'), generationOf(two, 'a', 'stage'))
  })
})

describe('outcomes', () => {
  const kind = fc.constantFrom<OutcomeKind>(
    ...(['succeeded', 'nothing', 'waiting', 'superseded', 'failed', 'refused', 'errored'] as const),
  )

  test('the worst of many is one of them, in whatever order they come', () => {
    fc.assert(
      fc.property(fc.array(kind, { minLength: 1 }), (kinds) => {
        const worst = worstOutcome(kinds)
        assert.ok(kinds.includes(worst))
        assert.equal(worstOutcome([...kinds].reverse()), worst)
        assert.equal(worstOutcome([...kinds, ...kinds]), worst)
      }),
    )
    assert.equal(worstOutcome([]), 'nothing')
  })

  test('a delivery ends with success only if nothing in it failed, errored or was refused', () => {
    fc.assert(
      fc.property(fc.array(kind), (kinds) => {
        const isBad = kinds.some((known) => exitCodeOf(known) !== 0)
        assert.equal(exitCodeOf(worstOutcome(kinds)) !== 0, isBad)
      }),
    )
  })
})
