import { createHmac } from 'node:crypto'
import { type Card, type Charge, HttpError } from '@shop/common'
import { checkCard } from './card.ts'

/** The number with which a declined card is tried out. */
const declinedNumber = '4000000000000002'

export type ChargeRequest = { order: string; amountCents: number; card: Card }

/**
 * Charges an order. The transaction is signed with the shop's key and depends on order and amount alone: asked twice,
 * it is one transaction.
 */
export function charge({ order, amountCents, card }: ChargeRequest, key: string, now: Date): Charge {
  const { digits, brand, lastFour } = checkCard(card, now)
  if (digits === declinedNumber) {
    throw new HttpError(422, 'card-declined', 'The bank declined this card.', { field: 'card.number' })
  }
  const signature = createHmac('sha256', key)
    .update(JSON.stringify([order, amountCents]))
    .digest('hex')
  return { transactionId: `pay_${signature.slice(0, 24)}`, brand, lastFour }
}
