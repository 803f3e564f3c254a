import { type Letter, type Order, type PlacedOrder, parseOrderRequest, type Route } from '@orders/common'
import { catalogue } from './catalogue.ts'
import { priced } from './pricing.ts'

export type Neighbours = { notify(placed: PlacedOrder): Promise<Letter> }

/** The customer names the order: sending it once more is the same order, and the same letter. */
export const orderRoutes = ({ notify }: Neighbours): Route[] => [
  { method: 'GET', path: '/products', handle: () => ({ status: 200, body: catalogue }) },
  {
    method: 'PUT',
    path: '/orders/:id',
    async handle(id, body) {
      const { email, language, items } = parseOrderRequest(body)
      const { lines, totalCents } = priced(items)
      const letter = await notify({ order: id, email, language, lines, totalCents })
      const order: Order = { id, totalCents, letter }
      return { status: 201, body: order }
    },
  },
]
