/**
 * Walks through a purchase as a customer would, against whatever runs at `TRUNKLINE_URL_FRONTEND` (else at the address
 * given): browses, fills a cart, is refused with a wrong card, pays with a right one, and finds the order.
 */
import assert from 'node:assert/strict'
import { createVisitor, type VisitedPage } from './visitor.ts'

const address = process.env['TRUNKLINE_URL_FRONTEND'] ?? process.argv[2]
if (address === undefined) throw new Error('where is the shop? npm run e2e http://127.0.0.1:4000')

const visitor = createVisitor(address)

/** In cents, as the product pages say. */
const prices = new Map([
  ['moka-pot', 0],
  ['honey', 0],
])
let totalCents = 0
let checkoutForm = new Map<string, string>()
const customer = {
  name: 'Ada Lovelace',
  email: 'ada@example.com',
  street: 'Torstraße 1',
  postalCode: '10115',
  city: 'Berlin',
  expires: `12/${new Date().getUTCFullYear() - 1999}`,
  code: '123',
}

/** `€1,234.50` where the pattern finds it on a page, in cents. */
function centsAt(page: VisitedPage, pattern: RegExp): number {
  const [, euros] = pattern.exec(page.html) ?? []
  assert.ok(euros, `no amount like ${pattern.source} at ${page.path}, which answered ${page.status} "${page.heading}"`)
  return Number(euros.replace(/\D/g, ''))
}

/** The last line of a verification's output is what people are told: it says what a customer could not do. */
async function step(name: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
    console.log(`✓ ${name}`)
  } catch (error) {
    console.log(`✗ ${name}: ${error instanceof Error ? error.message : error}`)
    process.exit(1)
  }
}

await step('the front page lists products', async () => {
  const page = await visitor.get('/')
  assert.match(page.html, /class="card" href="\/products\/moka-pot"/)
})

await step('product pages say what things cost', async () => {
  for (const product of prices.keys()) {
    const page = await visitor.get(`/products/${product}`)
    prices.set(product, centsAt(page, /<p class="price">(€[\d,.]+)/))
  }
})

await step('two products go into the cart', async () => {
  await visitor.post('/cart/items', { product: 'moka-pot', quantity: '1' })
  const page = await visitor.post('/cart/items', { product: 'honey', quantity: '2' })
  assert.equal(page.path, '/cart')
  const goods = (prices.get('moka-pot') ?? 0) + 2 * (prices.get('honey') ?? 0)
  assert.equal(centsAt(page, /Subtotal<\/dt><dd>(€[\d,.]+)/), goods)
  totalCents = centsAt(page, /Total<\/dt><dd>(€[\d,.]+)/)
  assert.ok(totalCents >= goods, 'shipping costs something, or nothing')
})

await step('the checkout asks for what it needs', async () => {
  const page = await visitor.get('/checkout?country=DE')
  checkoutForm = page.hiddenFields()
  assert.equal(checkoutForm.get('totalCents'), String(totalCents))
  const refused = await visitor.post('/checkout', {
    ...Object.fromEntries(checkoutForm),
    ...customer,
    number: '4242 4242 4242 4241',
  })
  assert.equal(refused.status, 422)
  assert.match(refused.html, /This card number is not valid/)
})

await step('the order is paid, sent and confirmed', async () => {
  const page = await visitor.post('/checkout', {
    ...Object.fromEntries(checkoutForm),
    ...customer,
    number: '4242 4242 4242 4242',
  })
  assert.equal(page.path, `/orders/${checkoutForm.get('order')}`)
  assert.match(page.html, /Thank you, Ada/)
  assert.match(page.html, /MG\d{13}/, 'a tracking id')
  assert.match(page.html, /Visa ···· 4242/)
})

await step('the order is found again, and the cart is empty', async () => {
  const order = await visitor.get(`/orders/${checkoutForm.get('order')}`)
  assert.equal(centsAt(order, /Total<\/dt><dd>(€[\d,.]+)/), totalCents)
  const cart = await visitor.get('/cart')
  assert.match(cart.html, /Your cart is empty/)
})
