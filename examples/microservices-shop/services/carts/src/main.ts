/** Carts: what customers are about to buy. */
import { createLogger, startService, stopOnSignal } from '@shop/common'
import { openCartStore } from './cart-store.ts'
import { cartRoutes } from './routes.ts'

async function main() {
  const logger = createLogger('carts')
  const store = await openCartStore(logger)
  const service = await startService({ routes: cartRoutes(store), logger })
  stopOnSignal(service, logger, () => store.close())
}

main()
