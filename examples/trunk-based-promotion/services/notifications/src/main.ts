/** Notifications: writes to customers. The mail gateway reads letters from its output, as log shippers do. */
import { createLogger, startService, stopOnSignal } from '@orders/common'
import { notificationRoutes } from './routes.ts'

const log = createLogger('notifications')
const routes = notificationRoutes({
  maxLetterLength: 20_000,
  send: async (id, to, letter) => log('letter', { id, to, ...letter }),
})
startService(routes, log).then((service) => stopOnSignal(service, log))
