/** A function of AWS Lambda: a placed order comes in, as orders tells it to notifications, too; its stamps go out. */
import { parsePlacedOrder } from '@orders/common'
import { type Stamps, stampsFor } from './stamps.ts'

export const main = async (event: unknown): Promise<Stamps> => stampsFor(parsePlacedOrder(event))
