import assert from 'node:assert/strict'
import { test } from 'node:test'
import { discountOf } from './index.ts'

test('nothing is taken off a single cup for a stranger', () => {
  assert.deepEqual(discountOf({ priceCents: 899, quantity: 1, isMember: false }), {
    percent: 0,
    because: [],
    totalCents: 899,
  })
})

test('rules add up, and the total is rounded down', () => {
  assert.deepEqual(discountOf({ priceCents: 899, quantity: 11, isMember: true }), {
    percent: 15,
    because: ['ten or more of one kind', 'a member'],
    totalCents: 8_405,
  })
})
