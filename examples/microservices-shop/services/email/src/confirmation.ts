import { formatEuros, type Order } from '@shop/common'

export type Email = { to: string; subject: string; text: string }

/** The letter that confirms an order. */
export function confirmationOf(order: Order): Email {
  const { address, shipping } = order
  const width = Math.max(...order.lines.map(({ name, quantity }) => `${quantity} × ${name}`.length), 'Shipping'.length)
  const row = (what: string, cents: number) => `  ${what.padEnd(width)}  ${formatEuros(cents).padStart(10)}`
  const lines = [
    `Dear ${address.name},`,
    '',
    `thank you for your order ${order.id}. It is on its way to your table:`,
    '',
    ...order.lines.map((line) => row(`${line.quantity} × ${line.name}`, line.priceCents * line.quantity)),
    row('Shipping', shipping.costCents),
    row('Total', order.totalCents),
    '',
    `Paid with ${order.payment.brand} ending in ${order.payment.lastFour}.`,
    `${shipping.carrier} brings it in ${shipping.minDays} to ${shipping.maxDays} days, tracking id ${order.trackingId}, to`,
    '',
    ...[address.name, address.street, `${address.postalCode} ${address.city}`, address.country].map(
      (line) => `  ${line}`,
    ),
    '',
    'Have a slow morning,',
    'Morgen',
  ]
  return { to: order.email, subject: `Your order ${order.id} at Morgen`, text: `${lines.join('\n')}\n` }
}
