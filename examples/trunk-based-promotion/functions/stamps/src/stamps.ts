/** One stamp for every so many cents; ten of them are a loaf. */
import type { PlacedOrder } from '@orders/common'

const centsPerStamp = 500

export type Stamps = { order: string; stamps: number }

export const stampsFor = ({ order, totalCents }: PlacedOrder): Stamps => ({
  order,
  stamps: Math.floor(totalCents / centsPerStamp),
})
