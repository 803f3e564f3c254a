/** What a customer keeps of an order. */
import type { PlacedOrder } from '@orders/common'

export type Receipt = { order: string; text: string }

export function receiptFor({ order, lines, totalCents }: PlacedOrder, ordersUrl: string): Receipt {
  const total = (totalCents / 100).toFixed(2)
  return {
    order,
    text: [`Receipt ${order}`, ...lines, `Total EUR ${total}`, new URL(`/orders/${order}`, ordersUrl).href].join('\n'),
  }
}
