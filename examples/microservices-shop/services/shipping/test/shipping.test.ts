import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quoteFor } from '../src/quote.ts'
import { isTrackingId, trackingIdOf } from '../src/tracking-id.ts'

test('shipping within Germany is free from sixty euros', () => {
  assert.equal(quoteFor('DE', 5_999).costCents, 490)
  assert.equal(quoteFor('DE', 6_000).costCents, 0)
})

test('the farther, the dearer, and nothing is free overseas', () => {
  const costs = (['DE', 'FR', 'US'] as const).map((country) => quoteFor(country, 100).costCents)
  assert.deepEqual(
    costs,
    [...costs].sort((left, right) => left - right),
  )
  assert.ok(quoteFor('US', 1_000_000).costCents > 0)
})

test('the same order always has the same tracking id, another order another', () => {
  assert.equal(trackingIdOf('order-1'), trackingIdOf('order-1'))
  assert.notEqual(trackingIdOf('order-1'), trackingIdOf('order-2'))
})

test('a tracking id with one digit mistyped is none', () => {
  const id = trackingIdOf('order-1')
  assert.ok(isTrackingId(id))
  for (let index = 2; index < id.length; index += 1) {
    const mistyped = id.slice(0, index) + ((Number(id[index]) + 1) % 10) + id.slice(index + 1)
    assert.ok(!isTrackingId(mistyped), mistyped)
  }
})
