/** A function of AWS Lambda: a placed order comes in, as orders tells it to notifications, too; its receipt goes out. */
import { parsePlacedOrder } from '@orders/common'
import { type Receipt, receiptFor } from './receipt.ts'

export const main = async (event: unknown): Promise<Receipt> =>
  receiptFor(parsePlacedOrder(event), process.env['ORDERS_URL'] || 'http://127.0.0.1:8080')
