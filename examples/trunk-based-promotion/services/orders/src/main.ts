/** Orders: takes an order, says what it costs, and has a letter written. */
import { createLogger, startService, stopOnSignal } from '@orders/common'
import { notifier } from './notifications.ts'
import { orderRoutes } from './routes.ts'

const log = createLogger('orders')
const notify = notifier(process.env['NOTIFICATIONS_URL'] || 'http://notifications')
startService(orderRoutes({ notify }), log).then((service) => stopOnSignal(service, log))
