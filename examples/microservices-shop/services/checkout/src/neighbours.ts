/** The other services, as checkout uses them. */
import {
  type Address,
  type Card,
  type Cart,
  type Charge,
  type Country,
  cartShape,
  chargeShape,
  createClient,
  type Order,
  object,
  type Product,
  productsShape,
  requiredVariable,
  type ShippingQuote,
  shipmentShape,
  shippingQuoteShape,
  text,
} from '@shop/common'

export type Neighbours = {
  cart(id: string): Promise<Cart>
  clearCart(id: string): Promise<void>
  products(ids: readonly string[]): Promise<Product[]>
  quote(country: Country, subtotalCents: number): Promise<ShippingQuote>
  charge(order: string, amountCents: number, card: Card): Promise<Charge>
  ship(order: string, address: Address): Promise<{ trackingId: string }>
  confirm(order: Order): Promise<void>
}

/** Through the addresses in `CARTS_URL`, `PRODUCTS_URL`, `PAYMENT_URL`, `SHIPPING_URL`, `EMAIL_URL`. */
export function connectNeighbours(): Neighbours {
  const clientOf = (name: string) => createClient({ name, url: requiredVariable(`${name.toUpperCase()}_URL`) })
  const carts = clientOf('carts')
  const products = clientOf('products')
  const payment = clientOf('payment')
  const shipping = clientOf('shipping')
  const email = clientOf('email')
  return {
    cart: (id) => carts.get(`/carts/${encodeURIComponent(id)}`, cartShape),
    clearCart: (id) => carts.delete(`/carts/${encodeURIComponent(id)}`),
    async products(ids) {
      const found = await products.get(`/products?ids=${ids.map(encodeURIComponent).join(',')}`, productsShape)
      return found.products
    },
    quote: (country, subtotalCents) =>
      shipping.get(`/quote?country=${country}&subtotalCents=${subtotalCents}`, shippingQuoteShape),
    charge: (order, amountCents, card) =>
      payment.put(`/charges/${encodeURIComponent(order)}`, { amountCents, card }, chargeShape),
    ship: (order, address) => shipping.put(`/shipments/${encodeURIComponent(order)}`, address, shipmentShape),
    async confirm(order) {
      await email.put(`/confirmations/${encodeURIComponent(order.id)}`, order, object({ order: text() }))
    },
  }
}
