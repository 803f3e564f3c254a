import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HttpError } from './http-error.ts'
import { createLog } from './log.ts'
import { wholeNumber } from './query.ts'
import { startService } from './service.ts'

const lines: string[] = []
const log = createLog('parrot', (line) => lines.push(line))

async function ask(path: string, method = 'GET') {
  const service = await startService({
    name: 'parrot',
    port: 0,
    log,
    answer: ({ path, query }) => {
      if (path === 'bug') throw new Error('not for everyone')
      return { path, quantity: wholeNumber(query, 'quantity', { min: 1 }) }
    },
  })
  try {
    const answer = await fetch(`${service.url}${path}`, { method })
    return { status: answer.status, text: (await answer.text()).trim() }
  } finally {
    await service.stop()
  }
}

test('a service answers below its own name, and says when it is healthy', async () => {
  assert.deepEqual(await ask('/parrot/grey/african?quantity=2'), {
    status: 200,
    text: '{"path":"grey/african","quantity":2}',
  })
  assert.deepEqual(await ask('/healthz'), { status: 200, text: '{"ok":true}' })
  assert.equal((await ask('/dodo')).status, 404)
  assert.equal((await ask('/parrot?quantity=2', 'DELETE')).status, 405)
})

test('what makes no sense is told to who asked, what broke is told to us alone', async () => {
  assert.deepEqual(await ask('/parrot?quantity=0'), {
    status: 422,
    text: '{"error":"quantity must be a whole number from 1 to 1000000000"}',
  })
  assert.deepEqual(await ask('/parrot/bug'), { status: 500, text: '{"error":"something went wrong"}' })
  assert.ok(lines.some((line) => line.includes('not for everyone')))
  assert.equal(new HttpError(404, 'gone').message, 'gone')
})
