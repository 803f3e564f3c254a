import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  type CartItem,
  createLogger,
  HttpError,
  type OrderRequest,
  type Product,
  type Summary,
  startService,
} from '@shop/common'
import type { Neighbours } from '../src/neighbours.ts'
import { errorPage } from '../src/pages/error.ts'
import { renderPage } from '../src/pages/layout.ts'
import { shopRoutes } from '../src/routes.ts'

const honey: Product = { id: 'honey', name: 'Honey <b>', description: 'Sweet', category: 'table', priceCents: 950 }
const shipping = { carrier: 'Post', costCents: 490, minDays: 1, maxDays: 2 }
const summary: Summary = {
  lines: [{ product: 'honey', name: 'Honey', priceCents: 950, quantity: 2 }],
  subtotalCents: 1900,
  shipping,
  totalCents: 2390,
}

/** The shop with neighbours that remember one cart, unless a test has other plans. */
async function openShop(context: TestContext, plans: Partial<Neighbours> = {}) {
  const items: CartItem[] = []
  const placed: OrderRequest[] = []
  const neighbours: Neighbours = {
    products: async () => [honey],
    product: async (id) => {
      if (id !== 'honey') throw new HttpError(404, 'no-such-product', 'There is no such product.')
      return honey
    },
    cart: async (id) => ({ id, items }),
    addToCart: async (id, item) => {
      items.push(item)
      return { id, items }
    },
    setQuantity: async (id) => ({ id, items }),
    summary: async () => summary,
    placeOrder: async (id, request) => {
      placed.push(request)
      return {
        ...{ id, at: '2026-03-31T12:00:00Z', email: request.email, address: request.address, ...summary },
        payment: { transactionId: 'pay_1', brand: 'Visa', lastFour: '4242' },
        trackingId: 'MG1',
      }
    },
    order: async () => {
      throw new HttpError(404, 'no-such-order', 'There is no such order.')
    },
    ...plans,
  }
  const logger = createLogger('frontend', () => {})
  const service = await startService({
    routes: shopRoutes(neighbours, logger),
    logger,
    port: 0,
    onError: (error) =>
      renderPage({ title: 'Sorry', content: errorPage(error), cartCount: null, status: error.status }),
  })
  context.after(() => service.stop())
  const cookie = 'cart=00000000-0000-4000-8000-000000000000'
  const ask = (path: string, form?: Record<string, string>) =>
    fetch(new URL(path, service.url), {
      headers: { cookie, connection: 'close' },
      redirect: 'manual',
      ...(form && { method: 'POST', body: new URLSearchParams(form) }),
    })
  return { ask, items, placed }
}

const filledIn = {
  order: '00000000-0000-4000-8000-000000000001',
  country: 'DE',
  totalCents: '2390',
  ...{ name: 'Ada', email: 'ada@example.com', street: 'Torstraße 1', postalCode: '10115', city: 'Berlin' },
  ...{ number: '4242 4242 4242 4242', expires: '12/30', code: '123' },
}

test('products are listed with name and price, and names cannot smuggle markup in', async (context) => {
  const { ask } = await openShop(context)
  const page = await (await ask('/')).text()
  assert.match(page, /Honey &lt;b&gt;/)
  assert.match(page, /€9\.50/)
})

test('the shop stays open when the carts are away', async (context) => {
  const { ask } = await openShop(context, {
    cart: async () => {
      throw new HttpError(502, 'unreachable', 'carts cannot be reached')
    },
  })
  assert.equal((await ask('/')).status, 200)
})

test('putting something into the cart leads to the cart, and remembers whose it is', async (context) => {
  const { ask, items } = await openShop(context)
  const answer = await ask('/cart/items', { product: 'honey', quantity: '2' })
  assert.equal(answer.status, 303)
  assert.equal(answer.headers.get('location'), '/cart')
  assert.match(answer.headers.get('set-cookie') ?? '', /^cart=[0-9a-f-]{36};.*HttpOnly; SameSite=Lax/)
  assert.deepEqual(items, [{ product: 'honey', quantity: 2 }])
})

test('what is not for sale, or no quantity, does not get into the cart', async (context) => {
  const { ask, items } = await openShop(context)
  assert.equal((await ask('/cart/items', { product: 'nothing', quantity: '1' })).status, 404)
  assert.equal((await ask('/cart/items', { product: 'honey', quantity: '-1' })).status, 422)
  assert.deepEqual(items, [])
})

test('a form that is filled in becomes an order', async (context) => {
  const { ask, placed } = await openShop(context)
  const answer = await ask('/checkout', filledIn)
  assert.equal(answer.headers.get('location'), `/orders/${filledIn.order}`)
  assert.equal(placed[0]?.address.city, 'Berlin')
  assert.equal(placed[0]?.totalCents, 2390)
})

test('a form with gaps comes back with what was written and what is missing, and nothing is ordered', async (context) => {
  const { ask, placed } = await openShop(context)
  const answer = await ask('/checkout', { ...filledIn, email: 'ada', city: '' })
  const page = await answer.text()
  assert.equal(answer.status, 422)
  assert.match(page, /This is not an e-mail address/)
  assert.match(page, /Which city\?/)
  assert.match(page, /value="Torstraße 1"/)
  assert.deepEqual(placed, [])
})

test('a card that is declined is shown at the card, under the same order', async (context) => {
  const placeOrder = async () => {
    throw new HttpError(422, 'card-declined', 'The bank declined this card.', { field: 'card.number' })
  }
  const { ask } = await openShop(context, { placeOrder })
  const page = await (await ask('/checkout', filledIn)).text()
  assert.match(page, /id="number-mistake">The bank declined this card\./)
  assert.match(page, new RegExp(`name="order" value="${filledIn.order}"`))
})

test('the stylesheet of this version may be kept, that of another may not', async (context) => {
  const { ask } = await openShop(context)
  const [path = ''] = /\/assets\/\w+\/shop\.css/.exec(await (await ask('/')).text()) ?? []
  assert.match((await ask(path)).headers.get('cache-control') ?? '', /immutable/)
  assert.equal((await ask('/assets/other/shop.css')).headers.get('cache-control'), 'no-store')
})
