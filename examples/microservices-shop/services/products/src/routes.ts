import { categories, HttpError, jsonAnswer, oneOf, type Product, type Route, read, route } from '@shop/common'
import type { ProductStore } from './store.ts'

/** `?category=` and `?ids=a,b` narrow the list down. */
export function productRoutes(store: Pick<ProductStore, 'products'>): Route[] {
  return [
    route('GET /products', async ({ query }) => {
      const category = query.get('category')
      const wanted = category === null ? null : read(oneOf(...categories), category)
      const ids = query.get('ids')?.split(',') ?? null
      const isWanted = (product: Product) =>
        (wanted === null || product.category === wanted) && (ids === null || ids.includes(product.id))
      return jsonAnswer({ products: (await store.products()).filter(isWanted) })
    }),
    route('GET /products/:id', async ({ params }) => {
      const product = (await store.products()).find(({ id }) => id === params.id)
      if (product === undefined) throw new HttpError(404, 'no-such-product', 'There is no such product.')
      return jsonAnswer(product)
    }),
  ]
}
