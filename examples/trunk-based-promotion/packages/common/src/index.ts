/** What both services share: the shapes in which they talk, and the shell they stand in. */
export {
  type Letter,
  type Order,
  type OrderedItem,
  type OrderRequest,
  type PlacedOrder,
  parseLetter,
  parseOrderRequest,
  parsePlacedOrder,
} from './contracts.ts'
export { HttpError } from './http-error.ts'
export {
  type Answer,
  createLogger,
  type Logger,
  type Route,
  type Service,
  startService,
  stopOnSignal,
} from './service.ts'
