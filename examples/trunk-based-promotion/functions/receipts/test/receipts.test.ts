import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError, type PlacedOrder } from '@orders/common'
import { main } from '../src/handler.ts'
import { receiptFor } from '../src/receipt.ts'

const placed: PlacedOrder = {
  order: 'o-1',
  email: 'ada@example.com',
  language: 'en',
  lines: ['2 × Rye loaf'],
  totalCents: 980,
}

test('a receipt says what was bought, what it cost, and where to look it up', () => {
  const { text } = receiptFor(placed, 'https://orders.example.com')
  assert.equal(text, 'Receipt o-1\n2 × Rye loaf\nTotal EUR 9.80\nhttps://orders.example.com/orders/o-1')
})

test('nobody gets a receipt for what is no placed order', async () => {
  assert.equal((await main(placed)).order, 'o-1')
  await assert.rejects(main({ ...placed, lines: 'bread' }), HttpError)
})
