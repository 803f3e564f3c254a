import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { HttpError, type PlacedOrder, parsePlacedOrder, startService } from '@orders/common'
import { notifier } from '../src/notifications.ts'
import { priced } from '../src/pricing.ts'
import { orderRoutes } from '../src/routes.ts'

const order = { email: 'ada@example.com', language: 'en', items: [{ product: 'rye-loaf', quantity: 2 }] }

/** Orders, beside a notifications that keeps to the contract. */
async function serve(context: TestContext, answerTo: (placed: PlacedOrder) => object) {
  const local = { port: 0, host: '127.0.0.1' }
  const notifications = await startService(
    [
      {
        method: 'PUT',
        path: '/notifications/:id',
        handle: (_id, body) => ({ status: 201, body: answerTo(parsePlacedOrder(body)) }),
      },
    ],
    () => {},
    local,
  )
  const orders = await startService(orderRoutes({ notify: notifier(notifications.url) }), () => {}, local)
  context.after(() => Promise.all([orders.stop(), notifications.stop()]))
  return (id: string, body: object = order) =>
    fetch(`${orders.url}/orders/${id}`, { method: 'PUT', body: JSON.stringify(body) })
}

test('an order costs what its items cost, less a tenth from 50 euros on', () => {
  assert.deepEqual(priced([{ product: 'rye-loaf', quantity: 2 }]), { lines: ['2 × Rye loaf'], totalCents: 980 })
  assert.equal(priced([{ product: 'sourdough', quantity: 10 }]).totalCents, 5_580)
  assert.throws(() => priced([{ product: 'cake', quantity: 1 }]), HttpError)
})

test('what is told to notifications keeps to the contract, and its letter comes with the order', async (context) => {
  const told: PlacedOrder[] = []
  const put = await serve(context, (placed) => {
    told.push(placed)
    return { id: placed.order, to: placed.email, subject: 'thanks' }
  })
  const answer = await put('o-1')
  assert.equal(answer.status, 201)
  const letter = { id: 'o-1', to: 'ada@example.com', subject: 'thanks' }
  assert.deepEqual(await answer.json(), { id: 'o-1', totalCents: 980, letter })
  assert.deepEqual(told, [
    { order: 'o-1', email: 'ada@example.com', language: 'en', lines: ['2 × Rye loaf'], totalCents: 980 },
  ])
})

test('an order nobody can read is refused before anybody is told', async (context) => {
  const put = await serve(context, () => assert.fail('nobody is told'))
  assert.equal((await put('o-1', { ...order, items: [] })).status, 422)
  assert.equal((await put('o-1', { ...order, email: 'nobody' })).status, 422)
  assert.equal((await put('o%2F1')).status, 422)
})
