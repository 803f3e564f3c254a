import { type Cart, type Country, HttpError, type Summary, totalCents } from '@shop/common'
import type { Neighbours } from './neighbours.ts'

/** What a cart comes to when it is sent to a country. Products that are no longer sold are left out. */
export async function summarize(cart: Cart, country: Country, neighbours: Neighbours): Promise<Summary> {
  if (cart.items.length === 0) throw new HttpError(409, 'cart-empty', 'The cart is empty.')
  const found = await neighbours.products(cart.items.map((item) => item.product))
  const products = new Map(found.map((product) => [product.id, product]))
  const lines = cart.items.flatMap(({ product: id, quantity }) => {
    const product = products.get(id)
    return product === undefined ? [] : [{ product: id, name: product.name, priceCents: product.priceCents, quantity }]
  })
  if (lines.length === 0) throw new HttpError(409, 'cart-empty', 'Nothing in the cart is sold any more.')
  const subtotalCents = totalCents(lines)
  const shipping = await neighbours.quote(country, subtotalCents)
  return { lines, subtotalCents, shipping, totalCents: subtotalCents + shipping.costCents }
}
