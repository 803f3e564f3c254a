import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { createLogger, HttpError, type OrderRequest } from '@shop/common'
import { openFileOrderStore } from '../src/file-order-store.ts'
import type { Neighbours } from '../src/neighbours.ts'
import { placeOrder, type Till } from '../src/place-order.ts'

const request: OrderRequest = {
  cart: 'cart-1',
  email: 'ada@example.com',
  address: { name: 'Ada Lovelace', street: 'Torstraße 1', postalCode: '10115', city: 'Berlin', country: 'DE' },
  card: { number: '4242424242424242', expires: '12/30', code: '123' },
  totalCents: 3900 + 2 * 950 + 490,
}

/** Neighbours that do as they should and write down what they were asked, unless a test has other plans. */
async function till(context: TestContext, plans: Partial<Neighbours> = {}): Promise<Till & { asked: string[] }> {
  const folder = await mkdtemp(join(tmpdir(), 'checkout-'))
  context.after(() => rm(folder, { recursive: true, force: true }))
  const asked: string[] = []
  const neighbours: Neighbours = {
    cart: async (id) => ({
      id,
      items: [
        { product: 'moka-pot', quantity: 1 },
        { product: 'honey', quantity: 2 },
      ],
    }),
    clearCart: async () => void asked.push('clear cart'),
    products: async () => [
      { id: 'moka-pot', name: 'Moka pot', description: '-', category: 'coffee', priceCents: 3900 },
      { id: 'honey', name: 'Honey', description: '-', category: 'table', priceCents: 950 },
    ],
    quote: async () => ({ carrier: 'Post', costCents: 490, minDays: 1, maxDays: 2 }),
    charge: async (order, amountCents) => {
      asked.push(`charge ${amountCents}`)
      return { transactionId: `pay_${order}`, brand: 'Visa', lastFour: '4242' }
    },
    ship: async (order) => {
      asked.push('ship')
      return { trackingId: `MG-${order}` }
    },
    confirm: async () => void asked.push('confirm'),
    ...plans,
  }
  const orders = await openFileOrderStore(folder)
  return {
    neighbours,
    orders,
    asked,
    logger: createLogger('checkout', () => {}),
    now: () => new Date('2026-03-31T12:00:00Z'),
  }
}

test('an order is charged, shipped, kept, confirmed, and its cart cleared, in this order', async (context) => {
  const world = await till(context)
  const order = await placeOrder('order-1', request, world)
  assert.equal(order.totalCents, 6290)
  assert.deepEqual(world.asked, ['charge 6290', 'ship', 'confirm', 'clear cart'])
  assert.deepEqual(await world.orders.find('order-1'), order)
})

test('the same order placed again is the same order, and charges nothing', async (context) => {
  const world = await till(context)
  const first = await placeOrder('order-1', request, world)
  world.asked.length = 0
  assert.deepEqual(await placeOrder('order-1', request, world), first)
  assert.deepEqual(world.asked, [])
})

test('a total that moved since it was shown is asked about before anyone pays', async (context) => {
  const world = await till(context)
  await assert.rejects(placeOrder('order-1', { ...request, totalCents: 5000 }, world), { code: 'total-changed' })
  assert.deepEqual(world.asked, [])
})

test('a declined card leaves no order and no parcel', async (context) => {
  const charge = async () => {
    throw new HttpError(422, 'card-declined', 'The bank declined this card.', { field: 'card.number' })
  }
  const world = await till(context, { charge })
  await assert.rejects(placeOrder('order-1', request, world), { code: 'card-declined' })
  assert.deepEqual(world.asked, [])
  assert.equal(await world.orders.find('order-1'), null)
})

test('an order that is paid stands, though no letter can be sent', async (context) => {
  const confirm = async () => {
    throw new Error('no stamps')
  }
  const world = await till(context, { confirm })
  const order = await placeOrder('order-1', request, world)
  assert.deepEqual(await world.orders.find('order-1'), order)
})

test('an empty cart is no order', async (context) => {
  const world = await till(context, { cart: async (id) => ({ id, items: [] }) })
  await assert.rejects(placeOrder('order-1', request, world), { status: 409, code: 'cart-empty' })
})

test('of two that keep an order under one id at the same moment, the first wins for both', async (context) => {
  const world = await till(context)
  const [left, right] = await Promise.all([
    placeOrder('order-1', request, world),
    placeOrder('order-1', request, world),
  ])
  assert.deepEqual(left, right)
})
