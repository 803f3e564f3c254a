import {
  type Cart,
  cartItemShape,
  HttpError,
  integer,
  jsonAnswer,
  maxLines,
  maxQuantity,
  noContent,
  object,
  type Route,
  read,
  route,
  text,
} from '@shop/common'
import type { CartStore } from './cart-store.ts'

const idShape = text({ max: 64, pattern: /^[A-Za-z0-9_-]+$/ })
const quantityShape = object({ quantity: integer({ max: maxQuantity }) })

/** What can be done with carts. A cart that nobody put anything into is an empty one. */
export function cartRoutes(store: CartStore): Route[] {
  const cartOf = async (id: string): Promise<Cart> => {
    const content = await store.content(id)
    // Two that add at the same moment may get past the limit: nobody gets more than the limit.
    const items = [...content].map(([product, quantity]) => ({ product, quantity: Math.min(quantity, maxQuantity) }))
    return { id, items }
  }
  const refuseTooMuch = async (id: string, product: string, quantity: number) => {
    const content = await store.content(id)
    if ((content.get(product) ?? 0) + quantity > maxQuantity) {
      throw new HttpError(409, 'too-many', `at most ${maxQuantity} of one product`, { field: 'quantity' })
    }
    if (!content.has(product) && content.size >= maxLines) {
      throw new HttpError(409, 'cart-full', `at most ${maxLines} different products`)
    }
  }

  return [
    route('GET /carts/:id', async ({ params }) => jsonAnswer(await cartOf(read(idShape, params.id)))),

    route('POST /carts/:id/items', async (request) => {
      const id = read(idShape, request.params.id)
      const { product, quantity } = await request.json(cartItemShape)
      await refuseTooMuch(id, product, quantity)
      await store.add(id, product, quantity)
      return jsonAnswer(await cartOf(id), 201)
    }),

    route('PUT /carts/:id/items/:product', async (request) => {
      const id = read(idShape, request.params.id)
      const { quantity } = await request.json(quantityShape)
      await store.set(id, read(idShape, request.params.product), quantity)
      return jsonAnswer(await cartOf(id))
    }),

    route('DELETE /carts/:id', async ({ params }) => {
      await store.clear(read(idShape, params.id))
      return noContent
    }),
  ]
}
