/** What an order costs. */
import { HttpError, type OrderedItem } from '@orders/common'
import { catalogue } from './catalogue.ts'

/** From here on a tenth is taken off. */
const discountFromCents = 5_000

export type Priced = { lines: string[]; totalCents: number }

export function priced(items: readonly OrderedItem[]): Priced {
  const lines: string[] = []
  let sumCents = 0
  for (const { product, quantity } of items) {
    const known = catalogue.find(({ id }) => id === product)
    if (known === undefined) throw new HttpError(422, 'unknown-product', `there is no ${product}`)
    sumCents += known.priceCents * quantity
    lines.push(`${quantity} × ${known.name}`)
  }
  const discountCents = sumCents >= discountFromCents ? Math.round(sumCents / 10) : 0
  return { lines, totalCents: sumCents - discountCents }
}
