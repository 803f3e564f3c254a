/** The pages of the shop, and the forms on them. */
import { randomUUID } from 'node:crypto'
import {
  type Answer,
  type Country,
  categories,
  countries,
  errorText,
  HttpError,
  type Logger,
  maxQuantity,
  type Request,
  type Route,
  route,
} from '@shop/common'
import type { Html } from './html.ts'
import type { Neighbours } from './neighbours.ts'
import {
  emptyFields,
  type FormMistakes,
  fieldAt,
  mistakesIn,
  type OrderForm,
  orderRequestOf,
  readOrderForm,
} from './order-form.ts'
import { cartPage, emptyCartPage } from './pages/cart.ts'
import { checkoutPage } from './pages/checkout.ts'
import { redirect, renderPage } from './pages/layout.ts'
import { orderPage } from './pages/order.ts'
import { productPage } from './pages/product.ts'
import { productListPage, titleOf } from './pages/product-list.ts'
import { stylesheetRoute } from './stylesheet.ts'
import { cartCookie, cartIdOf, newCartId } from './visitor.ts'

export function shopRoutes(neighbours: Neighbours, logger: Logger): Route[] {
  /** The number beside the basket is not worth a page: where the carts are away, it is left out. */
  async function countInCart(request: Request): Promise<number | null> {
    const cart = cartIdOf(request)
    if (cart === null) return 0
    try {
      return countOf(await neighbours.cart(cart))
    } catch (error) {
      logger.error('cart not counted', { error: errorText(error) })
      return null
    }
  }

  async function page(request: Request, title: string, content: Html, status = 200): Promise<Answer> {
    return renderPage({ title, content, status, cartCount: await countInCart(request) })
  }

  async function showCheckout(request: Request, cart: string, form: OrderForm, wrong: Wrong = nothingWrong) {
    const summary = await neighbours.summary(cart, form.country)
    return page(request, 'Checkout', checkoutPage({ form, summary, ...wrong }), wrong === nothingWrong ? 200 : 422)
  }

  return [
    stylesheetRoute,

    route('GET /', async (request) => {
      const category = categories.find((each) => each === request.query.get('category')) ?? null
      return page(request, titleOf(category), productListPage(await neighbours.products(category), category))
    }),

    route('GET /products/:id', async (request) => {
      const product = await neighbours.product(request.params.id)
      return page(request, product.name, productPage(product))
    }),

    route('GET /cart', async (request) => {
      const cart = cartIdOf(request)
      const count = cart === null ? 0 : countOf(await neighbours.cart(cart))
      if (cart === null || count === 0) return renderPage({ title: 'Cart', content: emptyCartPage(), cartCount: 0 })
      const country = countryOf(request.query)
      const summary = await neighbours.summary(cart, country)
      return renderPage({ title: 'Cart', content: cartPage(summary, country), cartCount: count })
    }),

    route('POST /cart/items', async (request) => {
      const form = await request.form()
      const { id: product } = await neighbours.product(form.get('product') ?? '')
      const cart = cartIdOf(request) ?? newCartId()
      await neighbours.addToCart(cart, { product, quantity: quantityIn(form, 1) })
      return redirect('/cart', { 'set-cookie': cartCookie(cart) })
    }),

    route('POST /cart/items/:product', async (request) => {
      const cart = cartIdOf(request)
      const form = await request.form()
      // The button that removes comes after the number in the form: the last word counts.
      if (cart !== null)
        await neighbours.setQuantity(cart, { product: request.params.product, quantity: quantityIn(form, 0) })
      return redirect('/cart')
    }),

    route('GET /checkout', async (request) => {
      const cart = cartIdOf(request)
      if (cart === null || countOf(await neighbours.cart(cart)) === 0) return redirect('/cart')
      const form = { order: randomUUID(), country: countryOf(request.query), totalCents: 0, fields: emptyFields() }
      return showCheckout(request, cart, form)
    }),

    route('POST /checkout', async (request) => {
      const cart = cartIdOf(request)
      const form = readOrderForm(await request.form())
      if (cart === null || form === null) return redirect('/cart')
      const mistakes = mistakesIn(form)
      if (Object.keys(mistakes).length > 0) return showCheckout(request, cart, form, { mistakes, trouble: null })
      try {
        const order = await neighbours.placeOrder(form.order, orderRequestOf(form, cart))
        return redirect(`/orders/${order.id}`)
      } catch (error) {
        const wrong = wrongIn(error)
        return showCheckout(request, cart, form, wrong)
      }
    }),

    route('GET /orders/:id', async (request) => {
      const order = await neighbours.order(request.params.id)
      return page(request, 'Thank you', orderPage(order))
    }),
  ]
}

type Wrong = { mistakes: FormMistakes; trouble: string | null }
const nothingWrong: Wrong = { mistakes: {}, trouble: null }

/** What the customer can do something about; anything else is thrown on. */
function wrongIn(error: unknown): Wrong {
  if (!(error instanceof HttpError) || error.status >= 500 || error.code === 'cart-empty') throw error
  const field = fieldAt(error.field)
  return field === null
    ? { mistakes: {}, trouble: error.message }
    : { mistakes: { [field]: error.message }, trouble: null }
}

const countOf = ({ items }: { items: ReadonlyArray<{ quantity: number }> }): number =>
  items.reduce((count, { quantity }) => count + quantity, 0)

const countryOf = (query: URLSearchParams): Country => countries.find((each) => each === query.get('country')) ?? 'DE'

function quantityIn(form: URLSearchParams, min: number): number {
  const quantity = Number(form.getAll('quantity').at(-1) ?? Number.NaN)
  if (!Number.isInteger(quantity) || quantity < min || quantity > maxQuantity) {
    throw new HttpError(422, 'invalid', `A quantity is a whole number from ${min} to ${maxQuantity}.`)
  }
  return quantity
}
