import assert from 'node:assert/strict'
import { type AddressInfo, createServer } from 'node:net'
import { test } from 'node:test'
import { readSettings } from '../src/settings.ts'
import { createVisits } from '../src/visits.ts'

/** Answers each command with what `reply` says; commands come as arrays of strings. */
async function listening(reply: (words: string[]) => string) {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      for (const text of chunk.toString().split(/(?=\*\d+\r\n)/)) {
        socket.write(reply(text.split('\r\n').filter((line) => line !== '' && !/^[*$]/.test(line))))
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return { url: `redis://127.0.0.1:${port}`, close: () => new Promise((resolve) => server.close(resolve)) }
}

test('visits are counted in Redis, with the token first', async () => {
  const told: string[][] = []
  const redis = await listening((words) => {
    told.push(words)
    return words[0] === 'INCR' ? `:${told.length}\r\n` : '+OK\r\n'
  })
  const visits = createVisits(readSettings({ REDIS_URL: redis.url, REDIS_TOKEN: 'open sesame' }).redis)
  assert.equal(await visits.count(), 2)
  assert.equal(await visits.count(), 3)
  assert.deepEqual(told[0], ['AUTH', 'open sesame'])
  visits.close()
  await redis.close()
})

test('without Redis, or with one that refuses, nobody counts and the page is shown', async () => {
  const redis = await listening(() => '-NOAUTH Authentication required.\r\n')
  const visits = createVisits(readSettings({ REDIS_URL: redis.url }).redis)
  assert.equal(await visits.count(), null)
  visits.close()
  await redis.close()
  const nobody = createVisits(readSettings({ REDIS_URL: redis.url }).redis)
  assert.equal(await nobody.count(), null)
  nobody.close()
})

test('settings that make no sense are refused', () => {
  assert.throws(() => readSettings({ PORT: 'eighty' }), /PORT must be a number/)
  assert.throws(() => readSettings({ REDIS_URL: 'http://cache' }), /REDIS_URL must look like/)
  assert.deepEqual(readSettings({ REDIS_URL: 'rediss://cache:6380', REDIS_TOKEN: 't' }).redis, {
    ...{ host: 'cache', port: 6380, isEncrypted: true, token: 't' },
  })
})
