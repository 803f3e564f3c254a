import { countryShape, HttpError, jsonAnswer, orderRequestShape, type Route, read, route, text } from '@shop/common'
import { placeOrder, type Till } from './place-order.ts'
import { summarize } from './summary.ts'

const idShape = text({ max: 64, pattern: /^[A-Za-z0-9_-]+$/ })

export function checkoutRoutes(till: Till): Route[] {
  return [
    route('GET /summary', async ({ query }) => {
      const cart = await till.neighbours.cart(read(idShape, query.get('cart')))
      return jsonAnswer(await summarize(cart, read(countryShape, query.get('country')), till.neighbours))
    }),
    // The customer's side makes the id up: a second click, or a second try, is the same order.
    route('PUT /orders/:id', async (request) => {
      const id = read(idShape, request.params.id)
      return jsonAnswer(await placeOrder(id, await request.json(orderRequestShape), till))
    }),
    route('GET /orders/:id', async ({ params }) => {
      const order = await till.orders.find(read(idShape, params.id))
      if (order === null) throw new HttpError(404, 'no-such-order', 'There is no such order.')
      return jsonAnswer(order)
    }),
  ]
}
