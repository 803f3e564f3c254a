/** Frontend: the pages of the shop. */
import { createLogger, startService, stopOnSignal } from '@shop/common'
import { connectNeighbours } from './neighbours.ts'
import { errorPage } from './pages/error.ts'
import { renderPage } from './pages/layout.ts'
import { shopRoutes } from './routes.ts'

async function main() {
  const logger = createLogger('frontend')
  const service = await startService({
    routes: shopRoutes(connectNeighbours(), logger),
    logger,
    onError: (error) =>
      renderPage({ title: 'Sorry', content: errorPage(error), cartCount: null, status: error.status }),
  })
  stopOnSignal(service, logger)
}

main()
