/** Checkout: turns a cart into a paid order. */
import { createLogger, startService, stopOnSignal } from '@shop/common'
import { connectNeighbours } from './neighbours.ts'
import { openOrderStore } from './order-store.ts'
import { checkoutRoutes } from './routes.ts'

async function main() {
  const logger = createLogger('checkout')
  const orders = await openOrderStore(logger)
  const till = { neighbours: connectNeighbours(), orders, logger, now: () => new Date() }
  const service = await startService({ routes: checkoutRoutes(till), logger })
  stopOnSignal(service, logger, () => orders.close())
}

main()
