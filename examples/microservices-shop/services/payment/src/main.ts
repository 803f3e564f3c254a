/** Payment: checks a card and gives a transaction. */
import {
  cardShape,
  createLogger,
  integer,
  jsonAnswer,
  object,
  requiredVariable,
  route,
  startService,
  stopOnSignal,
} from '@shop/common'
import { charge } from './charge.ts'

const requestShape = object({ amountCents: integer({ min: 1 }), card: cardShape })

async function main() {
  const logger = createLogger('payment')
  const key = requiredVariable('PAYMENT_KEY')
  const routes = [
    route('PUT /charges/:order', async (request) => {
      const { order } = request.params
      const { amountCents, card } = await request.json(requestShape)
      const charged = charge({ order, amountCents, card }, key, new Date())
      logger.info('charged', { order, amountCents, transaction: charged.transactionId })
      return jsonAnswer(charged)
    }),
  ]
  stopOnSignal(await startService({ routes, logger }), logger)
}

main()
