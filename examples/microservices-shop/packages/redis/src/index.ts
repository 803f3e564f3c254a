/** A connection to Redis that survives restarts of it, and fails requests instead of queueing them for ever. */
import { errorText, type Logger } from '@shop/common'
import { Redis } from 'ioredis'

export type { Redis }

const maxReconnectDelayMs = 2000

/** Connects before it resolves, so that a wrong address shows at the start. */
export async function connectRedis(url: string, logger: Logger): Promise<Redis> {
  const redis = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 5000,
    commandTimeout: 3000,
    maxRetriesPerRequest: 2,
    retryStrategy: (attempt) => Math.min(100 * attempt, maxReconnectDelayMs),
  })
  redis.on('error', (error) => logger.error('redis', { error: errorText(error) }))
  await redis.connect()
  return redis
}
