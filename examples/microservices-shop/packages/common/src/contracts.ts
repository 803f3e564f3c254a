/** What the services of the shop tell each other. Each reads what it is told through these shapes. */
import { integer, listOf, object, oneOf, type Read, text } from './shape.ts'

/** An id that is part of a path: never a slash, never a dot. */
const id = text({ max: 64, pattern: /^[A-Za-z0-9_-]+$/ })

export const maxQuantity = 20
export const maxLines = 40

export const categories = ['coffee', 'table', 'home'] as const
export type Category = (typeof categories)[number]

export const productShape = object({
  id,
  name: text(),
  description: text({ max: 1000 }),
  category: oneOf(...categories),
  priceCents: integer({ min: 1, max: 10_000_000 }),
})
export type Product = Read<typeof productShape>
export const productsShape = object({ products: listOf(productShape) })

export const cartItemShape = object({ product: id, quantity: integer({ min: 1, max: maxQuantity }) })
export type CartItem = Read<typeof cartItemShape>
export const cartShape = object({ id, items: listOf(cartItemShape, { max: maxLines }) })
export type Cart = Read<typeof cartShape>

export const countries = ['DE', 'AT', 'FR', 'NL', 'BE', 'DK', 'IT', 'ES', 'PL', 'CH', 'GB', 'US'] as const
export type Country = (typeof countries)[number]
export const countryShape = oneOf(...countries)

export const shippingQuoteShape = object({
  carrier: text(),
  costCents: integer(),
  minDays: integer({ min: 1 }),
  maxDays: integer({ min: 1 }),
})
export type ShippingQuote = Read<typeof shippingQuoteShape>

export const addressShape = object({
  name: text(),
  street: text(),
  postalCode: text({ max: 12 }),
  city: text(),
  country: countryShape,
})
export type Address = Read<typeof addressShape>
export const shipmentShape = object({ trackingId: text() })

/** Read loosely: what is wrong with a card is for the payment service to say. */
export const cardShape = object({
  number: text({ min: 0, max: 40 }),
  expires: text({ min: 0, max: 10 }),
  code: text({ min: 0, max: 10 }),
})
export type Card = Read<typeof cardShape>
export const chargeShape = object({ transactionId: text(), brand: text(), lastFour: text({ pattern: /^\d{4}$/ }) })
export type Charge = Read<typeof chargeShape>

export const emailAddressShape = text({ max: 254, pattern: /^[^@\s]+@[^@\s]+\.[^@\s]+$/ })

export const orderLineShape = object({
  product: id,
  name: text(),
  priceCents: integer(),
  quantity: integer({ min: 1, max: maxQuantity }),
})

/** What a cart comes to, before anyone pays. */
export const summaryShape = object({
  lines: listOf(orderLineShape, { max: maxLines }),
  subtotalCents: integer(),
  shipping: shippingQuoteShape,
  totalCents: integer(),
})
export type Summary = Read<typeof summaryShape>

export const orderRequestShape = object({
  cart: id,
  email: emailAddressShape,
  address: addressShape,
  card: cardShape,
  /** What the customer was shown: another total is asked about first. */
  totalCents: integer(),
})
export type OrderRequest = Read<typeof orderRequestShape>

export const orderShape = object({
  id,
  at: text(),
  email: emailAddressShape,
  address: addressShape,
  lines: listOf(orderLineShape, { max: maxLines }),
  subtotalCents: integer(),
  shipping: shippingQuoteShape,
  totalCents: integer(),
  payment: chargeShape,
  trackingId: text(),
})
export type Order = Read<typeof orderShape>
