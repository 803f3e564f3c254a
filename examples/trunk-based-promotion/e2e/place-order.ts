/**
 * How the pieces come together: a customer places an order in a running environment, at `ORDERS_URL`. Runs after every
 * rollout, in every environment; an order whose id begins with `e2e-` is baked by nobody.
 */
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { type Order, parseLetter } from '@orders/common'

const url = process.env['ORDERS_URL']
if (!url) throw new Error('ORDERS_URL says where orders is')

const id = `e2e-${randomUUID()}`
const order = { email: 'e2e@example.com', language: 'en', items: [{ product: 'rye-loaf', quantity: 3 }] }

async function place(): Promise<Order> {
  const answer = await fetch(new URL(`/orders/${id}`, url), {
    method: 'PUT',
    body: JSON.stringify(order),
    signal: AbortSignal.timeout(20_000),
  })
  const body = await answer.json()
  assert.equal(answer.status, 201, `the order was answered with ${answer.status}: ${JSON.stringify(body)}`)
  return body as Order // each field of it is looked at below
}

const placed = await place()
assert.equal(placed.id, id)
assert.ok(placed.totalCents > 0)
assert.match(parseLetter(placed.letter).subject, new RegExp(id))
assert.deepEqual(await place(), placed, 'the same order once more is the same order')
console.log(`order ${id} was placed, and its letter is on its way`)
