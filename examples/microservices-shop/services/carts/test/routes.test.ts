import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { cartShape, createClient, createLogger, maxQuantity, startService } from '@shop/common'
import { openFileCartStore } from '../src/file-cart-store.ts'
import { cartRoutes } from '../src/routes.ts'

/** A client of a running carts service. */
async function carts(context: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), 'carts-'))
  const store = await openFileCartStore(folder, { now: Date.now })
  const service = await startService({ routes: cartRoutes(store), logger: createLogger('carts', () => {}), port: 0 })
  const client = createClient({ name: 'carts', url: service.url })
  context.after(async () => {
    client.close()
    await service.stop()
    await rm(folder, { recursive: true, force: true })
  })
  return client
}

test('a cart nobody knows is an empty cart', async (context) => {
  const client = await carts(context)
  assert.deepEqual(await client.get('/carts/new', cartShape), { id: 'new', items: [] })
})

test('adding answers with the cart as it is then', async (context) => {
  const client = await carts(context)
  await client.post('/carts/mine/items', { product: 'honey', quantity: 2 }, cartShape)
  const cart = await client.post('/carts/mine/items', { product: 'honey', quantity: 3 }, cartShape)
  assert.deepEqual(cart.items, [{ product: 'honey', quantity: 5 }])
})

test('nobody gets more of one product than is allowed', async (context) => {
  const client = await carts(context)
  await client.put('/carts/mine/items/honey', { quantity: maxQuantity }, cartShape)
  const oneMore = client.post('/carts/mine/items', { product: 'honey', quantity: 1 }, cartShape)
  await assert.rejects(oneMore, { status: 409, code: 'too-many' })
})

test('an id that could lead out of the folder is refused', async (context) => {
  const client = await carts(context)
  await assert.rejects(client.get('/carts/..%2F..%2Fetc', cartShape), { status: 422 })
})
