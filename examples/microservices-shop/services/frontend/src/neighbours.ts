/** The other services, as the pages use them. */
import {
  type Cart,
  type CartItem,
  type Category,
  type Country,
  cartShape,
  createClient,
  type Order,
  type OrderRequest,
  orderShape,
  type Product,
  productShape,
  productsShape,
  requiredVariable,
  type Summary,
  summaryShape,
} from '@shop/common'

export type Neighbours = {
  products(category: Category | null): Promise<Product[]>
  product(id: string): Promise<Product>
  cart(id: string): Promise<Cart>
  addToCart(id: string, item: CartItem): Promise<Cart>
  setQuantity(id: string, item: CartItem): Promise<Cart>
  summary(cart: string, country: Country): Promise<Summary>
  placeOrder(id: string, request: OrderRequest): Promise<Order>
  order(id: string): Promise<Order>
}

/** Through the addresses in `PRODUCTS_URL`, `CARTS_URL` and `CHECKOUT_URL`. */
export function connectNeighbours(): Neighbours {
  const products = createClient({ name: 'products', url: requiredVariable('PRODUCTS_URL') })
  const carts = createClient({ name: 'carts', url: requiredVariable('CARTS_URL') })
  // Placing an order waits for four other services.
  const checkout = createClient({ name: 'checkout', url: requiredVariable('CHECKOUT_URL'), timeoutMs: 15_000 })
  const cartPath = (id: string) => `/carts/${encodeURIComponent(id)}`
  return {
    async products(category) {
      return (await products.get(`/products${category === null ? '' : `?category=${category}`}`, productsShape))
        .products
    },
    product: (id) => products.get(`/products/${encodeURIComponent(id)}`, productShape),
    cart: (id) => carts.get(cartPath(id), cartShape),
    addToCart: (id, item) => carts.post(`${cartPath(id)}/items`, item, cartShape),
    setQuantity: (id, { product, quantity }) =>
      carts.put(`${cartPath(id)}/items/${encodeURIComponent(product)}`, { quantity }, cartShape),
    summary: (cart, country) =>
      checkout.get(`/summary?cart=${encodeURIComponent(cart)}&country=${country}`, summaryShape),
    placeOrder: (id, request) => checkout.put(`/orders/${encodeURIComponent(id)}`, request, orderShape),
    order: (id) => checkout.get(`/orders/${encodeURIComponent(id)}`, orderShape),
  }
}
