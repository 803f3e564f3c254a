import { errorText, HttpError, type Logger, type Order, type OrderRequest } from '@shop/common'
import type { Neighbours } from './neighbours.ts'
import type { OrderStore } from './order-store.ts'
import { summarize } from './summary.ts'

export type Till = { neighbours: Neighbours; orders: OrderStore; logger: Logger; now: () => Date }

/**
 * Turns a cart into an order. Every step may be done twice without harm, so that after a lost answer the same request,
 * under the same id, simply goes through again: it charges once, ships once, and finds the order it made.
 */
export async function placeOrder(id: string, request: OrderRequest, till: Till): Promise<Order> {
  const { neighbours, orders, logger } = till
  const known = await orders.find(id)
  if (known !== null) return known

  const cart = await neighbours.cart(request.cart)
  const summary = await summarize(cart, request.address.country, neighbours)
  if (summary.totalCents !== request.totalCents) {
    throw new HttpError(409, 'total-changed', 'The total has changed meanwhile. Please look at it again.', {
      field: 'totalCents',
    })
  }
  const payment = await neighbours.charge(id, summary.totalCents, request.card)
  const { trackingId } = await neighbours.ship(id, request.address)
  const { email, address } = request
  const order = await orders.keep({ id, at: till.now().toISOString(), email, address, ...summary, payment, trackingId })
  logger.info('order placed', { order: id, totalCents: order.totalCents, lines: order.lines.length })

  await afterwards('confirmation not sent', () => neighbours.confirm(order))
  await afterwards('cart not cleared', () => neighbours.clearCart(request.cart))
  return order

  /** The customer has paid: what fails now is ours to mend, not theirs. */
  async function afterwards(trouble: string, work: () => Promise<void>): Promise<void> {
    await work().catch((error) => logger.error(trouble, { order: id, error: errorText(error) }))
  }
}
