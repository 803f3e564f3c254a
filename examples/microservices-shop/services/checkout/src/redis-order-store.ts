import { type Logger, type Order, orderShape, read } from '@shop/common'
import { connectRedis } from '@shop/redis'
import type { OrderStore } from './order-store.ts'

export async function openRedisOrderStore(url: string, logger: Logger): Promise<OrderStore> {
  const redis = await connectRedis(url, logger)
  const keyOf = (id: string) => `order:${id}`
  const find = async (id: string): Promise<Order | null> => {
    const json = await redis.get(keyOf(id))
    return json === null ? null : read(orderShape, JSON.parse(json))
  }
  return {
    find,
    async keep(order) {
      await redis.set(keyOf(order.id), JSON.stringify(order), 'NX')
      return (await find(order.id)) ?? order
    },
    async close() {
      await redis.quit()
    },
  }
}
