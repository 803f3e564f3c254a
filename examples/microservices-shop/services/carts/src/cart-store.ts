/** Where carts are kept. Every instance of the service sees the same carts. */
import { dataFolder, type Logger, optionalVariable } from '@shop/common'

/** Product to quantity, in the order in which they were put in. */
export type CartContent = ReadonlyMap<string, number>

export type CartStore = {
  content(cart: string): Promise<CartContent>
  /** Adds to what is there; two at the same moment both count. */
  add(cart: string, product: string, quantity: number): Promise<void>
  /** 0 takes it out. */
  set(cart: string, product: string, quantity: number): Promise<void>
  clear(cart: string): Promise<void>
  close(): Promise<void>
}

/** A cart that nobody touches this long is forgotten. */
export const cartLifetimeMs = 30 * 24 * 60 * 60_000

/** Redis where `REDIS_URL` is given, else files in the data folder. */
export async function openCartStore(logger: Logger): Promise<CartStore> {
  const redisUrl = optionalVariable('REDIS_URL')
  if (redisUrl !== null) {
    const { openRedisCartStore } = await import('./redis-cart-store.ts')
    return openRedisCartStore(redisUrl, logger)
  }
  const { openFileCartStore } = await import('./file-cart-store.ts')
  return openFileCartStore(dataFolder(), { now: Date.now })
}
