/** What the instance tells the application; deploy/configure.sh writes it down. */
export type Settings = {
  port: number
  address: string
  /** Which deployment brought it. */
  release: string
  /** Null: visits are counted in this process alone. */
  redis: RedisSettings | null
}

export type RedisSettings = { host: string; port: number; isEncrypted: boolean; token: string | null }

export function readSettings(variables: Record<string, string | undefined>): Settings {
  const { PORT = '8080', LISTEN_ADDRESS = '127.0.0.1', RELEASE = 'none', REDIS_URL = '', REDIS_TOKEN = '' } = variables
  if (!/^\d{1,5}$/.test(PORT)) throw new Error(`PORT must be a number, not ${PORT}`)
  return {
    port: Number(PORT),
    address: LISTEN_ADDRESS,
    release: RELEASE,
    redis: REDIS_URL === '' ? null : redisSettings(REDIS_URL, REDIS_TOKEN),
  }
}

function redisSettings(text: string, token: string): RedisSettings {
  const url = URL.parse(text)
  if (url === null || !['redis:', 'rediss:'].includes(url.protocol)) {
    throw new Error('REDIS_URL must look like rediss://host:6379')
  }
  return {
    host: url.hostname,
    port: Number(url.port || '6379'),
    isEncrypted: url.protocol === 'rediss:',
    token: token === '' ? null : token,
  }
}
