/** Orders, written once. Every instance of the service sees the same. */
import { dataFolder, type Logger, type Order, optionalVariable } from '@shop/common'

export type OrderStore = {
  find(id: string): Promise<Order | null>
  /** Answers the order that is kept under its id: this one, or the one that was there first. */
  keep(order: Order): Promise<Order>
  close(): Promise<void>
}

/** Redis where `REDIS_URL` is given, else files in the data folder. */
export async function openOrderStore(logger: Logger): Promise<OrderStore> {
  const redisUrl = optionalVariable('REDIS_URL')
  if (redisUrl !== null) {
    const { openRedisOrderStore } = await import('./redis-order-store.ts')
    return openRedisOrderStore(redisUrl, logger)
  }
  const { openFileOrderStore } = await import('./file-order-store.ts')
  return openFileOrderStore(dataFolder())
}
