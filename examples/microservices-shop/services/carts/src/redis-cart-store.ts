/** Carts as Redis hashes: adding is one atomic `HINCRBY`, whichever instance does it. */
import type { Logger } from '@shop/common'
import { connectRedis } from '@shop/redis'
import { type CartStore, cartLifetimeMs } from './cart-store.ts'

export async function openRedisCartStore(url: string, logger: Logger): Promise<CartStore> {
  const redis = await connectRedis(url, logger)
  const keyOf = (cart: string) => `cart:${cart}`
  return {
    async content(cart) {
      const hash = await redis.hgetall(keyOf(cart))
      return new Map(
        Object.entries(hash).flatMap(([product, quantity]): Array<[string, number]> => {
          return Number(quantity) > 0 ? [[product, Number(quantity)]] : []
        }),
      )
    },
    async add(cart, product, quantity) {
      await redis.multi().hincrby(keyOf(cart), product, quantity).pexpire(keyOf(cart), cartLifetimeMs).exec()
    },
    async set(cart, product, quantity) {
      const change = redis.multi()
      if (quantity > 0) change.hset(keyOf(cart), product, quantity)
      else change.hdel(keyOf(cart), product)
      await change.pexpire(keyOf(cart), cartLifetimeMs).exec()
    },
    async clear(cart) {
      await redis.del(keyOf(cart))
    },
    async close() {
      await redis.quit()
    },
  }
}
