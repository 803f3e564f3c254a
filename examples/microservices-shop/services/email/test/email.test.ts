import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Order } from '@shop/common'
import { confirmationOf } from '../src/confirmation.ts'
import { createOutbox } from '../src/outbox.ts'

const order: Order = {
  id: 'order-1',
  at: '2026-03-31T12:00:00.000Z',
  email: 'ada@example.com',
  address: { name: 'Ada Lovelace', street: 'Torstraße 1', postalCode: '10115', city: 'Berlin', country: 'DE' },
  lines: [
    { product: 'moka-pot', name: 'Moka pot', priceCents: 3900, quantity: 1 },
    { product: 'honey', name: 'Linden honey', priceCents: 950, quantity: 2 },
  ],
  subtotalCents: 5800,
  shipping: { carrier: 'Gelbe Post', costCents: 490, minDays: 1, maxDays: 2 },
  totalCents: 6290,
  payment: { transactionId: 'pay_1', brand: 'Visa', lastFour: '4242' },
  trackingId: 'MG0000000000000',
}

test('the confirmation names what was bought, what it came to and how it comes', () => {
  const { to, subject, text } = confirmationOf(order)
  assert.equal(to, 'ada@example.com')
  assert.match(subject, /order-1/)
  assert.match(text, /2 × Linden honey\s+€19\.00/)
  assert.match(text, /Total\s+€62\.90/)
  assert.match(text, /Visa ending in 4242/)
  assert.match(text, /tracking id MG0000000000000/)
})

test('amounts stand in one column', () => {
  const { text } = confirmationOf(order)
  const ends = text
    .split('\n')
    .filter((line) => line.includes('€'))
    .map((line) => line.length)
  assert.equal(new Set(ends).size, 1)
})

test('an order is confirmed once, however often it is asked for', () => {
  const outbox = createOutbox({ capacity: 10, now: () => new Date() })
  const first = outbox.send(order.id, confirmationOf(order))
  assert.equal(outbox.send(order.id, confirmationOf(order)), first)
  assert.equal(outbox.letters().length, 1)
})

test('the outbox remembers the newest letters', () => {
  const outbox = createOutbox({ capacity: 2, now: () => new Date() })
  for (const id of ['one', 'two', 'three']) outbox.send(id, confirmationOf({ ...order, id }))
  assert.deepEqual(
    outbox.letters().map((letter) => letter.order),
    ['three', 'two'],
  )
  assert.equal(outbox.find('one'), null)
})
