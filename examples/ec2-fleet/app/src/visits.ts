import { createRedis } from './redis.ts'
import type { RedisSettings } from './settings.ts'

/** How often the front page was seen. */
export type Visits = {
  /** Counts one; null where nobody knows, which is no reason to show no page. */
  count(): Promise<number | null>
  close(): void
}

export function createVisits(redis: RedisSettings | null): Visits {
  return redis === null ? countedHere() : countedInRedis(redis)
}

function countedHere(): Visits {
  let seen = 0
  return {
    async count() {
      seen += 1
      return seen
    },
    close() {},
  }
}

function countedInRedis(settings: RedisSettings): Visits {
  const redis = createRedis(settings)
  return {
    count: () => redis.increment('visits').catch(() => null),
    close: () => redis.close(),
  }
}
