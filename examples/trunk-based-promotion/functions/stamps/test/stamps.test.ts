import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError } from '@orders/common'
import { main } from '../src/handler.ts'

const placed = { order: 'o-1', email: 'ada@example.com', language: 'en', lines: ['2 × Rye loaf'], totalCents: 1_980 }

test('an order earns a stamp for every five euros', async () => {
  assert.deepEqual(await main(placed), { order: 'o-1', stamps: 3 })
  assert.deepEqual(await main({ ...placed, totalCents: 499 }), { order: 'o-1', stamps: 0 })
})

test('what is no placed order earns nothing, and says so', async () => {
  await assert.rejects(main({ ...placed, totalCents: 'much' }), HttpError)
})
